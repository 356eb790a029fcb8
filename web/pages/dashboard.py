"""The dashboard: how the mails stand, what has waited longest, and when the next business days are."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from core.jst import midnight, tokyo_date
from core.kinds import Kind
from core.statuses import Status
from scheduler.calendar import BusinessCalendar
from store.engine import Database
from store.people import Principal
from store.reading import AnyRow, Sight
from store.reading_dashboard import Counted, counts, longest_waiting
from store.reading_queues import open_by_prefecture
from store.reading_relay import relay_away
from store.reading_views import message_view
from web.auth import sight_of
from web.pages.lists import name_of
from web.pages.rendering import page, piece
from web.pages.rooms import sees_kind
from web.pages.standing import STATES, State
from web.pages.visitors import MayReadMessages
from web.queries import Query
from web.services import Services, Serving

router = APIRouter(include_in_schema=False)

SPANS = (7, 30, 90)
"""Days that may be looked back on."""

_KEPT_SECONDS = 5.0
_REST = 20
"""Counting for a second, the database then has twenty seconds for others."""

_DAYS_AHEAD = 5
_OF = {state.word: state for state in STATES}


@router.get("/dashboard")
async def dashboard(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """The figures of the last days."""
    return page(request, who, "dashboard.html", await _values(request, who, services))


@router.get("/dashboard/figures")
async def figures(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """The figures alone, for a page that is open."""
    return piece(request, "dashboard_figures.html", await _values(request, who, services))


async def _values(request: Request, who: Principal, services: Services) -> dict[str, Any]:
    query = Query(request)
    days = query.number("days", 1, max(SPANS)) or 30
    query.done()
    now = services.clock.now()
    counting: Counting = request.app.state.counting
    found = await counting.figures(who, days, now)
    async with services.db.read() as conn:
        relay = await relay_away(conn, sqlite=services.db.sqlite)
    totals = _numbers(found.counts)
    return {
        "days": days,
        "spans": SPANS,
        "first": found.first,
        "columns": STATES,
        "rows": _rows(found.counts, who),
        "totals": totals,
        "tiles": _OF,
        "rate": _bounce_rate(totals),
        "open_by_prefecture": found.open,
        "waiting": [_waiting(row, now) for row in found.waiting],
        "business_days": business_days(services.calendar, tokyo_date(now), who.prefecture),
        "now": now,
        "relay": relay,
    }


@dataclass(frozen=True, slots=True)
class _Figures:
    """What was counted: of mails that are over, those since the day `first`; of others all.

    It is good until the moment `until` of the process's own clock.
    """

    first: date
    counts: Sequence[Counted]
    open: Mapping[str, int]
    waiting: Sequence[AnyRow]
    until: float


class Counting:
    """Counts for all who look on together: every few seconds at most, and for a small part of the time it takes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: dict[tuple[str | None, int], _Figures] = {}
        self._lock = asyncio.Lock()

    async def figures(self, who: Principal, days: int, now: datetime) -> _Figures:
        """The figures for these eyes."""
        key = (who.prefecture, days)
        async with self._lock:
            found = self._kept.get(key)
            if found is None or found.until < time.monotonic():
                first = tokyo_date(now) - timedelta(days=days)
                found = self._kept[key] = await self._count(sight_of(who), first, now)
        return found

    async def _count(self, sight: Sight, first: date, now: datetime) -> _Figures:
        began = time.monotonic()
        async with self._db.read() as conn:
            counted = await counts(conn, midnight(first), now, sight)
            open_work = await open_by_prefecture(conn, sight)
            waiting = await longest_waiting(conn, now, sight)
        took = time.monotonic() - began
        return _Figures(first, counted, open_work, waiting, time.monotonic() + max(_KEPT_SECONDS, _REST * took))


def _rows(found: Iterable[Counted], who: Principal) -> list[dict[str, Any]]:
    """Of each kind, how many messages are in each state."""
    of_kind: dict[str, list[Counted]] = defaultdict(list)
    for each in found:
        of_kind[each.kind].append(each)
    return [
        {"kind": kind, "numbers": _numbers(of_kind[kind]), "total": sum(each.number for each in of_kind[kind])}
        for kind in Kind
        if sees_kind(who, kind) and kind in of_kind
    ]


def _numbers(found: Sequence[Counted]) -> dict[State, int]:
    """How many there are in each state."""
    numbers = dict.fromkeys(STATES, 0)
    for each in found:
        for state in STATES:
            if state.status == each.status:
                settled = each.settled if each.status == Status.SENT else 0
                numbers[state] += settled if state.settled else each.number - settled
    return numbers


def _bounce_rate(totals: Mapping[State, int]) -> float | None:
    """不達 among what has left; None where nothing has."""
    undelivered = totals[_OF["undelivered"]]
    left = totals[_OF["settling"]] + totals[_OF["settled"]] + undelivered
    return undelivered / left if left else None


def _waiting(row: Any, now: datetime) -> dict[str, Any]:
    return message_view(row, now, whole=False) | {"institution_name": name_of(row)}


def business_days(calendar: BusinessCalendar, today: date, prefecture: str | None) -> dict[str, Any]:
    """Whether today is a business day, and the next ones; the closed days on the way with their reasons."""
    ahead = [calendar.nth_after(today, count, prefecture) for count in range(1, _DAYS_AHEAD + 1)]
    closed = calendar.closed_between(today, ahead[-1], prefecture)
    return {
        "today": today,
        "open": calendar.is_open(today, prefecture),
        "why": calendar.why_closed(today, prefecture),
        "ahead": ahead,
        "closed": [(day, calendar.why_closed(day, prefecture)) for day in closed],
    }
