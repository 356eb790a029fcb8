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

from core.jst import tokyo_date
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
_SETTLED = "settled"


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
    return {
        "days": days,
        "spans": SPANS,
        "columns": _COLUMNS,
        "rows": _rows(found.counts, who),
        "totals": _totals(found.counts),
        "rate": _bounce_rate(found.counts),
        "open_by_prefecture": found.open,
        "waiting": [_waiting(row, now) for row in found.waiting],
        "business_days": business_days(services.calendar, tokyo_date(now), who.prefecture),
        "now": now,
        "relay": relay,
    }


@dataclass(frozen=True, slots=True)
class _Figures:
    """What was counted. It is good until the moment `until` of the process's own clock."""

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
                found = self._kept[key] = await self._count(sight_of(who), now - timedelta(days=days), now)
        return found

    async def _count(self, sight: Sight, since: datetime, now: datetime) -> _Figures:
        began = time.monotonic()
        async with self._db.read() as conn:
            counted = await counts(conn, since, now, sight)
            open_work = await open_by_prefecture(conn, sight)
            waiting = await longest_waiting(conn, now, sight)
        took = time.monotonic() - began
        return _Figures(counted, open_work, waiting, time.monotonic() + max(_KEPT_SECONDS, _REST * took))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of figures. 送信完了 has two: what is still within the settle window stands apart."""

    label: str
    status: Status
    settled: bool = False


_COLUMNS = tuple(
    column
    for status in Status
    for column in (
        (Column(status.label(), status), Column(status.label(settled=True), status, settled=True))
        if status is Status.SENT
        else (Column(status.label(), status),)
    )
)


def _rows(found: Iterable[Counted], who: Principal) -> list[dict[str, Any]]:
    """Of each kind, how many messages are in each column."""
    of_kind: dict[str, list[Counted]] = defaultdict(list)
    for each in found:
        of_kind[each.kind].append(each)
    return [
        {"kind": kind, "numbers": _numbers(of_kind[kind]), "total": sum(each.number for each in of_kind[kind])}
        for kind in Kind
        if sees_kind(who, kind) and kind in of_kind
    ]


def _numbers(found: Sequence[Counted]) -> dict[Column, int]:
    """How many there are in each column."""
    numbers = dict.fromkeys(_COLUMNS, 0)
    for each in found:
        for column in _COLUMNS:
            if column.status == each.status:
                settled = each.settled if each.status == Status.SENT else 0
                numbers[column] += settled if column.settled else each.number - settled
    return numbers


def _totals(found: Iterable[Counted]) -> Mapping[str, int]:
    """How many there are in each status, and among those sent the settled ones."""
    totals: dict[str, int] = dict.fromkeys([*Status, _SETTLED], 0)
    for each in found:
        totals[each.status] += each.number
        totals[_SETTLED] += each.settled if each.status == Status.SENT else 0
    return totals


def _bounce_rate(found: Iterable[Counted]) -> float | None:
    """不達 among what has left; None where nothing has."""
    totals = _totals(found)
    left = totals[Status.SENT] + totals[Status.UNDELIVERED]
    return totals[Status.UNDELIVERED] / left if left else None


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
