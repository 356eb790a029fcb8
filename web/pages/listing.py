"""The list of mails, narrowed by kind, state and period: what stands behind the figures of the dashboard."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from core.kinds import Kind
from store.reading import MessageFilter, Settled
from store.reading_exports import messages_with_names
from store.reading_views import message_view
from web.auth import sight_of
from web.messages import message_filter_told
from web.pages.lists import PAGE_SIZE, Period, listed, name_of, period
from web.pages.rendering import page
from web.pages.rooms import sees_kind
from web.pages.standing import CHOICES, State
from web.pages.visitors import MayReadMessages
from web.queries import Query
from web.services import Serving

router = APIRouter(include_in_schema=False)


@router.get("/messages")
async def list_messages(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """Mails, newest first, addresses masked."""
    query, now = Query(request), services.clock.now()
    word, days = query.one_of("status", tuple(CHOICES)), period(query)
    wanted = _filter(query, None if word is None else CHOICES[word], days, now)
    after = query.cursor()
    query.done()
    async with services.db.read() as conn:
        found = await messages_with_names(conn, wanted, sight_of(who), after, PAGE_SIZE)
    items = [message_view(row, now, whole=False) | {"institution_name": name_of(row)} for row in found.rows]
    asked = {"institution_code": wanted.institution_code, "kind": wanted.kind, "status": word} | days.told()
    values = {
        "kinds": [kind for kind in Kind if sees_kind(who, kind)],
        "states": tuple(CHOICES.values()),
        "exported": message_filter_told(wanted),
    }
    return page(request, who, "messages.html", listed(request, found, items, asked) | values)


def _filter(query: Query, state: State | None, days: Period, now: datetime) -> MessageFilter:
    over = None if state is None else state.settled
    return MessageFilter(
        institution_code=query.institution_code("institution_code"),
        kind=query.choice("kind", Kind),
        status=None if state is None else state.status,
        settled=None if over is None else Settled(over, now),
        since=days.since,
        until=days.until,
    )
