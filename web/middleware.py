"""Around every request: one line of log, headers that keep browsers strict, and an answer even to our own mistakes."""

from __future__ import annotations

import asyncio
import time
import traceback
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.ending import part
from core.problems import Problem
from web.problems import problem_answer, unavailable

log = structlog.get_logger("web")

PATIENCE_SECONDS = 25.0
"""How long a request may wait for the beginning of its answer, not counting the time that its body takes to come.

Most proxies and clients give up after 30 or 60 s, and learn then neither what happened nor when to come back.
"""

_FRAMES = 15

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

    A request whose answer has not begun within `patience` seconds, or when the server ends, is answered 503 and its
    work is broken off. An answer that has begun may go on for ever.

    The log names the route, not the path, and no query: both may hold personal data.
    """

    def __init__(self, app: ASGIApp, patience: float = PATIENCE_SECONDS) -> None:
        self._app = app
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(scope, receive, send, self._patience).run(self._app)


class _TooLate(Exception):
    """What works on is ended here: the request was given up and has been answered."""


class _Patience:
    """Running out while nobody but us keeps a client waiting; `out` is done once it did."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.out: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None

    def run(self) -> None:
        """Run from the beginning."""
        self._timer = asyncio.get_running_loop().call_later(self.seconds, self._run_out)

    def rest(self) -> None:
        """Run no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _run_out(self) -> None:
        if not self.out.done():
            self.out.set_result(None)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, patience: float) -> None:
        self._method = scope["method"]
        self._scope = {**scope, "method": "GET"} if self._method == "HEAD" else scope
        self._receive = receive
        self._patience = _Patience(patience)
        self._given_up = False
        self._send_on = send
        self._status: int | None = None

    async def run(self, app: ASGIApp) -> None:
        started = time.perf_counter()
        try:
            await self._answer(app)
        except _NoBodyWanted:
            pass
        except asyncio.CancelledError:
            if self._status is not None:
                raise
            await self._give_up("the server ends")
        except Exception as error:
            if self._status is not None:
                raise
            await self._apologise(error)
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.info("answered", **self._about(), status=self._status, ms=milliseconds)

    async def _answer(self, app: ASGIApp) -> None:
        """Have the application answer, as long as there is patience. Raises what it raises."""
        self._patience.run()
        working = asyncio.ensure_future(app(self._scope, self._receive_on, self._send_in_time))
        try:
            await asyncio.wait({working, self._patience.out}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            else:
                await self._give_up("it took too long")
        finally:
            self._patience.rest()
            await part(working)

    async def _give_up(self, why: str) -> None:
        """Answer in place of work that hangs, as it does where the database hangs; it may not answer any more."""
        self._given_up = True
        log.error("gave up on a request", **self._about(), why=why)
        await unavailable(Request(self._scope))(self._scope, self._receive, self._send)

    async def _receive_on(self) -> Message:
        self._patience.rest()
        message = await self._receive()
        if self._status is None:
            self._patience.run()
        return message

    async def _send_in_time(self, message: Message) -> None:
        if self._given_up:
            raise _TooLate
        self._patience.rest()
        await self._send(message)

    async def _apologise(self, error: Exception) -> None:
        log.error("failed to answer", **self._about(), kind=type(error).__name__, where=_where(error))
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
            "principal": self._scope.get("state", {}).get("principal"),
        }


def _where(error: Exception) -> list[str]:
    """The innermost frames. The error's own words stay out: those of a database quote rows."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
