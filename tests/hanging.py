"""A way to a PostgreSQL server on which, when a test wants it, nothing passes while all connections stand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

_PORT = 5432


class HangingWay:
    """A TCP port in front of a server that listens on a Unix socket. `url` is the database's by this way."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.{_PORT}"
        self._passes = asyncio.Event()
        self._passes.set()
        self._held_back = asyncio.Event()
        self._started = url.partition("?")[0]
        self._conversations: set[asyncio.Task[None]] = set()
        self.url = ""

    def freeze(self) -> None:
        """Nothing passes any more, new connections neither."""
        self._passes.clear()
        self._held_back.clear()

    async def held_back(self) -> None:
        """Wait until somebody says something to the server that hangs."""
        await self._held_back.wait()

    def thaw(self) -> None:
        """What was held back passes, and what comes."""
        self._passes.set()

    def strand(self) -> None:
        """New connections pass; those that stand never do, and do not end."""
        self._passes = asyncio.Event()
        self._passes.set()

    def cut(self) -> None:
        """Connections that stand end."""
        for conversation in self._conversations:
            conversation.cancel()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[HangingWay]:
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = self._started.replace("@/", f"@127.0.0.1:{port}/")
        yield self
        server.close()
        self.cut()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None
        self._conversations.add(conversation)
        passes = self._passes
        try:
            await self._passing(passes)
            there, here = await asyncio.open_unix_connection(self._socket)
            try:
                await asyncio.gather(self._pass(reader, here, passes), self._pass(there, writer, passes))
            finally:
                here.close()
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()
            self._conversations.discard(conversation)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event) -> None:
        while octets := await reader.read(65536):
            await self._passing(passes)
            writer.write(octets)
            await writer.drain()
        writer.close()

    async def _passing(self, passes: asyncio.Event) -> None:
        if not passes.is_set():
            self._held_back.set()
        await passes.wait()
