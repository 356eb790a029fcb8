"""The words of the demo: a date as it is read in Japan, what happened, and a message's story in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from core.jst import to_tokyo

_WEEKDAYS = "月火水木金土日"

EVENTS: Mapping[str, str] = {
    "accepted": "受付",
    "planned": "予定",
    "claimed": "送信開始",
    "sent": "送信完了",
    "deferred": "再送待ち",
    "in-doubt": "送信結果不明",
    "refused": "不達（受信拒否）",
    "retries-exhausted": "不達（再送打切り）",
    "bounced": "不達（不達通知）",
    "bounced-again": "不達通知（2通目）",
    "gate-opened": "送信予約",
    "gate-closed": "取消",
    "cancelled": "取消",
    "expired": "期限切れ",
    "suppressed": "送信停止",
    "postponed": "営業時間まで待機",
    "tries-ended": "再送終了",
    "delay-reported": "遅延通知",
    "delivery-reported": "配達通知",
    "forward-failed": "転送先への不達通知",
    "auto-reply": "自動応答",
    "other-mail": "その他のメール",
    "complaint": "苦情通知",
    "resolved": "担当者が確認",
    "resent": "再送",
    "taken-over": "引継ぎ",
    "given-back": "送信待ちへ",
    "outcome-late": "結果（後着）",
    "report-without-effect": "通知（影響なし）",
}
"""Types of events, for readers. One that is not here is shown as it stands."""

_STEPS_BETWEEN = frozenset({"claimed", "postponed"})


def day_text(day: date) -> str:
    """2026-12-28 (月)."""
    return f"{day.isoformat()} ({_WEEKDAYS[day.weekday()]})"


def moment_text(moment: datetime | str) -> str:
    """2026-12-28 (月) 09:00, in Asia/Tokyo."""
    local = to_tokyo(datetime.fromisoformat(moment) if isinstance(moment, str) else moment)
    return f"{day_text(local.date())} {local:%H:%M}"


def event_text(event: Mapping[str, Any]) -> str:
    """What happened, with code and reason where there are any."""
    word = EVENTS.get(event["type"], event["type"])
    evidence = evidence_of(event["detail"])
    return f"{word} [{evidence}]" if evidence else word


def evidence_of(detail: Mapping[str, Any]) -> str:
    """SMTP code, enhanced code and reason, as far as they are known: `550 5.1.1 userunknown`."""
    code = detail.get("smtp_code")
    enhanced = detail.get("enhanced_code") or _enhanced(detail.get("reply"))
    reason = detail.get("reason")
    told = code is not None and code < 300
    return " ".join(str(part) for part in (code, enhanced, reason) if part is not None and not told)


def _enhanced(reply: str | None) -> str | None:
    first = (reply or "").partition(" ")[0]
    return first if first[:1] in ("2", "4", "5") and first.count(".") == 2 else None


def timeline(events: Sequence[Mapping[str, Any]]) -> str:
    """A story in one line: `12-25 08:30 受付 → 09:00 送信完了`. The date stands where it changes."""
    return " → ".join(_steps(event for event in events if event["type"] not in _STEPS_BETWEEN))


def _steps(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    before = ""
    for text, group in groupby(events, key=event_text):
        same = list(group)
        at = to_tokyo(datetime.fromisoformat(same[0]["at"]))
        day = f"{at:%m-%d}"
        times = f"×{len(same)}" if len(same) > 1 else ""
        yield f"{at:%H:%M} {text}{times}" if day == before else f"{day} {at:%H:%M} {text}{times}"
        before = f"{to_tokyo(datetime.fromisoformat(same[-1]['at'])):%m-%d}"
