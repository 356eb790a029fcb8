"""An answer reaches whoever still sends: what is left of his request is read and thrown away before the answer ends.

A connection that is closed while octets lie unread is reset, and clients that send all before they read see that
instead of the answer (RFC 9112, section 9.6).
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = 30.0
_SILENT_SECONDS = 2.0
_LEAST_OCTETS = 64 * 1024 * 1024
_BODIES = 4


class Lingering:
    """ASGI middleware. Of what goes beyond `max_body_bytes` several times that is thrown away, or 64 MiB.

    A client that waits to be asked for its body (`Expect: 100-continue`) is not asked once it is answered.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._most = max(_BODIES * max_body_bytes, _LEAST_OCTETS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and _has_body(scope):
            exchange = _Exchange(receive, send, self._most)
            receive, send = exchange.receive, exchange.send
        await self._app(scope, receive, send)


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


class _Exchange:
    """One request with a body, and its answer."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive_on = receive
        self._send_on = send
        self._most = most
        self._over = False

    async def receive(self) -> Message:
        message = await self._receive_on()
        self._over = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        ends = message["type"] == "http.response.body" and not message.get("more_body", False)
        if self._over or not ends:
            await self._send_on(message)
            return
        await self._send_on({**message, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                await self._throw_away()
        await self._send_on({"type": "http.response.body", "body": b"", "more_body": False})

    async def _throw_away(self) -> None:
        size = 0
        while not self._over and size <= self._most:
            async with asyncio.timeout(_SILENT_SECONDS):
                message = await self.receive()
            size += len(message.get("body", b""))
