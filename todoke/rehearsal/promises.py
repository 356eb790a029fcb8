"""What the service promises, and every breach that a rehearsal has seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.jst import rfc3339

_MOST_TOLD = 20


class Promise(StrEnum):
    """A rule that no run may break."""

    GUIDE_NEXT_DAY = "guide-next-business-day"
    GUIDE_NEEDS_PRE_CHECK = "guide-needs-sent-pre-check"
    OPEN_HOURS = "only-in-business-hours"
    NOT_REPORTED = "no-reminder-after-reported"
    IN_PERIOD = "no-reminder-outside-period"
    NOT_ON_PAPER = "no-mail-to-paper-institutions"
    NOT_TO_FAILED = "no-reminder-to-failed-addresses"
    ONCE = "nothing-twice"
    NONE_LOST = "nothing-lost"
    TRUE_RECORD = "record-agrees-with-relay"
    ERASED = "secrets-erased"
    VISIBLE = "failures-visible-to-prefecture"

    @property
    def label(self) -> str:
        """For people."""
        return _LABELS[self]


_LABELS = {
    Promise.GUIDE_NEXT_DAY: "利用案内メールは、事前確認メールの送信完了の翌営業日9時より前に送らない",
    Promise.GUIDE_NEEDS_PRE_CHECK: "利用案内メールは、事前確認メールが送信完了でなければ送らない",
    Promise.OPEN_HOURS: "閉庁日・時間外には、即時のメール以外を送らない",
    Promise.NOT_REPORTED: "報告済の機関に催促のメールを送らない",
    Promise.IN_PERIOD: "報告期間の外に催促のメールを送らない",
    Promise.NOT_ON_PAPER: "紙で報告する機関に催促のメールを送らない",
    Promise.NOT_TO_FAILED: "不達と分かっている宛先に催促のメールを送らない",
    Promise.ONCE: "同じメール・同じ回の催促を二度送らない",
    Promise.NONE_LOST: "予定のメールを一通も失わない",
    Promise.TRUE_RECORD: "送信の記録は、中継サーバの記録と一致する",
    Promise.ERASED: "終わったメールの認証コード・設定用URLは消去されている",
    Promise.VISIBLE: "不達は、その都道府県の窓口から見える",
}


@dataclass(slots=True)
class Promises:
    """How often each promise was put to the test, and the breaches; of each some are told."""

    tested: dict[Promise, int] = field(default_factory=lambda: dict.fromkeys(Promise, 0))
    broken: dict[Promise, int] = field(default_factory=lambda: dict.fromkeys(Promise, 0))
    told: dict[Promise, list[str]] = field(default_factory=dict)

    def test(self, promise: Promise, kept: bool, what: str, at: datetime | None = None) -> None:
        """One more test of a promise; `what` it was about is told where it was broken."""
        self.tested[promise] += 1
        if kept:
            return
        self.broken[promise] += 1
        told = self.told.setdefault(promise, [])
        if len(told) < _MOST_TOLD:
            told.append(what if at is None else f"{rfc3339(at)} {what}")

    def count(self, promise: Promise, tests: int) -> None:
        """So many tests that were kept."""
        self.tested[promise] += tests

    @property
    def kept(self) -> bool:
        """Whether none was broken."""
        return not any(self.broken.values())

    def as_list(self) -> list[dict[str, Any]]:
        """Every promise with its tests and breaches."""
        return [
            {
                "promise": promise.value,
                "label": promise.label,
                "tested": self.tested[promise],
                "broken": self.broken[promise],
                "examples": self.told.get(promise, []),
            }
            for promise in Promise
        ]
