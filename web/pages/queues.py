"""What waits for a person: mails that came back, by prefecture, and mails in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from core.kinds import Kind
from core.problems import field_problem
from core.statuses import Status
from scheduler.fields import Reader
from scheduler.following_up import FollowUp
from scheduler.job_parsing import PREFECTURES
from store.follow_ups import Channel, Result, follow_ups_of
from store.reading import AnyRow
from store.reading_queues import QueueFilter, Work, mail_queue
from store.reading_views import message_view
from web.auth import actor, sight_of
from web.pages.follow_up_view import CHOICES, done_about
from web.pages.input import MAX_WHY, form_reader
from web.pages.lists import PAGE_SIZE, listed, name_of
from web.pages.notices import see
from web.pages.rendering import page, piece, wants_piece
from web.pages.visitors import MayCommandMessages, MayReadMessages
from web.paths import uuid_in
from web.problems import Refusal
from web.queries import Query
from web.services import Services, Serving

router = APIRouter(include_in_schema=False)

_KINDS = tuple(kind for kind in Kind if kind is not Kind.CODE)
_WITHOUT_RESULT = f"連絡の結果（{'、'.join(result.label for result in Result)}のいずれか）を選択してください。"
_NARROWED = ("work", "prefecture", "kind", "institution_code", "cursor")
_CHOICES = {"kinds": _KINDS, **CHOICES}


@router.get("/undelivered")
async def undelivered(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """Mails that came back, to be followed up by telephone or letter."""
    query = Query(request)
    work = query.choice("work", Work) or Work.OPEN
    prefecture = query.one_of("prefecture", PREFECTURES)
    kind = query.choice("kind", Kind)
    code = query.institution_code("institution_code")
    after = query.cursor()
    query.ignored("done")
    query.done()
    wanted = QueueFilter(Status.UNDELIVERED, prefecture, kind, work, code)
    async with services.db.read() as conn:
        found = await mail_queue(conn, wanted, sight_of(who), after, PAGE_SIZE)
        done = await follow_ups_of(conn, [row.id for row in found.rows])
    items = [_item(services, row, done.get(row.id, ())) for row in found.rows]
    asked = {"work": work.value, "prefecture": prefecture, "kind": kind, "institution_code": code}
    return page(request, who, "undelivered.html", listed(request, found, items, asked) | _CHOICES)


@router.post("/undelivered/{message_id}/follow-ups")
async def follow_up(request: Request, who: MayCommandMessages, services: Serving) -> Response:
    """Record that an institution was reached, or that it was tried."""
    message_id = uuid_in(request, "message_id")
    reader = await form_reader(request, services.max_body_bytes)
    await services.follow_ups.record(message_id, _read(reader), actor(who))
    if not wants_piece(request):
        return see(_where_from(request, message_id), "followed-up")
    async with services.db.read() as conn:
        done = await follow_ups_of(conn, [message_id])
    return piece(request, "follow_ups.html", {**CHOICES, "item": {"id": message_id, **done_about(done[message_id])}})


def _read(reader: Reader) -> FollowUp:
    channel = reader.choice("channel", Channel, required=True)
    result = reader.choice("result", Result, required=True)
    note = reader.line("note", required=False, most=MAX_WHY, several=True)
    reader.unknown()
    if reader.errors or channel is None or result is None:
        problem = field_problem(reader.errors)
        raise Refusal(problem if result is not None else replace(problem, detail=_WITHOUT_RESULT))
    return FollowUp(channel, result, note)


def _where_from(request: Request, message_id: str) -> str:
    """The page of the mail, or the list as it was narrowed when somebody recorded something on it."""
    shown = urlsplit(request.headers.get("referer", ""))
    if shown.path == f"/messages/{message_id}":
        return shown.path
    asked = [(name, value) for name, value in parse_qsl(shown.query) if name in _NARROWED]
    return f"/undelivered?{urlencode(asked)}" if shown.path == "/undelivered" and asked else "/undelivered"


@router.get("/in-doubt")
async def in_doubt(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """Mails of which nobody knows whether they arrived."""
    query = Query(request)
    after = query.cursor()
    query.done()
    async with services.db.read() as conn:
        found = await mail_queue(conn, QueueFilter(Status.IN_DOUBT), sight_of(who), after, PAGE_SIZE)
    items = [_item(services, row, ()) for row in found.rows]
    return page(request, who, "in_doubt.html", listed(request, found, items, {}))


def _item(services: Services, row: AnyRow, done: Sequence[AnyRow]) -> dict[str, Any]:
    return message_view(row, services.clock.now(), whole=False) | {
        "institution_name": name_of(row),
        "prefecture": row.institution_prefecture,
        "status_at": row.status_at,
        **done_about(done),
    }
