"""People on our pages: recognised by the cookie of their session, and as much let in as an API token of their role."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

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
    """Lead to the sign-in page and back again afterwards; htmx is told to leave the page it is on."""
    if request.headers.get("hx-request") == "true":
        page = urlsplit(request.headers.get("hx-current-url", ""))
        place = _sign_in_for(page.path, page.query)
        return Response(status_code=401, headers={"HX-Redirect": place})
    if csrf.is_unsafe(request):
        return RedirectResponse(SIGN_IN, 303)
    return RedirectResponse(_sign_in_for(request.url.path, request.url.query), 303)


def _sign_in_for(path: str, query: str) -> str:
    wanted = safe_next(f"{path}?{query}" if query else path)
    return SIGN_IN if wanted == HOME else f"{SIGN_IN}?next={quote(wanted, safe='/')}"


def safe_next(place: str | None) -> str:
    """Where to go after signing in: a path of ours, never another host's; the home page otherwise."""
    if place is None or len(place) > _MOST_NEXT or not place.isprintable():
        return HOME
    inside = place.startswith("/") and not place.startswith("//") and "\\" not in place
    return place if inside and not place.startswith(SIGN_IN) else HOME
