"""An answer that does not begin in time is 503: what is asked for hangs, as it does with its database.

Whether the client brings its body in time is watched elsewhere (web/connections.py).
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.ending import leave
from core.trouble import Often
from web.problems import unavailable_answer

log = structlog.get_logger("web")

_BEGIN_SECONDS = 30.0
"""From when the body is whole. Longer than a posted job is waited for (scheduler/intake.py), which says so itself."""

_SMALL_OCTETS = 65536


class Patience:
    """ASGI middleware. Whoever sends much is left his time: it may take long to come, and to be worked off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._given_up = Often(log, "gave up an answer that did not begin")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and _is_small(scope):
            await _Waiting(receive, send, self._given_up).run(self._app, scope)
        else:
            await self._app(scope, receive, send)


def _is_small(scope: Scope) -> bool:
    length = Headers(scope=scope).get("content-length", "")
    return scope["method"] == "GET" or (length.isdecimal() and int(length) <= _SMALL_OCTETS)


class _Waiting:
    """One request, until its answer begins. The time in which its body is waited for is the client's, not ours."""

    def __init__(self, receive: Receive, send: Send, given_up: Often) -> None:
        self._receive_on, self._send_on, self._given_up = receive, send, given_up
        self._loop = asyncio.get_running_loop()
        self._begins: asyncio.Future[bool] = self._loop.create_future()
        self._is_whole = False
        self._limit = self._count()

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        answering = asyncio.ensure_future(app(scope, self._receive, self._send))
        either: set[asyncio.Future[Any]] = {answering, self._begins}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not self._is_given_up():
                await answering
        finally:
            self._limit.cancel()
            if self._is_given_up() or not answering.done():
                leave(answering)
        if self._is_given_up():
            self._given_up.met()
            await unavailable_answer(Request(scope))(scope, self._receive_on, self._send_on)

    def _count(self) -> asyncio.TimerHandle:
        return self._loop.call_later(_BEGIN_SECONDS, self._begin, False)

    def _begin(self, in_time: bool) -> None:
        if not self._begins.done():
            self._begins.set_result(in_time)

    def _is_given_up(self) -> bool:
        return self._begins.done() and not self._begins.result()

    async def _receive(self) -> Message:
        if self._is_whole:
            return await self._receive_on()
        self._limit.cancel()
        try:
            message = await self._receive_on()
        finally:
            self._limit = self._count()
        self._is_whole = not message.get("more_body", False)
        return message

    async def _send(self, message: Message) -> None:
        self._begin(True)
        if not self._is_given_up():  # what was left behind may still have something to say
            await self._send_on(message)
