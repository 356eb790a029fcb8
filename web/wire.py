"""What HTTP/1.1 asks of a server about how requests are written (RFC 9112), where our server leaves it to us."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from core.problems import Problem
from web.problems import problem_answer

_ABSOLUTE = re.compile(rb"https?://(?P<authority>[^/@\s]+)(?P<path>/.*)?", re.IGNORECASE | re.DOTALL)


class AbsoluteForm:
    """ASGI middleware. `GET http://host/livez` is `GET /livez` of that host, whatever `Host` says (section 3.2.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        found = _ABSOLUTE.fullmatch(scope.get("raw_path") or b"") if scope["type"] == "http" else None
        if found is not None:
            scope = _in_origin_form(scope, found["authority"], found["path"] or b"/")
        await self._app(scope, receive, send)


def _in_origin_form(scope: Scope, authority: bytes, raw_path: bytes) -> Scope:
    headers = [header for header in scope["headers"] if header[0] != b"host"]
    path = unquote(raw_path.decode("ascii"))
    return {**scope, "path": path, "raw_path": raw_path, "headers": [(b"host", authority), *headers]}


class OneLength:
    """ASGI middleware. A request that tells its length in two ways is refused, and its connection is closed.

    Somebody before us may have gone by the other one, and what he took for a body be a request to us (section 6.1).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and {"content-length", "transfer-encoding"} <= set(Headers(scope=scope)):
            problem = Problem("unparsable", "Transfer-Encoding and Content-Length in one request")
            answer = problem_answer(Request(scope), problem, {"Connection": "close"})
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
