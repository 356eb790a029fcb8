"""Reminders of one step spread over the business hours: so many an hour to a prefecture, and to a mail domain.

Each gets the first five minutes that have room for its prefecture and for its domain. What does not fit into the
step's day follows on the next business days before the next step; where even those are full, the emptiest part of
them takes it, so that nothing is lost and nothing leaves its period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from core.jst import TOKYO, to_tokyo
from core.ports import Granted, Wish
from store import reminder_load

PART_MINUTES = 5
"""Reminders of the same five minutes are due at their beginning."""

_PARTS_AN_HOUR = 60 // PART_MINUTES


class Rates(Protocol):
    """Reminders an hour."""

    def of_prefecture(self, code: str) -> int:
        """To the institutions of one prefecture."""

    def of_domain(self, domain: str) -> int | None:
        """To the addresses of one domain; None: any number."""


@dataclass(frozen=True, slots=True)
class Given:
    """A place that is no longer needed."""

    prefecture: str
    email: str
    due_at: datetime


@dataclass(slots=True)
class _Waiting:
    """A wish on its way: `scopes` with their rates an hour."""

    wish: Wish
    scopes: Sequence[tuple[str, int]]
    granted: Granted | None = None


class Spreading:
    """Places reminders. `hours` are the minutes of a day between which they may leave."""

    def __init__(self, rates: Rates, hours: tuple[int, int]) -> None:
        self._rates = rates
        self._opens, closes = hours
        self._parts = max(1, (closes - self._opens) // PART_MINUTES)

    async def place(self, conn: AsyncConnection, wishes: Iterable[Wish], given: Iterable[Given] = ()) -> list[Granted]:
        """One answer a wish, in order. What is given back is free again."""
        waiting = [_Waiting(wish, self._scopes(wish.prefecture, wish.email)) for wish in wishes]
        loads = _Loads(conn, self._parts)
        await self._give_back(loads, given)
        days = 0
        while left := [one for one in waiting if one.granted is None and len(one.wish.days) > days]:
            await loads.take((one.wish.days[days], scope) for one in left for scope, _ in one.scopes)
            for one in left:
                one.granted = self._on_day(loads, one, one.wish.days[days])
            days += 1
        for one in waiting:
            one.granted = one.granted or self._somewhere(loads, one)
        await loads.put()
        return [one.granted for one in waiting if one.granted is not None]

    def _scopes(self, prefecture: str, email: str) -> list[tuple[str, int]]:
        domain = email.rpartition("@")[2].lower()
        rate = self._rates.of_domain(domain)
        own = [(f"prefecture:{prefecture}", self._rates.of_prefecture(prefecture))]
        return own if rate is None else [*own, (f"domain:{domain}", rate)]

    async def _give_back(self, loads: _Loads, given: Iterable[Given]) -> None:
        freed = [
            (to_tokyo(one.due_at).date(), scope, self._part(one.due_at))
            for one in given
            for scope, _ in self._scopes(one.prefecture, one.email)
        ]
        await loads.take((day, scope) for day, scope, _ in freed)
        for day, scope, part in freed:
            loads.add(day, scope, part, -1)

    def _on_day(self, loads: _Loads, one: _Waiting, day: date) -> Granted | None:
        """The first part of the day that has room in every scope; None where none has."""
        first = self._first_part(one.wish, day)
        hint = (day, tuple(scope for scope, _ in one.scopes))
        for part in range(max(first, loads.full_before.get(hint, 0)), self._parts):
            if all(loads.used(day, scope)[part] < capacity(rate, part) for scope, rate in one.scopes):
                if first == 0:
                    loads.full_before[hint] = part
                return self._grant(loads, one, day, part)
        if first == 0:
            loads.full_before[hint] = self._parts
        return None

    def _somewhere(self, loads: _Loads, one: _Waiting) -> Granted:
        """The emptiest part of all days: where the fewest of its scopes are full, and the fullest the least so.

        Of several the earliest. A domain without room thus fills no prefecture beyond its rate that has some left.
        """

        def crowd(place: tuple[date, int]) -> tuple[int, float]:
            day, part = place
            used = [(loads.used(day, scope)[part], rate) for scope, rate in one.scopes]
            full = sum(count >= capacity(rate, part) for count, rate in used)
            return full, max(count / rate for count, rate in used)

        day, part = min(self._all_parts(one.wish), key=crowd)
        return self._grant(loads, one, day, part)

    def _all_parts(self, wish: Wish) -> Iterator[tuple[date, int]]:
        for day in wish.days:
            first = min(self._first_part(wish, day), self._parts - 1)
            yield from ((day, part) for part in range(first, self._parts))

    def _first_part(self, wish: Wish, day: date) -> int:
        return self._part(wish.earliest) if to_tokyo(wish.earliest).date() == day else 0

    def _grant(self, loads: _Loads, one: _Waiting, day: date, part: int) -> Granted:
        for scope, _ in one.scopes:
            loads.add(day, scope, part, 1)
        begins = datetime.combine(day, time.min, TOKYO) + timedelta(minutes=self._opens + part * PART_MINUTES)
        due_at = max(begins, to_tokyo(one.wish.earliest))
        return Granted(due_at, due_at > one.wish.earliest)

    def _part(self, at: datetime) -> int:
        local = to_tokyo(at)
        part = (local.hour * 60 + local.minute - self._opens) // PART_MINUTES
        return min(max(part, 0), self._parts - 1)


def capacity(per_hour: int, part: int) -> int:
    """How many a part of the day takes: those of an hour together its rate, and the first of them one at least."""
    return -(-per_hour * (part + 1) // _PARTS_AN_HOUR) + (-per_hour * part) // _PARTS_AN_HOUR


@dataclass(slots=True)
class _Loads:
    """What is planned already, as far as it was asked for. `full_before`: where to look next for the same scopes."""

    conn: AsyncConnection
    parts: int
    full_before: dict[tuple[date, tuple[str, ...]], int] = field(default_factory=dict)
    _known: dict[reminder_load.Place, list[int]] = field(default_factory=dict)
    _changed: set[reminder_load.Place] = field(default_factory=set)

    async def take(self, places: Iterable[reminder_load.Place]) -> None:
        """Have these at hand."""
        self._known |= await reminder_load.take(self.conn, set(places) - self._known.keys(), self.parts)

    def used(self, day: date, scope: str) -> list[int]:
        """The reminders planned in each part of a day."""
        return self._known[day, scope]

    def add(self, day: date, scope: str, part: int, count: int) -> None:
        """So many more in a part, never fewer than none."""
        used = self._known[day, scope]
        used[part] = max(0, used[part] + count)
        self._changed.add((day, scope))

    async def put(self) -> None:
        """Write what has changed."""
        await reminder_load.put(self.conn, {place: self._known[place] for place in sorted(self._changed)})
