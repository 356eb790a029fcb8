"""The first page: one search box, and what it finds."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from scheduler.searching import Found
from store.searching import NAME_GRAM, TERM_GRAM
from web.auth import sight_of
from web.pages.rendering import page
from web.pages.rooms import may, rooms_of
from web.pages.visitors import MayReadMessages, Somebody
from web.permissions import Call
from web.queries import Query
from web.services import Serving

router = APIRouter(include_in_schema=False)

_LEAST = {"least_of_name": NAME_GRAM, "least_of_term": TERM_GRAM}


@router.get("/")
async def home(request: Request, who: Somebody) -> Response:
    """The search box; who may not search is led to the first page that is theirs."""
    if not may(who, Call.READ_MESSAGES):
        return RedirectResponse(rooms_of(who)[0].path, 303)
    return page(request, who, "home.html", {"q": ""})


@router.get("/search")
async def search(request: Request, who: MayReadMessages, services: Serving) -> Response:
    """What was found, addresses masked; the one thing that fits is shown at once."""
    query = Query(request)
    text = query.text("q")
    query.done()
    if text is None:
        return RedirectResponse("/", 303)
    found = await services.search.find(text, sight_of(who))
    only = _only(found)
    if only is not None:
        return RedirectResponse(only, 303)
    values = {"q": text, "found": services.search.view(found, whole=False), "short": found.short}
    return page(request, who, "search.html", values | _LEAST)


def _only(found: Found) -> str | None:
    """Where the one institution or message is that was found."""
    if len(found.institutions) == 1:
        return f"/institutions/{found.institutions[0].institution.code}"
    if not found.institutions and found.kind is None and len(found.messages) == 1:
        return f"/messages/{found.messages[0].id}"
    return None
