"""The web page, and the fence around it: a captured mail may hold anything and must do nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sink.api import Api
from sink.problems import Refused, not_found, on_not_found, on_refused, on_wrong_method
from sink.reading import with_inline_pictures

_STATIC = Path(__file__).with_name("static")
_FILES: Mapping[str, str] = {
    "index.html": "text/html",
    "style.css": "text/css",
    "app.js": "text/javascript",
    "mail.js": "text/javascript",
    "dom.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# `sandbox` holds even where the mail's HTML is opened outside the page's frame: no script, no form, no meta refresh.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox"
)
_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def build_app(api: Api, *, loopback_only: bool) -> Starlette:
    """The page and the API. `loopback_only` refuses requests that name any other host (DNS rebinding)."""
    pages = _Pages(api)
    return Starlette(
        routes=[
            Route("/", _index, methods=["GET"]),
            Route("/livez", _alive, methods=["GET"]),
            Route("/static/{name}", _static, methods=["GET"]),
            Route("/mail/{id}/html", pages.mail_html, methods=["GET"]),
            *api.routes(),
        ],
        middleware=[Middleware(Fence, loopback_only=loopback_only)],
        exception_handlers={Refused: on_refused, 404: on_not_found, 405: on_wrong_method},
    )


async def _index(_request: Request) -> Response:
    return FileResponse(_STATIC / "index.html", media_type="text/html")


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        raise not_found("there is no such file")
    return FileResponse(_STATIC / name, media_type=_FILES[name])


class _Pages:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def mail_html(self, request: Request) -> Response:
        """The HTML of a mail for the page's frame, under a policy that lets it do and load nothing."""
        read = await self._api.read(request)
        return HTMLResponse(with_inline_pictures(read), headers={"Content-Security-Policy": _MAIL_POLICY})


class Fence:
    """Adds the security headers, and keeps foreign web sites out of a sink that listens on loopback."""

    def __init__(self, app: ASGIApp, *, loopback_only: bool) -> None:
        self._app = app
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._loopback_only and not is_loopback(host_of(Headers(scope=scope).get("host", ""))):
            answer = PlainTextResponse("This sink answers to loopback host names only; see --http-host.\n", 421)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    async def send_fenced(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
        await send(message)

    return send_fenced


def host_of(host_header: str) -> str:
    """The host of a Host header, without port and brackets."""
    host, bracket, _ = host_header.partition("]")
    return host.lstrip("[") if bracket else host_header.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, whatever the DNS says."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
