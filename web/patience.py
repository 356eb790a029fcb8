"""An answer that does not begin in time is 503: what is asked for hangs, as it does with its database."""

from __future__ import annotations

import asyncio

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.ending import leave
from web.problems import unavailable_answer

log = structlog.get_logger("web")

_BEGIN_SECONDS = 30.0
"""Longer than a posted job is waited for (scheduler/intake.py), which says so itself."""

_SMALL_OCTETS = 65536


class Patience:
    """ASGI middleware. Whoever sends much is left his time: it may take long to come, and to be worked off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and _is_small(scope):
            await _Waiting(send).run(self._app, scope, receive)
        else:
            await self._app(scope, receive, send)


def _is_small(scope: Scope) -> bool:
    length = Headers(scope=scope).get("content-length", "")
    return scope["method"] == "GET" or (length.isdecimal() and int(length) <= _SMALL_OCTETS)


class _Waiting:
    """One request, until its answer begins."""

    def __init__(self, send: Send) -> None:
        self._send_on = send
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._given_up = False

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        answering = asyncio.ensure_future(app(scope, receive, self._send))
        try:
            await asyncio.wait({answering, self._begun}, timeout=_BEGIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            self._given_up = not answering.done() and not self._begun.done()
            if not self._given_up:
                await answering
        finally:
            if not answering.done():
                leave(answering)
        if self._given_up:
            log.error("gave up an answer that did not begin")
            await unavailable_answer(Request(scope))(scope, receive, self._send_on)

    async def _send(self, message: Message) -> None:
        if self._given_up:  # what was left behind may still have something to say
            return
        if not self._begun.done():
            self._begun.set_result(None)
        await self._send_on(message)
