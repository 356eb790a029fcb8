"""The page of a message: its evidence and story, and what a person may do to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from core.kinds import Kind
from core.statuses import Status
from scheduler.commands import Outcome
from store.people import AuditEntry, Principal, write_audit
from web.auth import actor, sees_whole
from web.pages.input import form_reader, read_why, shown_again
from web.pages.mails import RESENDABLE
from web.pages.message_view import message_values, record_of
from web.pages.notices import notice, see
from web.pages.rendering import page, piece, wants_piece
from web.pages.visitors import MayCommandMessages, MayReadMessages
from web.paths import uuid_in
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
    values = await message_values(services, who, uuid_in(request, "message_id"))
    return piece(request, "message_story.html", values)


@router.post("/messages/{message_id}/address")
async def show_address(request: Request, who: MayReadMessages, services: Serving) -> Response:
    """The whole address, for a reason that the audit trail keeps."""
    message_id = uuid_in(request, "message_id")
    reader = await form_reader(request, services.max_body_bytes)
    why = read_why(reader)
    record = await record_of(services, who, message_id)
    if why is None or not sees_whole(who):
        return await _address(request, who, services, shown_again("address", reader), _UNPROCESSABLE)
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
        return await _again(request, who, services, shown_again("cancel", reader))
    await services.commands.cancel_message(message_id, actor(who), why)
    return see(f"/messages/{message_id}", "cancelled")


@router.post("/messages/{message_id}/resend")
async def resend(request: Request, who: MayCommandMessages, services: Serving) -> Response:
    """Send it again, where that is allowed; refused with the procedure that helps instead otherwise."""
    message_id = uuid_in(request, "message_id")
    reader = await form_reader(request, services.max_body_bytes)
    why = read_why(reader)
    first = (await record_of(services, who, message_id)).message
    if why is None and Kind(first.kind) in RESENDABLE:
        return await _again(request, who, services, shown_again("resend", reader))
    again = await services.commands.resend(message_id, actor(who), why)
    stopped = (await record_of(services, who, again)).message.status == Status.SUPPRESSED
    return see(f"/messages/{again}", "resent-in-vain" if stopped else "resent")


@router.post("/messages/{message_id}/resolve")
async def resolve(request: Request, who: MayCommandMessages, services: Serving) -> Response:
    """Settle a doubt for good."""
    message_id = uuid_in(request, "message_id")
    reader = await form_reader(request, services.max_body_bytes)
    outcome = reader.choice("outcome", Outcome, required=True)
    why = read_why(reader)
    if outcome is None or why is None:
        return await _again(request, who, services, shown_again("resolve", reader, ("outcome", "why")))
    await services.commands.resolve(message_id, outcome, why, actor(who))
    return see(f"/messages/{message_id}", "resolved")


async def _page(
    request: Request, who: Principal, services: Services, more: Mapping[str, Any] | None = None, status: int = 200
) -> HTMLResponse:
    values = await message_values(services, who, uuid_in(request, "message_id"))
    return page(request, who, "message.html", values | {"notice": notice(request)} | dict(more or {}), status)


async def _again(request: Request, who: Principal, services: Services, form: Mapping[str, Any]) -> HTMLResponse:
    """The page once more, with what is missing beside its field."""
    return await _page(request, who, services, form, _UNPROCESSABLE)


async def _address(
    request: Request, who: Principal, services: Services, more: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    if not wants_piece(request):
        return await _page(request, who, services, more, status)
    values = await message_values(services, who, uuid_in(request, "message_id"))
    return piece(request, "message_address.html", values | dict(more), status)
