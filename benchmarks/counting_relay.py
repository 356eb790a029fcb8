"""An SMTP server in this process that counts what it takes by Message-ID, and says so only once it is counted."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator

from benchmarks.processes import LOOPBACK

_MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)\r$", re.MULTILINE | re.IGNORECASE)


class CountingRelay:
    """How often each mail came."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: Counter[str] = Counter()
        self.total = 0
        self._reached: list[tuple[int, asyncio.Event]] = []

    def take(self, mail: bytes) -> None:
        """One more."""
        found = _MESSAGE_ID.search(mail)
        self.mails[found[1].decode() if found else ""] += 1
        self.total += 1
        for count, event in self._reached:
            if self.total >= count:
                event.set()

    async def reach(self, count: int) -> None:
        """Wait until so many mails have come in all."""
        event = asyncio.Event()
        self._reached.append((count, event))
        if self.total < count:
            await event.wait()

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing has come for so long."""
        before = -1
        while before != self.total:
            before = self.total
            await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[CountingRelay]:
        """While it listens, on a free port."""
        server = await asyncio.get_running_loop().create_server(lambda: _Conversation(self), LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


class _Conversation(asyncio.Protocol):
    """As little SMTP as a sender needs."""

    def __init__(self, relay: CountingRelay) -> None:
        self._relay = relay
        self._received = b""
        self._in_data = False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(b"220 relay.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer whatever is whole."""
        self._received += data
        while True:
            head, end, rest = self._received.partition(b"\r\n.\r\n" if self._in_data else b"\r\n")
            if not end or self._transport is None:
                return
            self._received = rest
            self._transport.write(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        if self._in_data:
            self._in_data = False
            self._relay.take(head)
            return b"250 2.0.0 Ok\r\n"
        if head == b"DATA":
            self._in_data = True
            return b"354 Go ahead\r\n"
        return b"250-relay.example\r\n250 PIPELINING\r\n" if head.startswith(b"EHLO") else b"250 2.0.0 Ok\r\n"
