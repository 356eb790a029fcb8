"""Keeps the reminders of institutions in line with their seasons (contract section 5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import IdSource
from core.jst import rfc3339
from core.kinds import Kind
from core.messages import Change
from core.ports import Granted, Wish
from core.return_path import ReturnPaths
from core.statuses import Status
from scheduler.planning import lane
from scheduler.ports import Timing
from scheduler.reminder_plans import SeasonPlans, Slot
from scheduler.reminders import ReminderRules, step_key
from scheduler.rules import RULE_BUSINESS_HOURS
from scheduler.settling import Missing, Outdated, Settlement, goes_to
from scheduler.spreading import Given, Spreading
from store import reporting
from store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Settled:
    """How many reminders were planned, changed and withdrawn."""

    planned: int = 0
    changed: int = 0
    withdrawn: int = 0


class SeasonReminders:
    """Plans, moves, redirects and withdraws reminders, each with its event, in the caller's transaction."""

    def __init__(
        self,
        ledger: Ledger,
        ids: IdSource,
        return_paths: ReturnPaths,
        rules: ReminderRules,
        timing: Timing,
        spreading: Spreading,
    ) -> None:
        self._ledger = ledger
        self._ids = ids
        self._return_paths = return_paths
        self._rules = rules
        self._timing = timing
        self._spreading = spreading

    def plans(self, now: datetime) -> SeasonPlans:
        """The season as seen at this moment."""
        return SeasonPlans(self._rules, self._timing, now)

    async def settle(
        self, conn: AsyncConnection, standings: Collection[reporting.Standing], plans: SeasonPlans
    ) -> Settled:
        """Do what follows for these institutions, whose statuses the transaction holds; how much it was.

        Raises IntegrityError where a reminder for the same step was published in between.
        """
        on_record = await reporting.reminders(conn, [standing.key for standing in standings])
        settlement = Settlement()
        for standing in standings:
            plan = plans.of(standing.scheme, standing.prefecture, standing.fiscal_year)
            settlement.settle(standing, plan, on_record.get(standing.key, ()))
        missing = await self._still_missing(conn, settlement.missing)
        moved = [found for found in settlement.outdated if _is_moved(found)]
        granted = await self._spread(conn, missing, moved, settlement)
        due = {found.row.id: place for found, place in zip(moved, granted[len(missing) :], strict=True)}
        mendings = [_mending(found, due.get(found.row.id), plans.now) for found in settlement.outdated]
        return Settled(
            withdrawn=await self._withdraw(conn, settlement.withdrawn, plans.now),
            changed=sum(await self._ledger.apply(conn, mendings)),
            planned=await self._add(conn, zip(missing, granted, strict=False), plans.now),
        )

    async def _still_missing(self, conn: AsyncConnection, missing: Sequence[Missing]) -> list[Missing]:
        """But for those whose step is taken by one that may have arrived."""
        replaced = {found.replaces for found in missing if found.replaces is not None}
        released = await reporting.release_steps(conn, replaced)
        return [found for found in missing if found.replaces is None or found.replaces in released]

    async def _spread(
        self, conn: AsyncConnection, missing: Sequence[Missing], moved: Sequence[Outdated], settlement: Settlement
    ) -> list[Granted]:
        """Due times of the missing ones, then of the moved ones; the places of what leaves them are free again."""
        wishes = [_wish(one.standing, one.slot) for one in missing]
        wishes += [_wish(one.standing, one.slot) for one in moved]
        left = [row for row, _ in settlement.withdrawn] + [found.row for found in moved]
        given = [Given(row.prefecture, row.email, row.due_at) for row in left if row.due_at is not None]
        return await self._spreading.place(conn, wishes, given) if wishes or given else []

    async def _withdraw(
        self, conn: AsyncConnection, withdrawn: Sequence[tuple[reporting.ReminderRow, str]], now: datetime
    ) -> int:
        """They end, and their step is free: what is due once more is planned anew."""
        sources = frozenset(reporting.UNSENT)
        reasoned = [(row, {"reason": reason}) for row, reason in withdrawn]
        changes = [
            Change(row.id, Status.CANCELLED, "withdrawn", now, detail, detail | {"step_key": None}, sources=sources)
            for row, detail in reasoned
        ]
        return sum(await self._ledger.apply(conn, changes))

    async def _add(self, conn: AsyncConnection, missing: Iterable[tuple[Missing, Granted]], now: datetime) -> int:
        rows = [(self._row(found, granted, now), granted) for found, granted in missing]
        story = [_planned_event(row, granted) for row, granted in rows]
        await reporting.plan(conn, [row for row, _ in rows], story)
        return len(rows)

    def _row(self, missing: Missing, granted: Granted, now: datetime) -> dict[str, Any]:
        standing, slot = missing.standing, missing.slot
        message_id = self._ids()
        return {
            "id": message_id,
            "kind": Kind.REMINDER,
            "status": Status.SCHEDULED,
            "institution_code": standing.institution_code,
            "prefecture": standing.prefecture,
            **_addressed(standing),
            "data": slot.data,
            "message_id_header": self._return_paths.message_id_header(message_id),
            "rule": RULE_BUSINESS_HOURS,
            "lane": lane(Kind.REMINDER),
            "created_at": now,
            "due_at": granted.due_at,
            "ready_at": granted.due_at,
            "expires_at": missing.plan.expires_at,
            "step_key": step_key(standing.scheme, standing.fiscal_year, standing.institution_code, slot.step),
        }


def _wish(standing: reporting.Standing, slot: Slot) -> Wish:
    assert standing.recipient is not None
    return Wish(standing.prefecture, standing.recipient["email"], slot.days, slot.due_at)


def _is_moved(outdated: Outdated) -> bool:
    """A deferred reminder keeps its next try."""
    return outdated.moved and outdated.row.status is Status.SCHEDULED


def _addressed(standing: reporting.Standing) -> dict[str, Any]:
    recipient = standing.recipient
    assert recipient is not None
    return {
        "email": recipient["email"],
        "email_key": recipient["email"].lower(),
        "recipient": {name: value for name, value in recipient.items() if name != "email"},
    }


def _mending(outdated: Outdated, granted: Granted | None, now: datetime) -> Change:
    """What is to be changed; `granted` where it moves. No address is told: more people read events than addresses."""
    row, slot = outdated.row, outdated.slot
    values = {
        "prefecture": outdated.standing.prefecture,
        "data": slot.data,
        "expires_at": outdated.plan.expires_at,
        **_addressed(outdated.standing),
    }
    if granted is not None:
        values |= {"due_at": granted.due_at, "ready_at": granted.due_at}
    redirected = goes_to(row) != outdated.standing.recipient
    detail = {
        "due_at": rfc3339(granted.due_at) if granted is not None else None,
        "deadline": slot.data["deadline"],
        "recipient_changed": redirected,
    }
    event = "redirected" if redirected and row.data == slot.data else "replanned"
    return Change(row.id, None, event, now, detail, values, sources=frozenset({row.status}))


def _planned_event(row: Mapping[str, Any], granted: Granted) -> dict[str, Any]:
    told = {name: row["data"][name] for name in ("step", "scheme", "fiscal_year")}
    detail = {"rule": row["rule"], "due_at": rfc3339(row["due_at"]), **told}
    if granted.spread:
        detail["spread"] = True
    return {
        "message_id": row["id"],
        "at": row["created_at"],
        "type": "planned",
        "status": row["status"],
        "detail": detail,
    }
