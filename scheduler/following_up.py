"""Reaching an institution in another way, where no mail reaches it, and the record that it was done."""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import Clock
from core.ids import IdSource
from core.problems import Problem
from core.statuses import Status
from scheduler.commands import Actor, CommandRefused
from store import follow_ups
from store.engine import Database
from store.follow_ups import Channel, Result
from store.people import AuditEntry, write_audit
from store.reading_queues import institution_named


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What was done about a message that came back."""

    channel: Channel
    result: Result
    note: str | None


class FollowUps:
    """Takes the records. Raises CommandRefused, with `not-found` for what the actor cannot see."""

    def __init__(self, db: Database, clock: Clock, ids: IdSource) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids

    async def record(self, message_id: str, done: FollowUp, by: Actor) -> None:
        """Keep what was done. Refused with `not-undelivered` for a message that did not come back."""
        now = self._clock.now()
        async with self._db.write() as conn:
            message = await institution_named(conn, message_id, by.sight)
            if message is None:
                raise CommandRefused(Problem("not-found"))
            if message.status != Status.UNDELIVERED:
                raise CommandRefused(Problem("not-undelivered"))
            row = {
                "id": self._ids(),
                "message_id": message_id,
                "institution_code": message.institution_code,
                "channel": done.channel,
                "result": done.result,
                "note": done.note,
                "recorded_at": now,
                "recorded_by": by.who.name,
            }
            await follow_ups.enter(conn, row)
            detail = {"channel": done.channel, "result": done.result, "institution_code": message.institution_code}
            await write_audit(conn, by.who, AuditEntry("follow-up-recorded", message_id, detail), now)
