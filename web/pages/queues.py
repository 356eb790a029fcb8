"""What waits for a person: mails that came back, by prefecture, and mails in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from core.kinds import Kind
from core.problems import field_problem
from core.statuses import Status
from scheduler.following_up import FollowUp
from scheduler.job_parsing import PREFECTURES
from store.follow_ups import CLOSING, Channel, Result, follow_ups_of
from store.reading import AnyRow
from store.reading_queues import QueueFilter, Work, mail_queue
from store.reading_views import message_view
from web.auth import actor, sight_of
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
_NARROWED = ("work", "prefecture", "kind", "institution_code", "cursor")
_CHOICES = {"kinds": _KINDS, "channels": tuple(Channel), "results": tuple(Result)}


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
    channel = reader.choice("channel", Channel, required=True)
    result = reader.choice("result", Result, required=True)
    note = reader.line("note", required=False, most=MAX_WHY, several=True)
    reader.unknown()
    if reader.errors or channel is None or result is None:
        raise Refusal(field_problem(reader.errors))
    await services.follow_ups.record(message_id, FollowUp(channel, result, note), actor(who))
    if not wants_piece(request):
        return see(_list_again(request), "followed-up")
    async with services.db.read() as conn:
        done = await follow_ups_of(conn, [message_id])
    return piece(request, "follow_ups.html", _CHOICES | {"item": {"id": message_id, **_done(done[message_id])}})


def _list_again(request: Request) -> str:
    """The list as it was narrowed when somebody recorded something on it."""
    shown = urlsplit(request.headers.get("referer", ""))
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
        **_done(done),
    }


def _done(rows: Sequence[AnyRow]) -> dict[str, Any]:
    """What was done about a mail that came back, and whether that was all."""
    return {
        "done": [
            {
                "channel": Channel(row.channel).label,
                "result": Result(row.result).label,
                "note": row.note,
                "at": row.recorded_at,
                "by": row.recorded_by,
            }
            for row in rows
        ],
        "closed": any(row.result in CLOSING for row in rows),
    }
