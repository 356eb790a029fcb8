"""Messages: finding them, reading their story, and what a person may do to one (contract section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from core.jst import rfc3339
from core.kinds import Kind
from core.masking import mask_email
from core.problems import field_problem
from core.statuses import Status
from scheduler.commands import Outcome
from store.people import Principal
from store.reading import MessageFilter, MessageRecord, Settled, message_page, message_record
from store.reading_views import message_view, record_view
from web import answers
from web.auth import MayCommandMessages, MayReadMessages, actor, sight_of
from web.bodies import read_object
from web.paths import uuid_in
from web.problems import Refusal, not_found
from web.queries import Query, without_query
from web.services import Services, Serving

router = APIRouter(tags=["messages"])

_MAX_WHY = 1000


@router.get("/v1/messages")
async def list_messages(request: Request, who: MayReadMessages, services: Serving) -> JSONResponse:
    """Messages, newest first. Pages are stable: what comes in meanwhile moves none of them.

    A prefecture sees those of its institutions, and no `code` mails.
    """
    query = Query(request)
    now = services.clock.now()
    wanted = message_filter(query, now)
    after, limit = query.cursor(), query.limit()
    query.done()
    async with services.db.read() as conn:
        page = await message_page(conn, wanted, sight_of(who), after, limit)
    await answers.note_shown(
        services, who, "messages-listed", "/v1/messages", message_filter_told(wanted), len(page.rows)
    )
    return answers.listed([message_view(row, now, whole=True) for row in page.rows], page.next)


def message_filter(query: Query, now: datetime) -> MessageFilter:
    """What a list of messages is narrowed to."""
    over = query.truth("settled")
    return MessageFilter(
        institution_code=query.institution_code("institution_code"),
        application_id=query.identifier("application_id"),
        email_key=query.email_key("email"),
        kind=query.choice("kind", Kind),
        status=query.choice("status", Status),
        settled=None if over is None else Settled(over, now),
        since=query.moment("since"),
        until=query.moment("until"),
    )


def message_filter_told(wanted: MessageFilter) -> dict[str, str]:
    """What was asked for, as the audit trail may hold it."""
    asked = {
        "institution_code": wanted.institution_code,
        "application_id": wanted.application_id,
        "email": None if wanted.email_key is None else mask_email(wanted.email_key),
        "kind": wanted.kind,
        "status": wanted.status,
        "settled": None if wanted.settled is None else str(wanted.settled.over).lower(),
        "since": rfc3339(wanted.since),
        "until": rfc3339(wanted.until),
    }
    return {name: value for name, value in asked.items() if value is not None}


@router.get("/v1/messages/{message_id}")
async def read_message(request: Request, who: MayReadMessages, services: Serving) -> JSONResponse:
    """One message: its fields, the evidence of its delivery, and its story in order."""
    without_query(request)
    record = await _record(services, who, uuid_in(request, "message_id"))
    await answers.note_shown(services, who, "message-shown", record.message.id, {}, 1)
    return JSONResponse(record_view(record, services.clock.now()))


@router.post("/v1/messages/{message_id}/cancel")
async def cancel_message(request: Request, who: MayCommandMessages, services: Serving) -> JSONResponse:
    """Withdraw a message that has not left. A guide that waits for this pre-check is cancelled with it."""
    without_query(request)
    message_id = uuid_in(request, "message_id")
    await services.commands.cancel_message(message_id, actor(who))
    return await _shown(services, who, message_id)


@router.post("/v1/messages/{message_id}/resolve")
async def resolve_message(request: Request, who: MayCommandMessages, services: Serving) -> JSONResponse:
    """Settle the doubt about a message in `in-doubt`, for good, and say why.

    With `sent`, the gate behind a pre-check opens, counted from now on; `sent_at` is the moment of the try that may
    have arrived.
    """
    without_query(request)
    message_id = uuid_in(request, "message_id")
    reader = await read_object(request, services.max_body_bytes)
    outcome = reader.choice("outcome", Outcome, required=True)
    why = reader.line("why", required=True, most=_MAX_WHY, several=True)
    reader.unknown()
    if reader.errors or outcome is None or why is None:
        raise Refusal(field_problem(reader.errors))
    await services.commands.resolve(message_id, outcome, why, actor(who))
    return await _shown(services, who, message_id)


@router.post("/v1/messages/{message_id}/resend")
async def resend_message(request: Request, who: MayCommandMessages, services: Serving) -> JSONResponse:
    """Send a mail again, as a new message to the same address.

    409 `resend-impossible`, with the procedure that helps instead, for the kinds that are never sent again (the guide
    above all), while the first one is still on its way, and while a copy of it is or was within the last minute: who
    asks again for want of an answer is told that copy (`message_id`), and makes no second one.
    """
    without_query(request)
    message_id = await services.commands.resend(uuid_in(request, "message_id"), actor(who))
    return await _shown(services, who, message_id, status=202)


async def _shown(services: Services, who: Principal, message_id: str, status: int = 200) -> JSONResponse:
    """The message after a command; the command has left its own line in the audit trail."""
    record = await _record(services, who, message_id)
    view: Mapping[str, Any] = record_view(record, services.clock.now())
    return JSONResponse(view, status)


async def _record(services: Services, who: Principal, message_id: str) -> MessageRecord:
    async with services.db.read() as conn:
        record = await message_record(conn, message_id, sight_of(who))
    if record is None:
        raise not_found()
    return record
