"""Messages as the pages show them: the row, why it has its due time, what a person may do to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.kinds import Kind
from core.statuses import CANCELLABLE, Status
from scheduler.calendar import OutsideCalendar
from scheduler.explaining import Explainer
from scheduler.windows import Timing
from store.reading import AnyRow, MessageRecord
from store.reading_views import message_view

_UNSENT = frozenset({Status.HELD, Status.SCHEDULED, Status.DEFERRED})
RESENDABLE = frozenset({Kind.APPLICATION_COMPLETE, Kind.REJECTION, Kind.EXISTING_USER_CONFIRM, Kind.ADDRESS_CHANGED})
"""Kinds for which a form is offered (contract section 4); the command has the last word."""


@dataclass(frozen=True, slots=True)
class PreCheck:
    """What a guide waits for: where it stands, and since when."""

    status: Status
    since: datetime


def mail_view(
    row: AnyRow,
    now: datetime,
    timing: Timing,
    prefecture: str | None,
    pre_check: PreCheck | None,
    status_at: datetime | None = None,
) -> dict[str, Any]:
    """A message with its address masked. `because` says why it is due when it is due, for one that has not left.

    `status_at` is when it came to its status, where that is known.
    """
    status = Status(row.status)
    waiting = status in _UNSENT
    return message_view(row, now, whole=False) | {
        "shown_at": _shown_at(row, status_at),
        "because": because(row, timing, prefecture, pre_check) if waiting else [],
        "waiting": waiting,
        "cancellable": status in CANCELLABLE,
        "in_doubt": status is Status.IN_DOUBT,
        "resendable": Kind(row.kind) in RESENDABLE and status.final,
    }


def _shown_at(row: AnyRow, status_at: datetime | None) -> Mapping[str, Any]:
    """The one moment that matters of a message, and what it is."""
    if row.status == Status.UNDELIVERED and status_at is not None:
        return {"word": "不達", "at": status_at}
    if row.sent_at is not None:
        return {"word": "送信", "at": row.sent_at}
    if row.status in _UNSENT and row.due_at is not None:
        at = row.ready_at if row.status == Status.DEFERRED and row.ready_at is not None else row.due_at
        return {"word": "送信予定", "at": at}
    return {"word": "受付", "at": row.created_at}


def because(row: AnyRow, timing: Timing, prefecture: str | None, pre_check: PreCheck | None) -> list[str]:
    """Why a message has its due time, in sentences; what the plan of a new one of its kind would say."""
    kind = Kind(row.kind)
    if row.due_at is None:
        return _of_the_gate(pre_check) if kind is Kind.GUIDE else []
    start = row.created_at
    if kind is Kind.GUIDE and pre_check is not None and pre_check.status is Status.SENT:
        start = pre_check.since
    try:
        plan = timing.explain(kind, start, prefecture)
    except OutsideCalendar:
        return []
    lines = list(plan.because)
    if plan.due_at != row.due_at:
        lines[-1] = "登録システムによる日時の指定、又は送信時の状況により、予定の日時が変わっています。"
    return lines


def pre_check_of(record: MessageRecord) -> PreCheck:
    """A pre-check as the guide behind it sees it."""
    status = Status(record.message.status)
    since = next((event.at for event in record.events if event.status == status), record.message.created_at)
    return PreCheck(status, since)


def because_of_the_season(
    row: AnyRow, events: Iterable[AnyRow], explainer: Explainer, prefecture: str | None
) -> list[str]:
    """Why a reminder is due that the season planned: its period, its step and its place among the others.

    Empty for any other mail; `events` are those of the mail.
    """
    planned = next((event for event in events if event.type == "planned"), None)
    if planned is None or prefecture is None or row.due_at is None:
        return []
    return explainer.reminder(planned.detail, row.due_at, prefecture)


def _of_the_gate(pre_check: PreCheck | None) -> list[str]:
    state = "" if pre_check is None else f"（現在：{pre_check.status.label()}）"
    return [
        f"G-MIS利用案内メールは、事前確認メールが送信完了となった日の翌営業日以降に送信します{state}。",
        "事前確認メールが不達となった場合は、送信しません。",
    ]
