"""People on our pages: recognised by the cookie of their session, and as much let in as an API token of their role."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from core.errors import TodokeError
from core.problems import Problem
from store.people import Principal
from web import csrf
from web.forms import is_form, read_form
from web.problems import Refusal
from web.services import Services

SIGN_IN = "/login"
HOME = "/"

UNATTENDED = "X-Unattended"
"""Header of what an open page asks for by itself, when it hears that something changed."""

SAID = "said"
"""Parameter of the sign-in page: what it says of why somebody is there."""

ENDED = "ended"
UNSAVED = "unsaved"

_DONE = "done"  # what a page says of the request before it: that is not to be said again
_MOST_NEXT = 2000


class SignInNeeded(TodokeError):
    """A page is asked for without a session."""


async def recognise(request: Request, services: Services) -> Principal | None:
    """Who has the session whose cookie a request carries; None without one.

    Forms of theirs send `request.state.csrf_token`, scripts of ours the same as a header. Refused with `forged` where
    the request may change something and no page of ours made it.
    """
    cookie = services.cookies.session(request)
    unattended = request.headers.get(UNATTENDED) is not None
    principal = None if cookie is None else await services.users.recognise(cookie, unattended=unattended)
    if cookie is None or principal is None:
        return None
    if csrf.is_unsafe(request):
        given = await _given_token(request, services.max_body_bytes)
        if not csrf.is_genuine(request, cookie, given, services.public_url):
            raise Refusal(Problem("forged"))
    request.state.csrf_token = csrf.token_for(cookie)
    return principal


async def _given_token(request: Request, most: int) -> str | None:
    header = request.headers.get(csrf.HEADER)
    if header is not None or not is_form(request):
        return header
    return (await read_form(request, most)).get(csrf.FIELD)


async def to_sign_in(request: Request, _error: SignInNeeded) -> Response:
    """Lead to the sign-in page and back again afterwards; htmx is told to leave the page it is on.

    What somebody entered is not kept. The sign-in page says so, and leads back to the page of the form.
    """
    htmx = request.headers.get("hx-request") == "true"
    if not htmx and not csrf.is_unsafe(request):
        return RedirectResponse(_sign_in_for(_inside(request.url.path, request.url.query)), 303)
    if csrf.is_unsafe(request) and not csrf.comes_from_us(request, request.app.state.services.public_url):
        return RedirectResponse(SIGN_IN, 303)
    shown = request.headers.get("hx-current-url" if htmx else "referer") or request.url.path
    place = _sign_in_for(_page_at(request, shown), UNSAVED if csrf.is_unsafe(request) else ENDED)
    return Response(status_code=401, headers={"HX-Redirect": place}) if htmx else RedirectResponse(place, 303)


def _page_at(request: Request, address: str) -> str:
    """The page at an address, or the nearest one above it: an address that takes forms alone cannot be gone back to."""
    parts = urlsplit(address)
    path = parts.path
    while path and not _is_shown(request, path):
        path = path.rpartition("/")[0]
    query = parse_qsl(parts.query) if path == parts.path else []
    return _inside(path, urlencode([(name, value) for name, value in query if name != _DONE]))


def _is_shown(request: Request, path: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": path}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


def _inside(path: str, query: str) -> str:
    return safe_next(f"{path}?{query}" if query else path)


def _sign_in_for(wanted: str, said: str | None = None) -> str:
    asked = [] if wanted == HOME else [f"next={quote(wanted, safe='/')}"]
    asked += [] if said is None else [f"{SAID}={said}"]
    return f"{SIGN_IN}?{'&'.join(asked)}" if asked else SIGN_IN


def safe_next(place: str | None) -> str:
    """Where to go after signing in: a path of ours, never another host's; the home page otherwise."""
    if place is None or len(place) > _MOST_NEXT or not place.isprintable():
        return HOME
    inside = place.startswith("/") and not place.startswith("//") and "\\" not in place
    return place if inside and not place.startswith(SIGN_IN) else HOME
