"""Around every request: one line of log, headers that keep browsers strict, and an answer even to our own mistakes."""

from __future__ import annotations

import time
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import frames
from core.problems import Problem
from core.trouble import Trouble
from web.problems import problem_answer

log = structlog.get_logger("web")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""For answers that do not say otherwise; pages bring a policy of their own."""


class _NoBodyWanted(Exception):
    """What streams is ended here: for HEAD all has been said."""


class Envelope:
    """ASGI middleware. HEAD is answered as GET is, without the body (RFC 9110, section 9.3.2).

    The log names the route, not the path, and no query: both may hold personal data. `outage` is the trouble with the
    database; it is over where somebody known was answered.
    """

    def __init__(self, app: ASGIApp, outage: Trouble) -> None:
        self._app = app
        self._outage = outage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        await exchange.run(self._app)
        if exchange.used_the_database:
            self._outage.passed()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._method = scope["method"]
        self._scope = {**scope, "method": "GET"} if self._method == "HEAD" else scope
        self._receive = receive
        self._send_on = send
        self._status: int | None = None

    async def run(self, app: ASGIApp) -> None:
        started = time.perf_counter()
        try:
            await app(self._scope, self._receive, self._send)
        except _NoBodyWanted:
            pass
        except Exception as error:
            if self._status is not None:
                raise
            await self._apologise(error)
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.info("answered", **self._about(), status=self._status, ms=milliseconds)

    @property
    def used_the_database(self) -> bool:
        """Whether it was answered for somebody who was looked up there."""
        return self._status is not None and self._status < 500 and self._principal is not None

    async def _apologise(self, error: Exception) -> None:
        log.error("failed to answer", **self._about(), kind=type(error).__name__, where=frames(error))
        answer = problem_answer(Request(self._scope), Problem("internal"))
        await answer(self._scope, self._receive, self._send)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        if self._method == "HEAD" and message["type"] == "http.response.body":
            await self._send_on({**message, "body": b"", "more_body": False})
            if message.get("more_body"):
                raise _NoBodyWanted
            return
        await self._send_on(message)

    def _about(self) -> dict[str, Any]:
        route = self._scope.get("route")
        return {
            "method": self._method,
            "path": getattr(route, "path_format", "unmatched"),
            "principal": self._principal,
        }

    @property
    def _principal(self) -> str | None:
        principal: str | None = self._scope.get("state", {}).get("principal")
        return principal
