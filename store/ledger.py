"""Transitions: each is one guarded UPDATE and its event in the same transaction; what follows from it, too.

What follows: a pre-check's gate (contract section 1) and, the other way round, the end of a pre-check whose guide will
not leave; a hard failure's suppression (section 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import IdSource
from core.kinds import Kind
from core.messages import CancelReason, Change
from core.ports import GatePolicy
from core.reports import BounceClass
from core.statuses import CANCELLABLE, WITHDRAWN, Status
from store.engine import Database
from store.hearing import heard_first
from store.moves import Moves
from store.suppressions import entry, suppress_all
from store.tables import messages

Moved = tuple[Change, Row[Any]]
"""A change that was made, and the facts of its message after it."""


class FollowPolicy(GatePolicy, Protocol):
    """When things follow from a mail that became `sent`, and may leave then."""

    def first_due(self, kind: Kind, at: datetime, prefecture: str | None) -> datetime:
        """The first moment from `at` on at which a mail of this kind may leave."""


class Ledger:
    """The one place where a message's status changes."""

    def __init__(self, db: Database, policy: FollowPolicy, ids: IdSource) -> None:
        self._db = db
        self._policy = policy
        self._ids = ids
        self._moves = Moves(sqlite=db.sqlite)

    async def record(self, changes: Sequence[Change]) -> list[bool]:
        """Apply changes in one transaction of their own; False where the message was elsewhere by then."""
        async with self._db.write() as conn:
            return await self.apply(conn, changes)

    async def apply(self, conn: AsyncConnection, changes: Sequence[Change]) -> list[bool]:
        """Apply changes within the caller's transaction; several of one message in their order.

        What follows from a change comes after all changes of the same turn: where a pre-check and its guide are
        withdrawn together, the guide is withdrawn itself, and not because its pre-check was.
        """
        changes = await heard_first(conn, changes)
        done = [False] * len(changes)
        for turn in _turns(changes):
            rows = await self._moves.move(conn, [changes[place] for place in turn])
            moved: list[Moved] = []
            for place in turn:
                row = rows.get(changes[place].message_id)
                done[place] = row is not None
                if row is not None:
                    moved.append((changes[place], row))
            await self._follow(conn, moved)
        return done

    async def _follow(self, conn: AsyncConnection, moved: Sequence[Moved]) -> None:
        if any(change.values.get("ready_at") is not None for change, _ in moved):
            self._db.wake_after(conn)
        await self._settle_later(conn, moved)
        await self._suppress_failed(conn, moved)
        await self._ask_gates(conn, moved)
        await self._withdraw_promises(conn, moved)

    async def _settle_later(self, conn: AsyncConnection, moved: Sequence[Moved]) -> None:
        sent = [
            (change, row) for change, row in moved if change.target is Status.SENT and "settles_at" not in change.values
        ]
        settling = [Change(row.id, None, "", change.at, values=self._settling(change, row)) for change, row in sent]
        if settling:
            await self._moves.move(conn, settling)

    def _settling(self, change: Change, row: Row[Any]) -> dict[str, Any]:
        """The settle window runs from the sending, which may lie before the word that ended a doubt."""
        return {"settles_at": self._policy.settles_at(change.values.get("sent_at") or change.at, row.prefecture)}

    async def _suppress_failed(self, conn: AsyncConnection, moved: Sequence[Moved]) -> None:
        failed = [(change, row) for change, row in moved if change.target is Status.UNDELIVERED]
        entries = [
            entry(self._ids(), row, "all", change.at)
            for change, row in failed
            if row.bounce_class == BounceClass.HARD and row.institution_code is not None
        ]
        await suppress_all(conn, entries)

    async def _ask_gates(self, conn: AsyncConnection, moved: Sequence[Moved]) -> None:
        """Open or close the gates of the guides that wait for pre-checks which have come to an end."""
        ended = {
            row.id: (change, row)
            for change, row in moved
            if row.kind == Kind.PRE_CHECK and change.target is not None and change.target.final
        }
        if not ended:
            return
        query = select(messages.c.id, messages.c.waits_for, messages.c.not_before).where(
            messages.c.waits_for.in_(ended),
            messages.c.status.in_(sorted(CANCELLABLE)),
        )
        guides = (await conn.execute(query)).all()
        if guides:
            await self.apply(conn, [self._gate_change(guide, *ended[guide.waits_for]) for guide in guides])

    async def _withdraw_promises(self, conn: AsyncConnection, moved: Sequence[Moved]) -> None:
        """Cancel the pre-checks that promise guides which have ended without leaving.

        One that somebody else is at work on is passed by, since who works on a pre-check may wait for its guide; should
        it come to another claim, that asks for its guide.
        """
        ended = {row.id: change for change, row in moved if row.kind == Kind.GUIDE and change.target in WITHDRAWN}
        if not ended:
            return
        guide = messages.alias("guide")
        query = (
            select(messages.c.id, guide.c.id.label("guide"), guide.c.status.label("guide_status"))
            .join(guide, guide.c.waits_for == messages.c.id)
            .where(
                guide.c.id.in_(ended),
                messages.c.kind.concat("") == Kind.PRE_CHECK,
                messages.c.status.concat("").in_(sorted(CANCELLABLE)),
            )
            .with_for_update(of=messages, skip_locked=True)
        )
        pre_checks = (await conn.execute(query)).all()
        if pre_checks:
            await self.apply(conn, [_promise_withdrawn(row, ended[row.guide].at) for row in pre_checks])

    def _gate_change(self, guide: Row[*tuple[Any, ...]], change: Change, pre_check: Row[Any]) -> Change:
        if change.target is Status.SENT:
            return self._open(guide, change, pre_check)
        reason = CancelReason.pre_check(Status(pre_check.status))
        detail = {"pre_check": pre_check.id, "reason": reason}
        return Change(guide.id, Status.CANCELLED, "gate-closed", change.at, detail, {"reason": reason})

    def _open(self, guide: Row[*tuple[Any, ...]], change: Change, pre_check: Row[Any]) -> Change:
        due_at = self._policy.guide_due(change.at, pre_check.prefecture)
        if guide.not_before is not None and guide.not_before > due_at:
            due_at = self._policy.first_due(Kind.GUIDE, guide.not_before, pre_check.prefecture)
        return Change(
            guide.id,
            Status.SCHEDULED,
            "gate-opened",
            change.at,
            detail={"pre_check": pre_check.id, "due_at": due_at.isoformat()},
            values={"due_at": due_at, "ready_at": due_at},
            sources=frozenset({Status.HELD}),
        )


def _promise_withdrawn(pre_check: Row[*tuple[Any, ...]], at: datetime) -> Change:
    reason = CancelReason.guide(Status(pre_check.guide_status))
    detail = {"guide": pre_check.guide, "reason": reason}
    values = {"reason": reason}
    return Change(pre_check.id, Status.CANCELLED, "promise-withdrawn", at, detail, values, sources=CANCELLABLE)


def _turns(changes: Sequence[Change]) -> Iterator[list[int]]:
    """Places of the changes that can be made together: the first of each message, then the second, …"""
    waiting = list(range(len(changes)))
    while waiting:
        first = {changes[place].message_id: place for place in reversed(waiting)}
        yield sorted(first.values())
        waiting = [place for place in waiting if first[changes[place].message_id] != place]
