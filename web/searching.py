"""One search for whatever a caller can tell."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from core.errors import FieldError
from core.problems import field_problem
from scheduler.searching import Found, told_of
from store.people import Principal
from web import answers
from web.auth import MayReadMessages, sees_whole, sight_of
from web.problems import Refusal
from web.queries import Query
from web.services import Services, Serving

router = APIRouter(tags=["helpdesk"])


@router.get("/v1/search")
async def search(request: Request, who: MayReadMessages, services: Serving) -> JSONResponse:
    """Find institutions by code, name, mail address, application or login ID, whole or in part, in any width.

    A whole mail address or application brings its mails as well, and a message's id that one. A kind of mail may be
    named in the caller's words, alone or beside something else: `みなと病院 アカウント発行メール`. A prefecture finds
    its own.
    """
    query = Query(request)
    text = query.text("q")
    query.done()
    if text is None:
        raise Refusal(field_problem([FieldError("q", "required", "is required")]))
    found = await search_for(services, who, text)
    return JSONResponse(services.search.view(found, whole=sees_whole(who)))


async def search_for(services: Services, who: Principal, text: str) -> Found:
    """What a search finds for somebody, with the line that shown addresses leave in the audit trail."""
    found = await services.search.find(text, sight_of(who))
    await answers.note_shown(services, who, "searched", "/v1/search", {"q": told_of(text)}, found.addresses)
    return found
