"""Addresses that get no mail any more: listed, and released by a person with a reason (contract section 8)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from core.masking import mask_email
from core.problems import field_problem
from scheduler.fields import Reader
from store.reading_lists import SuppressionFilter, SuppressionState, suppression_page, suppression_view
from web import answers
from web.auth import MayLiftSuppressions, actor, sight_of
from web.bodies import parse_object, read_body
from web.paths import uuid_in
from web.problems import Refusal
from web.queries import Query
from web.services import Serving

router = APIRouter(tags=["suppressions"])

_SCOPES = ("all", "reminder")
_MAX_REASON = 1000


@router.get("/v1/suppressions")
async def list_suppressions(request: Request, who: MayLiftSuppressions, services: Serving) -> JSONResponse:
    """Suppressions, newest first: those in force, unless `state` asks for others."""
    query = Query(request)
    wanted = suppression_filter(query)
    after, limit = query.cursor(), query.limit()
    query.done()
    async with services.db.read() as conn:
        page = await suppression_page(conn, wanted, sight_of(who), after, limit)
    await answers.note_shown(
        services, who, "suppressions-listed", "/v1/suppressions", suppression_filter_told(wanted), len(page.rows)
    )
    return answers.listed([suppression_view(row, whole=True) for row in page.rows], page.next)


def suppression_filter(query: Query) -> SuppressionFilter:
    """What a list of suppressions is narrowed to."""
    return SuppressionFilter(
        institution_code=query.institution_code("institution_code"),
        email_key=query.email_key("email"),
        scope=query.one_of("scope", _SCOPES),
        state=query.choice("state", SuppressionState) or SuppressionState.ACTIVE,
    )


def suppression_filter_told(wanted: SuppressionFilter) -> dict[str, str]:
    """What was asked for, as the audit trail may hold it."""
    asked = {
        "institution_code": wanted.institution_code,
        "email": None if wanted.email_key is None else mask_email(wanted.email_key),
        "scope": wanted.scope,
        "state": wanted.state.value,
    }
    return {name: value for name, value in asked.items() if value is not None}


@router.delete("/v1/suppressions/{suppression_id}")
async def release_suppression(request: Request, who: MayLiftSuppressions, services: Serving) -> JSONResponse:
    """Release an address: mails go there again. The `reason` stands in a JSON body or in the query.

    409 `already-released` where somebody did so before; `detail` says who, and when.
    """
    suppression_id = uuid_in(request, "suppression_id")
    reason = await _reason(request, services.max_body_bytes)
    row = await services.commands.release(suppression_id, reason, actor(who))
    return JSONResponse(suppression_view(row, whole=True))


async def _reason(request: Request, most: int) -> str:
    query = Query(request)
    given = query.text("reason")
    body = await read_body(request, most)
    reader = parse_object(body) if body.strip() else Reader({"reason": given})
    query.done()
    reason = reader.line("reason", required=True, most=_MAX_REASON, several=True)
    reader.unknown()
    if reader.errors or reason is None:
        raise Refusal(field_problem(reader.errors))
    return reason
