"""The page of a message: its evidence and story, and what a person may do to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from core.kinds import Kind
from scheduler.commands import Outcome
from scheduler.fields import Reader
from store.address_changes import institution_of
from store.people import AuditEntry, Principal, write_audit
from store.reading import MessageRecord, message_record
from store.reading_views import record_view, shown_text
from web.auth import actor, sees_whole, sight_of
from web.pages.input import form_reader, read_why, wrong
from web.pages.mails import RESENDABLE, because_of_the_season, mail_view
from web.pages.notices import notice, see
from web.pages.rendering import page, piece, wants_piece
from web.pages.timeline import entries
from web.pages.visitors import MayCommandMessages, MayReadMessages
from web.paths import uuid_in
from web.problems import not_found
from web.services import Services, Serving

router = APIRouter(include_in_schema=False)

_UNPROCESSABLE = 422


@router.get("/messages/{message_id}")
async def show_message(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """One message, its address masked."""
    return await _page(request, who, services)


@router.get("/messages/{message_id}/story")
async def show_message_story(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """Where it stands and how it came there, for a page that is open."""
    values = await _values(services, who, uuid_in(request, "message_id"))
    return piece(request, "message_story.html", values)


@router.post("/messages/{message_id}/address")
async def show_address(request: Request, who: MayReadMessages, services: Serving) -> Response:
    """The whole address, for a reason that the audit trail keeps."""
    message_id = uuid_in(request, "message_id")
    reader = await form_reader(request, services.max_body_bytes)
    why = read_why(reader)
    record = await _record(services, who, message_id)
    if why is None or not sees_whole(who):
        return await _address(request, who, services, {"wrong": wrong(reader.errors)}, _UNPROCESSABLE)
    async with services.db.write() as conn:
        entry = AuditEntry("address-shown", message_id, {"why": why, "addresses": 1})
        await write_audit(conn, who, entry, services.clock.now())
    return await _address(request, who, services, {"address": record.message.email})


@router.post("/messages/{message_id}/cancel")
async def cancel(request: Request, who: MayCommandMessages, services: Serving) -> Response:
    """Withdraw a message that has not left."""
    message_id = uuid_in(request, "message_id")
    reader = await form_reader(request, services.max_body_bytes)
    why = read_why(reader)
    if why is None:
        return await _again(request, who, services, reader)
    await services.commands.cancel_message(message_id, actor(who), why)
    return see(f"/messages/{message_id}", "cancelled")


@router.post("/messages/{message_id}/resend")
async def resend(request: Request, who: MayCommandMessages, services: Serving) -> Response:
    """Send it again, where that is allowed; refused with the procedure that helps instead otherwise."""
    message_id = uuid_in(request, "message_id")
    reader = await form_reader(request, services.max_body_bytes)
    why = read_why(reader)
    first = (await _record(services, who, message_id)).message
    if why is None and Kind(first.kind) in RESENDABLE:
        return await _again(request, who, services, reader)
    again = await services.commands.resend(message_id, actor(who), why)
    return see(f"/messages/{again}", "resent")


@router.post("/messages/{message_id}/resolve")
async def resolve(request: Request, who: MayCommandMessages, services: Serving) -> Response:
    """Settle a doubt for good."""
    message_id = uuid_in(request, "message_id")
    reader = await form_reader(request, services.max_body_bytes)
    outcome = reader.choice("outcome", Outcome, required=True)
    why = read_why(reader)
    if outcome is None or why is None:
        return await _again(request, who, services, reader)
    await services.commands.resolve(message_id, outcome, why, actor(who))
    return see(f"/messages/{message_id}", "resolved")


async def _page(
    request: Request, who: Principal, services: Services, more: Mapping[str, Any] | None = None, status: int = 200
) -> HTMLResponse:
    values = await _values(services, who, uuid_in(request, "message_id"))
    return page(request, who, "message.html", values | {"notice": notice(request)} | dict(more or {}), status)


async def _again(request: Request, who: Principal, services: Services, reader: Reader) -> HTMLResponse:
    """The page once more, with what is missing beside its field."""
    return await _page(request, who, services, {"wrong": wrong(reader.errors)}, _UNPROCESSABLE)


async def _address(
    request: Request, who: Principal, services: Services, more: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    if not wants_piece(request):
        return await _page(request, who, services, more, status)
    values = await _values(services, who, uuid_in(request, "message_id"))
    return piece(request, "message_address.html", values | dict(more), status)


async def _record(services: Services, who: Principal, message_id: str) -> MessageRecord:
    async with services.db.read() as conn:
        record = await message_record(conn, message_id, sight_of(who))
    if record is None:
        raise not_found()
    return record


async def _values(services: Services, who: Principal, message_id: str) -> dict[str, Any]:
    record = await _record(services, who, message_id)
    row, now = record.message, services.clock.now()
    prefecture, institution_name, pre_check = await _around(services, who, record)
    view = record_view(record, now)
    mail = mail_view(row, now, services.timing, prefecture, pre_check)
    if mail["waiting"]:
        season = because_of_the_season(row, record.events, services.explainer, prefecture)
        mail["because"] = season or mail["because"]
    return {
        "mail": mail,
        "delivery": view["delivery"] | {"diagnostic": shown_text(row.diagnostic, whole=False)},
        "reports": [report | {"diagnostic": _masked(report)} for report in view["delivery"]["reports"]],
        "institution_name": institution_name,
        "seen": max((event.id for event in record.events), default=0),
        "timeline": entries(record.events, row.kind, minor=True),
        "instead": await services.advisor.resend_refusal(Kind(row.kind), row.institution_code),
        "sees_whole": sees_whole(who),
        "address": None,
        "wrong": {},
        "notice": None,
    }


def _masked(report: Mapping[str, Any]) -> str | None:
    return shown_text(report["diagnostic"], whole=False)


async def _around(services: Services, who: Principal, record: MessageRecord) -> tuple[str | None, str | None, Any]:
    """Prefecture and name of the message's institution, and the pre-check it waits for."""
    row = record.message
    if row.institution_code is None:
        return None, None, None
    async with services.db.read() as conn:
        institution = await institution_of(conn, row.institution_code, sight_of(who))
        waited = None if row.waits_for is None else await message_record(conn, row.waits_for, sight_of(who))
    where, name = (None, None) if institution is None else (institution.prefecture, institution.name)
    return where, name, None if waited is None else waited.message
