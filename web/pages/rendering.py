"""Templates of the pages: everything is escaped, nothing runs that is not ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from store.people import Principal
from web.pages import words
from web.pages.rooms import ROLE_LABELS, rooms_of

_HERE = Path(__file__).parent
STATIC = _HERE.parent / "static"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy, level 3: our files alone, no inline script or style, no foreign address."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def page(
    request: Request, who: Principal | None, template: str, values: Mapping[str, Any] | None = None, status: int = 200
) -> HTMLResponse:
    """A whole page in its frame; `who` is None for somebody who has not signed in."""
    frame = {
        "who": who,
        "role_label": ROLE_LABELS[who.role] if who else "",
        "rooms": rooms_of(who) if who else (),
        "path": request.url.path,
    }
    return _answer(request, template, frame | dict(values or {}), status)


def piece(request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A part of a page, for htmx to put in its place; refusals are such parts too."""
    answer = _answer(request, template, values, status)
    answer.headers["X-Piece"] = "1"
    return answer


def wants_piece(request: Request) -> bool:
    """Whether htmx asks, for a part of the page that is shown already."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"


def csrf_token(request: Request) -> str:
    """What a form has to bring back; empty where nobody has signed in."""
    token: str = getattr(request.state, "csrf_token", "")
    return token


def _answer(request: Request, template: str, values: Mapping[str, Any], status: int) -> HTMLResponse:
    names: Mapping[str, str] = request.app.state.services.prefecture_names
    common = {"csrf": csrf_token(request), "prefecture_name": lambda code: names.get(code, code), "prefectures": names}
    text = environment().get_template(template).render({**common, **values})
    return HTMLResponse(text, status, headers={**HEADERS, "Vary": "HX-Request"})


@cache
def environment() -> Environment:
    """The templates, with the words and dates that they need."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = static_url
    made.filters.update(words.FILTERS)
    return made


@cache
def static_url(name: str) -> str:
    """The address of one of our files, which changes with its content: browsers may keep it for good."""
    return f"/static/{name}?v={static_digest(name)}"


@cache
def static_digest(name: str) -> str:
    """A short digest of one of our files."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
