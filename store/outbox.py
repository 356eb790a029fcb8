"""The outbox: messages claimed in batches under a lease, marked before their final dot, recorded after."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple, Protocol, assert_never

import psycopg
import structlog
from sqlalchemy import Select, func, select, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import Clock
from core.jst import tokyo_date
from core.messages import Change, Message, Noted, Receipt
from core.ports import (
    Candidate,
    Claim,
    ClaimPolicy,
    Decision,
    Drop,
    Granted,
    Hold,
    Leave,
    Postpone,
    Respread,
    Wish,
)
from core.reports import Reason
from core.retry import REPAIR_PAUSE
from core.statuses import Status
from store.candidates import READY, Ready
from store.cipher import Cipher
from store.claims import hold
from store.engine import Database
from store.ledger import Ledger
from store.notes import Notes, PostgresNotes
from store.notes_sqlite import SqliteNotes
from store.receipts import remove
from store.tables import messages

log = structlog.get_logger("store")

LANES = range(3)
"""Values of `messages.lane`, most urgent first. Each is asked by itself, so that an index finds what is ready there."""

_BY_INDEX = text(
    "SELECT set_config(name, 'off', true) "
    "FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'jit']) AS name"
)
"""Every statement of a claim goes by an index; statistics older than a large intake say otherwise."""
_JUDGED_IN_ONE_GO = 8

SPREAD = "spread"
"""Why a reminder was postponed that had missed its place among the others."""

_NO_QUEUEING = text("SET LOCAL lock_timeout = '100ms'")
_QUEUEING = text("SET LOCAL lock_timeout TO DEFAULT")
_IN_USE = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
_IN_USE_PAUSE = timedelta(seconds=5)
"""How long reminders wait whose places somebody else is giving away."""


class Places(Protocol):
    """Where reminders find room."""

    async def place(self, conn: AsyncConnection, wishes: Iterable[Wish]) -> Sequence[Granted]:
        """One answer a wish, in order; the transaction holds what it gives away until its end."""


class _Judged(NamedTuple):
    """A message that is ready, and what becomes of it; no candidate where it cannot be read.

    `due_at` is its new place, where it has got another one.
    """

    row: Ready
    candidate: Candidate | None
    decision: Decision
    due_at: datetime | None = None


class StoredOutbox:
    """The outbox on the database."""

    def __init__(
        self, db: Database, ledger: Ledger, cipher: Cipher, policy: ClaimPolicy, clock: Clock, places: Places
    ) -> None:
        self._db = db
        self._places = places
        self._ledger = ledger
        self._cipher = cipher
        self._policy = policy
        self._clock = clock
        self._notes: Notes = SqliteNotes(db) if db.sqlite else PostgresNotes(db)
        self._note_numbers = count(1)

    async def claim(
        self, lease: str, limit: int, *, urgent_only: bool = False, passing_by: Sequence[str] = ()
    ) -> Sequence[Message]:
        """Up to `limit` messages for this sender, most urgent first; others are postponed or dropped on the way.

        With `urgent_only` those that go before all others, and none else. See `mailer.sender.Outbox` for `passing_by`.
        """
        if urgent_only and not await self._something_urgent():
            return []
        lanes = LANES[:1] if urgent_only else LANES
        while True:
            moved, claimed = await self._claim_once(lease, limit, lanes, passing_by)
            if claimed or not moved:
                return claimed

    async def _something_urgent(self) -> bool:
        """To read is cheap; a claim that finds nothing would hold up others that write, on SQLite."""
        ready_at = (await self._next_ready())[LANES[0]]
        return ready_at is not None and ready_at <= self._clock.now()

    async def _claim_once(
        self, lease: str, limit: int, lanes: Sequence[int], passing_by: Sequence[str]
    ) -> tuple[int, list[Message]]:
        async with self._db.write() as conn:
            if not self._db.sqlite:
                await conn.execute(_BY_INDEX)
            now = self._clock.now()
            rows = await _ready(conn, now, limit, lanes, passing_by)
            judged = await self._placed(conn, await self._judged(rows, now), now)
            held = await self._hold(conn, judged, lease, now)
            done = await self._ledger.apply(conn, [change for one in judged for change in _changes(one, now)])
        return len(held) + sum(done), held

    async def _placed(self, conn: AsyncConnection, judged: Sequence[_Judged], now: datetime) -> Sequence[_Judged]:
        """What has missed its place gets another one; where that is now, the policy has its word once more."""
        wishes = [one.decision.wish for one in judged if isinstance(one.decision, Respread)]
        granted = iter(await self._granted(conn, wishes) if wishes else ())
        return [self._with_place(one, granted, now) for one in judged]

    def _with_place(self, one: _Judged, places: Iterator[Granted | None], now: datetime) -> _Judged:
        granted = next(places) if isinstance(one.decision, Respread) else None
        if granted is None or one.candidate is None:
            return one
        if granted.due_at > now:
            return one._replace(decision=Postpone(granted.due_at, SPREAD), due_at=granted.due_at)
        decision = self._policy.decide(one.candidate._replace(waits_since=now), now)
        return one._replace(decision=decision, due_at=now)

    async def _granted(self, conn: AsyncConnection, wishes: Sequence[Wish]) -> Sequence[Granted | None]:
        """Places, or None where somebody else is giving them away: codes do not wait for that."""
        if self._db.sqlite:
            return await self._places.place(conn, wishes)
        try:
            async with conn.begin_nested():
                await conn.execute(_NO_QUEUEING)
                granted = await self._places.place(conn, wishes)
                await conn.execute(_QUEUEING)
        except OperationalError as error:
            if not isinstance(error.orig, _IN_USE):
                raise
            return [None] * len(wishes)
        return granted

    async def _hold(self, conn: AsyncConnection, judged: Sequence[_Judged], lease: str, now: datetime) -> list[Message]:
        """Those that may leave, under the lease; somebody else's change in between takes one out, and loses nothing."""
        claimed = [one.candidate.message for one in judged if isinstance(one.decision, Claim) and one.candidate]
        ids: set[str] = set()
        for status in sorted({message.status for message in claimed}):
            ids |= await hold(conn, lease, status, [one.id for one in claimed if one.status is status], now)
        return [message for message in claimed if message.id in ids]

    async def _judged(self, rows: Sequence[Ready], now: datetime) -> list[_Judged]:
        judged: list[_Judged] = []
        for first in range(0, len(rows), _JUDGED_IN_ONE_GO):
            await asyncio.sleep(0)  # a sender's connections go on meanwhile
            judged += [self._judge(row, now) for row in rows[first : first + _JUDGED_IN_ONE_GO]]
        return judged

    def _judge(self, row: Ready, now: datetime) -> _Judged:
        """Whatever is wrong with one message, such as a secret whose key is lost, does not stop the others."""
        try:
            candidate = row.candidate(self._cipher)
            decision = self._policy.decide(candidate, now)
        except Exception:
            log.exception("a message cannot be claimed; mend the set-up", message=row.id, kind=row.kind, alarm=True)
            return _Judged(row, None, Hold(now + REPAIR_PAUSE, Reason.SYSTEMERROR))
        if isinstance(decision, Hold):
            log.error("a mail waits until the set-up is mended", message=row.id, reason=decision.reason, alarm=True)
        return _Judged(row, candidate, decision)

    async def record(self, changes: Sequence[Change]) -> Sequence[bool]:
        """Record outcomes in one transaction; False where the message was no longer under the lease.

        A change that the database refuses for what it says is put aside with an alarm: the others have to go on.
        """
        try:
            return await self._ledger.record(changes)
        except (DataError, IntegrityError):
            if len(changes) == 1:
                log.exception("an outcome cannot be stored", message=changes[0].message_id, alarm=True)
                return [False]
        return [done for change in changes for done in await self.record([change])]

    async def note(self, lease: str, on_wire: Collection[str], marks: Sequence[str], receipt: Receipt | None) -> Noted:
        """What is on the wires of a lease, and what was taken, in one transaction; see `mailer.journal.Records`.

        Each try has a number of its own: one whose answer was lost may yet come about, when others were written since.
        """
        return await self._notes.write(next(self._note_numbers), lease, on_wire, marks, receipt)

    async def enter(self, lease: str, receipts: Sequence[Receipt]) -> frozenset[str]:
        """Enter mails that were noted as taken, in one transaction; see `mailer.journal.Records`.

        One that the database refuses for what it says is put aside, as by `record`.
        """
        with contextlib.suppress(psycopg.DataError, psycopg.IntegrityError, sqlite3.DataError, sqlite3.IntegrityError):
            return await self._notes.enter(lease, receipts)
        changes = [taken.change() for receipt in receipts for taken in receipt.taken]
        done = await self.record(changes)
        await remove(self._db, lease, receipts)
        return frozenset(change.message_id for change, moved in zip(changes, done, strict=True) if moved)

    async def close(self) -> None:
        """Give back what is kept open for noting."""
        await self._notes.close()

    async def next_ready_at(self) -> datetime | None:
        """When the next message becomes ready; the past means now."""
        return min((ready_at for ready_at in await self._next_ready() if ready_at is not None), default=None)

    async def _next_ready(self) -> Sequence[datetime | None]:
        async with self._db.read() as conn:
            return tuple((await conn.execute(NEXT_READY)).one())


async def _ready(
    conn: AsyncConnection, now: datetime, limit: int, lanes: Sequence[int], passing_by: Sequence[str]
) -> list[Ready]:
    rows: list[Ready] = []
    others = [~messages.c.email_key.endswith(ending, autoescape=True) for ending in passing_by]
    query = READY.where(*others) if others else READY
    next_ready = (await conn.execute(NEXT_READY)).one()
    for lane in lanes:
        ready_at = next_ready[lane]
        if ready_at is not None and ready_at <= now and len(rows) < limit:
            given = {"lane": lane, "now": now, "today": tokyo_date(now).isoformat(), "limit": limit - len(rows)}
            found = await conn.execute(query, given)
            rows += map(Ready._make, found.all())  # to ask for one row after the other takes twice as long
    return rows


def _next_ready_query() -> Select[Any]:
    def of_lane(lane: int) -> Any:
        query = select(func.min(messages.c.ready_at)).where(messages.c.lane == lane, messages.c.ready_at.is_not(None))
        return query.scalar_subquery()

    return select(*(of_lane(lane) for lane in LANES))


NEXT_READY = _next_ready_query()
"""When the first message of each lane becomes ready."""


def _changes(one: _Judged, now: datetime) -> Iterator[Change]:
    place: dict[str, Any] = {} if one.due_at is None else {"due_at": one.due_at}
    if not isinstance(one.decision, Claim):
        change = _change(one.row, one.decision, now)
        yield replace(change, values={**place, **change.values})
    elif place:
        yield Change(one.row.id, None, "", now, values=place)


def _change(row: Ready, decision: Postpone | Hold | Leave | Drop | Respread, now: datetime) -> Change:
    status = Status(row.status)
    # The status it was read with: somebody else's change in between lets this one fail, and loses nothing.
    sources = frozenset({status})
    match decision:
        case Postpone(until, why):
            values = {"ready_at": until} | ({"due_at": until} if status is Status.SCHEDULED else {})
            return Change(row.id, None, "postponed", now, _until(until, why), values, sources=sources)
        case Respread():
            return Change(row.id, None, "", now, values={"ready_at": now + _IN_USE_PAUSE}, sources=sources)
        case Hold():
            return _hold(row.id, decision, status, now)
        case Leave(why):
            detail = {"why": why, "needs_person": True}
            return Change(row.id, None, "tries-ended", now, detail, {"ready_at": None, "secret": None}, sources=sources)
        case Drop(target, reason):
            told = {} if reason is None else {"reason": reason}
            return Change(row.id, target, target.value, now, {"reason": reason}, told, sources=sources)
        case _:
            assert_never(decision)


def _hold(message_id: str, hold: Hold, status: Status, now: datetime) -> Change:
    """Deferred with an alarm; what may have arrived stays in doubt, and waits as long."""
    detail = {"reason": hold.reason, "alarm": True, "next_attempt_at": hold.until.isoformat()}
    values: dict[str, Any] = {"ready_at": hold.until}
    if status is not Status.IN_DOUBT:
        values["reason"] = hold.reason
    target = Status.DEFERRED if status is Status.SCHEDULED else None
    event = "postponed" if target is None else "deferred"
    return Change(message_id, target, event, now, detail, values, sources=frozenset({status}))


def _until(until: datetime, why: str) -> dict[str, Any]:
    return {"until": until.isoformat(), "why": why}
