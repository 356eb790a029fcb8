"""What a person may do to a message on its way: withdraw it, send it again, settle a doubt, lift a suppression.

Each is one transaction with its events and its line in the audit trail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import Clock
from core.errors import TodokeError
from core.ids import IdSource
from core.jst import rfc3339
from core.kinds import Kind
from core.messages import CancelReason, Change
from core.problems import Problem
from core.reports import Reason
from core.return_path import ReturnPaths
from core.statuses import CANCELLABLE, Status
from helpdesk.vocabulary import Symptom
from scheduler import present
from scheduler.planning import lane
from scheduler.ports import Timing
from store import address_changes
from store.decisions import opposed
from store.doubts import handed_over
from store.engine import Database
from store.ledger import Ledger
from store.people import AuditEntry, Principal, write_audit
from store.reading import AnyRow, AnySelect, JobRecord, Sight, job_record, visible_messages
from store.reading_lists import visible_suppressions
from store.resends import Resent, lock_family, resent, stopping
from store.tables import events, messages
from store.tables import suppressions as suppression_table


class Outcome(StrEnum):
    """How a person settles a doubt."""

    SENT = "sent"
    UNDELIVERED = "undelivered"


_LEFT = frozenset({Status.SENDING, Status.IN_DOUBT, Status.SENT, Status.UNDELIVERED})
_COPIED = (
    "job_id",
    "kind",
    "application_id",
    "institution_code",
    "prefecture",
    "email",
    "email_key",
    "recipient",
    "data",
)
"""Columns that a message sent again shares with the first one."""


_ON_ITS_WAY = "このメールはまだ送信が終わっていません。送信の結果が出てから再送してください。"
_JUST_SENT = "このメールは、再送したメールとして、直前に送信したところです。再送は、1分以上経過した後に行ってください。"
_DECIDED_OTHERWISE = "この申請については、その後に別の決定を受け付けているため、このメールは再送できません。"


class CommandRefused(TodokeError):
    """A command that cannot be carried out; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.code)


class ResendAdvice(Protocol):
    """What helps where a mail cannot be sent again."""

    async def resend_refusal(self, kind: Kind, institution_code: str | None, message_id: str) -> dict[str, Any] | None:
        """The procedure; None for a kind that may be sent again."""

    async def advise(
        self, symptom: Symptom, institution_code: str | None, prefecture: str | None = None
    ) -> dict[str, Any]:
        """The procedure for a symptom."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who commands, and what they can see."""

    who: Principal
    sight: Sight


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What became of a job: ids of the messages that are cancelled now, and of those that have left already."""

    record: JobRecord
    cancelled: tuple[str, ...]
    left: tuple[str, ...]


class Commands:
    """Carries out commands. All raise CommandRefused, with `not-found` for what the actor cannot see."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        clock: Clock,
        ids: IdSource,
        return_paths: ReturnPaths,
        timing: Timing,
        advice: ResendAdvice,
    ) -> None:
        self._db = db
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._return_paths = return_paths
        self._timing = timing
        self._advice = advice

    async def cancel_message(self, message_id: str, by: Actor, why: str | None = None) -> None:
        """Withdraw a message that has not left. `why` goes into the audit trail."""
        async with self._db.write(wake=True) as conn:
            await _message(conn, message_id, by.sight)
            if not await self._withdraw(conn, [message_id], by):
                raise CommandRefused(await self._elsewhere(conn, "not-cancellable", message_id))
            await self._audit(conn, by, AuditEntry("message-cancelled", message_id, _told(why)))

    async def cancel_job(self, job_id: str, by: Actor) -> Withdrawal:
        """Withdraw those messages of a job that have not left. Withdrawing twice comes to the same as once.

        Refused with `nothing-to-cancel` where no message of it is cancelled then.
        """
        async with self._db.write(wake=True) as conn:
            found = await _job(conn, job_id, by.sight)
            # Guides first: they are withdrawn themselves, and not because their pre-check was.
            waiting = sorted(found.messages, key=lambda row: row.waits_for is None)
            withdrawn = await self._withdraw(conn, [row.id for row in waiting], by)
            if withdrawn:
                entry = AuditEntry("job-cancelled", job_id, {"messages": withdrawn})
                await self._audit(conn, by, entry)
            outcome = _withdrawal(await _job(conn, job_id, by.sight))
        if not outcome.cancelled:
            raise CommandRefused(Problem("nothing-to-cancel", extra={"left": list(outcome.left)}))
        return outcome

    async def _withdraw(self, conn: AsyncConnection, message_ids: list[str], by: Actor) -> int:
        now = self._clock.now()
        detail = {"reason": CancelReason.WITHDRAWN, "by": by.who.name}
        values = {"reason": CancelReason.WITHDRAWN}
        changes = [
            Change(message_id, Status.CANCELLED, "cancelled", now, detail, values, sources=CANCELLABLE)
            for message_id in message_ids
        ]
        return sum(await self._ledger.apply(conn, changes))

    async def resolve(self, message_id: str, outcome: Outcome, why: str, by: Actor) -> None:
        """Settle the doubt about a message: it was sent (its gate opens from now on), or it was not.

        One that was sent was so with the try that may have arrived, and not when somebody found out.
        """
        now = self._clock.now()
        detail = {"outcome": outcome, "by": by.who.name, "why": why}
        async with self._db.write(wake=True) as conn:
            await _message(conn, message_id, by.sight, lock=True)
            tried_at = (await handed_over(conn, [message_id])).get(message_id, now)
            values = _settled(outcome, tried_at)
            doubt = frozenset({Status.IN_DOUBT})
            change = Change(message_id, Status(outcome), "resolved", now, detail, values, sources=doubt)
            if not all(await self._ledger.apply(conn, [change])):
                raise CommandRefused(await self._elsewhere(conn, "not-in-doubt", message_id))
            await self._audit(conn, by, AuditEntry("message-resolved", message_id, {"outcome": outcome, "why": why}))

    async def _elsewhere(self, conn: AsyncConnection, problem: str, message_id: str) -> Problem:
        """A refusal that says where the message stands: somebody else may have been quicker."""
        return Problem(problem, await present.message_stands(conn, message_id, self._clock.now()))

    async def resend(self, message_id: str, by: Actor, why: str | None = None) -> str:
        """Send a mail again as a new message with the same words to the same recipient; the new message's id.

        `why` goes into the audit trail.
        Refused for kinds that are never sent again, while the first one is still on its way, and while any copy is or
        was within the last minute: of several who ask at once, one is heard. Refused, too, where it was withdrawn and
        its application was decided otherwise since.
        """
        async with self._db.read() as conn:
            first = await _message(conn, message_id, by.sight)
        await self._refuse_kind(first)
        async with self._db.write(wake=True) as conn:
            first = await _message(conn, message_id, by.sight)
            if await opposed(conn, first.application_id, Kind(first.kind)):
                raise CommandRefused(await self._impossible(first, _DECIDED_OTHERWISE))
            family = await lock_family(conn, first)
            copy = family.under_way or family.just_sent(self._clock.now())
            again = None if copy is None else await resent(conn, copy)
            free = again is None and Status(first.status).final
            row = await self._again(conn, first, by, why) if free else None
            if row is not None:
                await address_changes.told_again(conn, first.institution_code, family.ids, row["id"])
        if row is None:
            raise CommandRefused(await self._still_on_its_way(first, again))
        return str(row["id"])

    async def _refuse_kind(self, first: AnyRow) -> None:
        procedure = await self._advice.resend_refusal(Kind(first.kind), first.institution_code, first.id)
        if procedure is not None:
            raise CommandRefused(Problem("resend-impossible", extra={"procedure": procedure}))

    async def _still_on_its_way(self, first: AnyRow, again: Resent | None) -> Problem:
        if again is None or again.copy.id == first.id:
            return await self._impossible(first, _JUST_SENT if Status(first.status).final else _ON_ITS_WAY)
        return await self._impossible(first, present.already_resent(again), message_id=again.copy.id)

    async def _impossible(self, first: AnyRow, why: str, **more: str) -> Problem:
        procedure = await self._advice.advise(Symptom.NOT_ARRIVED, first.institution_code)
        return Problem("resend-impossible", why, extra={"procedure": procedure} | more)

    async def _again(self, conn: AsyncConnection, first: AnyRow, by: Actor, why: str | None) -> dict[str, Any]:
        now = self._clock.now()
        row = await self._copy(conn, first, now)
        await conn.execute(insert(messages).values(row))
        await conn.execute(insert(events).values(_accepted(row, by, now)))
        detail = {"as": row["id"], "by": by.who.name}
        await self._ledger.apply(conn, [Change(first.id, None, "resent", now, detail)])
        await self._audit(conn, by, AuditEntry("message-resent", first.id, {"as": row["id"]} | _told(why)))
        return row

    async def _copy(self, conn: AsyncConnection, first: AnyRow, now: datetime) -> dict[str, Any]:
        kind, message_id = Kind(first.kind), self._ids()
        blocked = await stopping(conn, first) is not None
        due_at = None if blocked else self._timing.first_due(kind, now, first.prefecture)
        copied = {name: getattr(first, name) for name in _COPIED}
        return copied | {
            "id": message_id,
            "status": Status.SUPPRESSED if blocked else Status.SCHEDULED,
            "reason": "suppressed" if blocked else None,
            "message_id_header": self._return_paths.message_id_header(message_id),
            "rule": self._timing.rule(kind),
            "lane": lane(kind),
            "created_at": now,
            "due_at": due_at,
            "ready_at": due_at,
            "resend_of": first.id,
        }

    async def release(self, suppression_id: str, why: str, by: Actor) -> AnyRow:
        """Lift a suppression: mails go to this address again. `already-released` where that was done before."""
        now = self._clock.now()
        seen = (suppression_table.c.id == suppression_id, *visible_suppressions(by.sight))
        statement = (
            update(suppression_table)
            .where(*seen, suppression_table.c.released_at.is_(None))
            .values(released_at=now, released_by=by.who.name, released_why=why)
            .returning(*suppression_table.c)
        )
        async with self._db.write() as conn:
            row = (await conn.execute(statement)).one_or_none()
            if row is None:
                before = (await conn.execute(select(suppression_table).where(*seen))).one_or_none()
                raise CommandRefused(_not_released(before))
            detail = {"institution_code": row.institution_code, "scope": row.scope, "why": why}
            await self._audit(conn, by, AuditEntry("suppression-released", suppression_id, detail))
        return row

    async def _audit(self, conn: AsyncConnection, by: Actor, entry: AuditEntry) -> None:
        await write_audit(conn, by.who, entry, self._clock.now())


async def _message(conn: AsyncConnection, message_id: str, sight: Sight, *, lock: bool = False) -> AnyRow:
    query: AnySelect = select(messages).where(messages.c.id == message_id, *visible_messages(sight))
    if lock:
        query = query.with_for_update(key_share=True)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise CommandRefused(Problem("not-found"))
    return row


async def _job(conn: AsyncConnection, job_id: str, sight: Sight) -> JobRecord:
    record = await job_record(conn, job_id, sight)
    if record is None:
        raise CommandRefused(Problem("not-found"))
    return record


def _withdrawal(record: JobRecord) -> Withdrawal:
    return Withdrawal(
        record,
        cancelled=tuple(row.id for row in record.messages if row.status == Status.CANCELLED),
        left=tuple(row.id for row in record.messages if row.status in _LEFT),
    )


def _settled(outcome: Outcome, tried_at: datetime) -> dict[str, Any]:
    """The columns that go with the end of a doubt."""
    if outcome is Outcome.SENT:
        return {"sent_at": tried_at, "reason": None, "bounce_class": None}
    return {"reason": Reason.UNDEFINED.value, "bounce_class": None}


def _not_released(before: AnyRow | None) -> Problem:
    if before is None:
        return Problem("not-found")
    told = {"institution_code": before.institution_code}
    return Problem("already-released", present.already_released(before), extra=told)


def _told(why: str | None) -> dict[str, str]:
    return {} if why is None else {"why": why}


def _accepted(row: Mapping[str, Any], by: Actor, now: datetime) -> dict[str, Any]:
    detail = {
        "resend_of": row["resend_of"],
        "by": by.who.name,
        "rule": row["rule"],
        "due_at": rfc3339(row["due_at"]),
    }
    return {"message_id": row["id"], "at": now, "type": "accepted", "status": row["status"], "detail": detail}
