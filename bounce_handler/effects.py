"""What a report does to the message it belongs to: one table, pure (contract sections 1 and 8).

The table with its reasons stands in docs/bounce-effects.md; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bounce_handler.recipients import Spoken, spoken_for
from core.masking import mask_email
from core.messages import Change
from core.reports import (
    DELIVERY_REPORTED,
    Action,
    BounceClass,
    Correlation,
    Effect,
    ParsedReport,
    ReadReport,
    Reason,
    RecipientReport,
    ReportTarget,
    ReportType,
    Unmatched,
    Verdict,
    Wait,
)
from core.statuses import BOUNCEABLE, Status


class Told(StrEnum):
    """What a report tells of our recipient."""

    FAILED = "failed"
    FORWARD_FAILED = "forward-failed"  # beyond our recipient's address, which the mail has reached
    DELIVERED = "delivered"  # relayed and expanded, too: somebody took the mail over and will say no more
    DELAYED = "delayed"
    AUTO_REPLY = "auto-reply"
    COMPLAINT = "complaint"
    OTHER = "other"  # a letter, or what nobody could read as a report


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of the message: its new status, None where it stays, and the event that tells of it."""

    status: Status | None
    event: str


_NOTED = {
    Told.FORWARD_FAILED: Step(None, "forward-failed"),
    Told.DELIVERED: Step(None, DELIVERY_REPORTED),
    Told.DELAYED: Step(None, "delay-reported"),
    Told.AUTO_REPLY: Step(None, "auto-reply"),
    Told.COMPLAINT: Step(None, "complaint"),
    Told.OTHER: Step(None, "other-mail"),
}
_CHANGING: Mapping[tuple[Told, Status], Step | None] = {
    **{(Told.FAILED, status): Step(Status.UNDELIVERED, "bounced") for status in BOUNCEABLE},
    (Told.FAILED, Status.UNDELIVERED): Step(None, "bounced-again"),
    (Told.DELIVERED, Status.IN_DOUBT): Step(Status.SENT, DELIVERY_REPORTED),
    (Told.DELIVERED, Status.SENDING): None,
}


def step(told: Told, status: Status) -> Step | None:
    """The table. None: the report is ahead of our own record of the sending, and waits for it."""
    return _CHANGING.get((told, status), _NOTED.get(told, Step(None, "report-without-effect")))


_TOLD: Mapping[Action, Told] = {
    Action.FAILED: Told.FAILED,
    Action.DELAYED: Told.DELAYED,
    Action.DELIVERED: Told.DELIVERED,
    Action.RELAYED: Told.DELIVERED,
    Action.EXPANDED: Told.DELIVERED,
}
_ACTION: Mapping[ReportType, Action] = {
    ReportType.BOUNCE: Action.FAILED,
    ReportType.DELAY: Action.DELAYED,
    ReportType.SUCCESS: Action.DELIVERED,
}
"""What a report without recipients says of the one recipient that its mail had."""


def judge(report: ReadReport, correlation: Correlation, at: datetime) -> Verdict:
    """What to do about a report that was, or was not, tied to a message."""
    target = correlation.target
    if target is None:
        unknown = "unknown-message" if report.parsed.original_message_id else "no-token"
        return Unmatched(report.kept.doubt or unknown)
    if correlation.returned not in (None, target.message_id):
        return Unmatched("another-message")
    return decide(report, target, at)


def decide(report: ReadReport, target: ReportTarget, at: datetime) -> Verdict:
    """The effect of a report on the message it is about."""
    origin = {"report": report.kept.id}
    match report.parsed.type:
        case ReportType.OTHER:
            return Unmatched("not-a-report", _change(target, _NOTED[Told.OTHER], at, origin))
        case ReportType.COMPLAINT:
            return Effect(_change(target, _NOTED[Told.COMPLAINT], at, origin), complaint=True)
        case ReportType.AUTO_REPLY:
            unused = {"address_unused": True} if report.address_unused else {}
            return Effect(_change(target, _NOTED[Told.AUTO_REPLY], at, origin | unused))
        case ReportType.BOUNCE | ReportType.DELAY | ReportType.SUCCESS:
            return _decide_delivery(report.parsed, target, at, origin)


def _decide_delivery(parsed: ParsedReport, target: ReportTarget, at: datetime, origin: Mapping[str, Any]) -> Verdict:
    spoken = spoken_for(parsed.recipients, target.email)
    action = (spoken.report.action if spoken else None) or _ACTION[parsed.type]
    taken = step(_told(action, spoken, target), target.status)
    if taken is None:
        return Wait()
    detail = {**origin, "action": action.value, **_detail(spoken)}
    return Effect(_change(target, taken, at, detail, _values(taken, spoken, target.handed_over_at or at)))


def _told(action: Action, spoken: Spoken | None, target: ReportTarget) -> Told:
    """An address behind ours may be told of after ours was reached, as by a list (RFC 3464 section 2.3.3)."""
    behind = spoken is not None and not spoken.ours
    return Told.FORWARD_FAILED if action is Action.FAILED and behind and target.reached else _TOLD[action]


def _change(
    target: ReportTarget,
    taken: Step,
    at: datetime,
    detail: Mapping[str, Any],
    values: Mapping[str, Any] | None = None,
) -> Change:
    return Change(target.message_id, taken.status, taken.event, at, detail, values or {})


def _values(taken: Step, spoken: Spoken | None, sent_at: datetime) -> dict[str, Any]:
    """The columns that go with a new status; `sent_at` where that is `sent`."""
    if taken.status is None:
        return {}
    ours = spoken.report if spoken else None
    told = {
        "smtp_code": ours.smtp_code if ours else None,
        "enhanced_code": ours.status if ours else None,
        "diagnostic": ours.diagnostic if ours else None,
    }
    if taken.status is Status.SENT:
        return told | {"sent_at": sent_at, "reason": None, "bounce_class": None}
    return told | {"reason": _reason(ours), "bounce_class": _class(spoken)}


def _reason(ours: RecipientReport | None) -> str:
    return ((ours.reason if ours else None) or Reason.UNDEFINED).value


def _class(spoken: Spoken | None) -> str:
    return ((spoken.bounce_class if spoken else None) or BounceClass.SOFT).value


def _detail(spoken: Spoken | None) -> dict[str, Any]:
    if spoken is None:
        return {}
    ours = spoken.report
    detail: dict[str, Any] = {
        "enhanced_code": ours.status,
        "smtp_code": ours.smtp_code,
        "reason": ours.reason,
        "bounce_class": spoken.bounce_class,
        "diagnostic": ours.diagnostic,
    }
    return detail if spoken.ours else detail | {"forwarded_to": mask_email(ours.address)}
