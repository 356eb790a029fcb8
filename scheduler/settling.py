"""What is to be done so that an institution's reminders are those of its season: the one place that decides it. Pure.

The same decision is taken when a status arrives and when the service starts with another period or policy. Who has
reported, or reports on paper, is not asked here of what is planned already: that is asked when a reminder leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.messages import CancelReason
from core.statuses import Status
from scheduler.reminder_plans import SeasonPlan, Slot
from store.reporting import ReminderRow, Standing

_PASSING = frozenset({CancelReason.ALREADY_REPORTED, CancelReason.OUTSIDE_PERIOD, CancelReason.SUPERSEDED})
"""Reasons for not having left that a later word, or a longer period, may do away with."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A reminder to be planned; `replaces` names one of the same step that ended without leaving."""

    standing: Standing
    plan: SeasonPlan
    slot: Slot
    replaces: str | None


@dataclass(frozen=True, slots=True)
class Outdated:
    """A reminder to leave that is not as it should be. `moved`: it is due on another day."""

    row: ReminderRow
    standing: Standing
    plan: SeasonPlan
    slot: Slot
    moved: bool


@dataclass(slots=True)
class Settlement:
    """Everything that is to be done for some institutions."""

    missing: list[Missing] = field(default_factory=list)
    outdated: list[Outdated] = field(default_factory=list)
    withdrawn: list[tuple[ReminderRow, str]] = field(default_factory=list)  # with the reason

    def settle(self, standing: Standing, plan: SeasonPlan, on_record: Iterable[ReminderRow]) -> None:
        """Compare what an institution is due with what is on record for it."""
        wanted = {} if standing.recipient is None else plan.slots
        rows = list(on_record)
        replaced = {row.step: row.id for row in rows if _may_come_again(row)}
        counting = [row for row in rows if not _may_come_again(row)]
        taken = {row.step for row in counting}
        unfilled = wanted.keys() - taken if _may_be_reminded(standing) else set()
        missing = [slot for step, slot in wanted.items() if step in unfilled and slot.to_come]
        over = _superseded(plan, {row.step for row in counting if row.counts} | {slot.step for slot in missing})
        for row in counting:
            if row.unsent and not row.direct:
                self._keep(row, wanted.get(row.step), standing, plan, superseded=row.step in over)
        self.missing += [Missing(standing, plan, slot, replaced.get(slot.step)) for slot in missing]

    def _keep(
        self, row: ReminderRow, slot: Slot | None, standing: Standing, plan: SeasonPlan, *, superseded: bool
    ) -> None:
        moved = slot is not None and row.data["day"] != slot.data["day"]
        if slot is None or (moved and not slot.to_come):
            self.withdrawn.append((row, _why_withdrawn(row, plan)))
        elif superseded:
            self.withdrawn.append((row, CancelReason.SUPERSEDED))
        elif moved or not _as_it_should_be(row, slot, standing, plan):
            self.outdated.append(Outdated(row, standing, plan, slot, moved))


def _superseded(plan: SeasonPlan, steps: Set[str]) -> Set[str]:
    """The steps before the latest one whose day has come, of these: that one goes, and they no longer do."""
    begun = [key for key, slot in plan.slots.items() if slot.begun]
    latest = max((place for place, key in enumerate(begun) if key in steps), default=0)
    return frozenset(begun[:latest])


def _may_be_reminded(standing: Standing) -> bool:
    return standing.recipient is not None and standing.status != "reported" and standing.channel != "paper"


def _may_come_again(row: ReminderRow) -> bool:
    """Whether it ended without having left, for a reason that may pass."""
    passing = row.status is Status.EXPIRED or (row.status is Status.CANCELLED and row.reason in _PASSING)
    return passing and not row.direct


def _as_it_should_be(row: ReminderRow, slot: Slot, standing: Standing, plan: SeasonPlan) -> bool:
    return (
        row.data == slot.data
        and row.expires_at == plan.expires_at
        and row.prefecture == standing.prefecture
        and goes_to(row) == standing.recipient
    )


def goes_to(row: ReminderRow) -> Mapping[str, Any]:
    """The recipient of a reminder, as a status names it."""
    return {"email": row.email, **row.recipient}


def _why_withdrawn(row: ReminderRow, plan: SeasonPlan) -> str:
    day = date.fromisoformat(row.data["day"])
    inside = plan.period.start <= day <= plan.period.end
    return CancelReason.WITHDRAWN if inside else CancelReason.OUTSIDE_PERIOD
