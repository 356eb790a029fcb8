"""Who is sending: heartbeats, and what a dead sender leaves behind (contract section 1, In doubt).

Leases run on real time, as the database tells it: neither a fast business clock nor two machines' clocks that
differ declare a living sender dead. A sender's row says which mails it is handing over; it stays until the last of
what the sender held has been taken over, since it alone tells what is in doubt from what never left. Who has no row
any more can mark nothing, so what was claimed in that name since has never left.

A sender may stop anywhere and leave its transactions open. So nobody waits here for what another has locked: it is
passed by, and comes next time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Interval,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    func,
    literal,
    select,
    true,
    union,
    update,
)

from core.clock import Clock
from core.kinds import Kind
from core.messages import Change
from core.ports import InDoubtPolicy, Part
from core.retry import Schedule, Tries, doubt
from core.statuses import Status
from store.bulk import among, insert_into
from store.engine import Database
from store.ledger import Ledger
from store.moves import ONCE_IN_DOUBT
from store.receipts import LIVING, enter_left_behind
from store.tables import messages, receipts, senders

_WATCHED_SHARE = 0.5

_SENDER_ENDED = "the sender ended while it handed the mail over"


class Leases:
    """Heartbeats and take-overs."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        clock: Clock,
        schedule: Schedule,
        in_doubt: InDoubtPolicy,
        seconds: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # A sender silent for longer is taken for dead; with one look a second, take-over comes within 15 s.
        self._seconds = seconds
        self._db = db
        self._ledger = ledger
        self._clock = clock
        self._schedule = schedule
        self._in_doubt = in_doubt
        self._monotonic = monotonic
        self._watch: dict[str, tuple[datetime, float]] = {}  # by sender: its last beat, and when we first saw it
        self._looked_at = -math.inf

    async def enter(self, sender: str) -> None:
        """A sender starts. Once more does no harm, where the answer was lost; who was taken for dead stays so."""
        row = insert_into(senders, on_sqlite=self._db.sqlite)
        row = row.values(id=sender, started_at=self._real(), beat_at=self._real())
        async with self._db.write_at_once() as conn:
            await conn.execute(row.on_conflict_do_nothing())

    async def beat(self, sender: str, relay_away_since: datetime | None = None) -> bool:
        """It lives, and since when its relay is away, in business time.

        False where it was taken for dead meanwhile: what it held is no longer its own.
        """
        alive = update(senders).where(senders.c.id == sender, senders.c.dead_at.is_(None))
        async with self._db.write_at_once() as conn:
            result = await conn.execute(alive.values(beat_at=self._real(), relay_away_since=relay_away_since))
        return result.rowcount == 1

    async def part(self, sender: str) -> Part:
        """Which of the living senders it is: all of them find the same order."""
        async with self._db.read() as conn:
            living = (await conn.execute(LIVING)).scalars().all()
        return Part(sum(other < sender for other in living), max(1, len(living)))

    async def leave(self, sender: str) -> None:
        """It ends, and what it still holds is given back."""
        await self._bury(senders.c.id == sender)
        await self._take_over()

    async def give_back(self, sender: str, but: Collection[str]) -> int:
        """Give back what a living sender holds and does not know of; how many messages it was.

        `but` are the ids of all that it has in hand: the others came of a claim whose answer was lost.
        """
        async with self._db.write() as conn:
            rows = (await conn.execute(HELD, {"leases": [sender]})).all()
            unknown = [row for row in rows if row.id not in but]
            await self._ledger.apply(conn, [self._given_back(row) for row in unknown])
        return len(unknown)

    async def take_over_dead(self) -> int:
        """Give back what dead senders hold; how many messages it was. To be called about every second."""
        async with self._db.read() as conn:
            dead = self._dead((await conn.execute(self._beats())).all())
            absent = (await conn.execute(ABSENT)).first()
        if not dead and absent is None:
            return 0
        await self._bury(senders.c.id.in_(dead) & self._is_silent())
        return await self._take_over()

    async def take_over_all(self) -> int:
        """Give back whatever is held: for the sole sender of an SQLite database when it starts."""
        await self._bury(true())
        return await self._take_over()

    def _dead(self, beats: Sequence[Row[Any]]) -> list[str]:
        """Whose last beat is older than the lease, and was so under our eyes for half of it without a gap.

        After an outage of the database everybody's beat is old, and who comes back first must not bury the others.
        """
        now, watched = self._monotonic(), self._seconds * _WATCHED_SHARE
        known = self._watch if now - self._looked_at < watched else {}
        self._looked_at = now
        self._watch = {
            row.id: known[row.id] if row.id in known and known[row.id][0] == row.beat_at else (row.beat_at, now)
            for row in beats
        }
        return [row.id for row in beats if row.silent and now - self._watch[row.id][1] >= watched]

    def _beats(self) -> Select[Any]:
        silent = self._is_silent().label("silent")
        return select(senders.c.id, senders.c.beat_at, silent).where(senders.c.dead_at.is_(None))

    def _is_silent(self) -> ColumnElement[bool]:
        return senders.c.beat_at < self._real(-timedelta(seconds=self._seconds))

    def _real(self, shift: timedelta = timedelta()) -> ColumnElement[Any]:
        return real_time(shift, sqlite=self._db.sqlite)

    async def _bury(self, which: ColumnElement[bool]) -> None:
        free = _free_rows(which, senders.c.dead_at.is_(None))
        async with self._db.write_at_once() as conn:
            await conn.execute(update(senders).where(senders.c.id.in_(free)).values(dead_at=self._real()))

    async def _take_over(self) -> int:
        """Enter what the dead have noted, and give back what else they hold."""
        async with self._db.write() as conn:
            absent = (await conn.execute(ABSENT)).scalars().all()
            noted = await enter_left_behind(conn, self._ledger, absent)
            held = HELD.where(~among(conn, messages.c.id, noted.waiting))
            rows = (await conn.execute(held, {"leases": absent})).all()
            await self._ledger.apply(conn, [self._change(row) for row in rows])
            await conn.execute(_EMPTY_HANDED)
        return noted.entered + len(rows)

    def _change(self, row: Row[*tuple[Any, ...]]) -> Change:
        if row.on_wire is None or row.id not in row.on_wire:
            return self._given_back(row)
        return doubt(
            row.id,
            Tries(row.attempts, row.troubles, row.first_attempt_at),
            None if self._in_doubt.waits(Kind(row.kind)) else self._schedule,
            self._clock.now(),
            of=(Kind(row.kind), row.prefecture),
            why=_SENDER_ENDED,
            detail={"sender": row.lease},
            lease=row.lease,
        )

    def _given_back(self, row: Row[*tuple[Any, ...]]) -> Change:
        """It has not left this time; what may have arrived before stays in doubt."""
        now = self._clock.now()
        target = Status.IN_DOUBT if row.doubted else Status.SCHEDULED
        return Change(row.id, target, "taken-over", now, {"sender": row.lease}, {"ready_at": now}, row.lease)


def real_time(shift: timedelta = timedelta(), *, sqlite: bool) -> ColumnElement[Any]:
    """Real time by the one clock that all senders share: the database server's, or this machine's for SQLite."""
    if sqlite:
        return literal(datetime.now(UTC) + shift, senders.c.beat_at.type)
    return func.clock_timestamp() + literal(shift, Interval)


def _free_rows(*which: ColumnElement[bool]) -> Select[tuple[str]]:
    """Senders of whom this is true, and whose rows nobody else has locked."""
    return select(senders.c.id).where(*which).with_for_update(skip_locked=True)


_ORPHANED = select(messages.c.lease).where(messages.c.lease.is_not(None), messages.c.lease.not_in(LIVING))

ABSENT = union(_ORPHANED, select(senders.c.id).where(senders.c.dead_at.is_not(None)))
"""Names of senders that do not live, of whom something is left."""

HELD = (
    select(
        messages.c.id,
        messages.c.kind,
        messages.c.prefecture,
        messages.c.lease,
        messages.c.attempts,
        messages.c.troubles,
        messages.c.first_attempt_at,
        select(senders.c.on_wire).where(senders.c.id == messages.c.lease).scalar_subquery().label("on_wire"),
        ONCE_IN_DOUBT.label("doubted"),
    )
    .where(messages.c.lease.in_(bindparam("leases", expanding=True)))
    .with_for_update(of=messages, skip_locked=True)
)
"""What senders of these names (`leases`) hold. `on_wire` is None where a sender has no row."""

_EMPTY_HANDED = delete(senders).where(
    senders.c.id.in_(
        _free_rows(
            senders.c.dead_at.is_not(None),
            ~exists().where(messages.c.lease == senders.c.id),
            ~exists().where(receipts.c.sender == senders.c.id),
        )
    )
)
