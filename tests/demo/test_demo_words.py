"""A story in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from todoke.demo.words import evidence_of, moment_text, timeline


def event(at: str, kind: str, **detail: Any) -> dict[str, Any]:
    return {"at": f"{at}+09:00", "type": kind, "status": "", "detail": detail}


def test_date_stands_where_it_changes() -> None:
    events = [
        event("2026-12-28T10:00:00", "accepted"),
        event("2026-12-28T10:00:05", "claimed"),
        event("2026-12-28T10:00:06", "sent", smtp_code=250, reply="2.0.0 OK"),
        event("2027-01-04T09:00:00", "bounced", smtp_code=550, enhanced_code="5.1.1", reason="userunknown"),
    ]
    assert (
        timeline(events) == "12-28 10:00 受付 → 10:00 送信完了 → 01-04 09:00 不達（不達通知） [550 5.1.1 userunknown]"
    )


def test_same_things_in_a_row_are_counted() -> None:
    tries = [event(f"2026-12-28T10:0{minute}:00", "deferred", smtp_code=452, reply="4.2.2 full") for minute in range(3)]
    assert timeline([*tries, event("2026-12-29T09:00:00", "sent")]) == (
        "12-28 10:00 再送待ち [452 4.2.2]×3 → 12-29 09:00 送信完了"
    )


def test_an_unknown_event_is_shown_as_it_stands() -> None:
    assert timeline([event("2026-12-28T10:00:00", "teleported")]) == "12-28 10:00 teleported"


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({}, ""),
        ({"smtp_code": 250, "reply": "2.0.0 OK"}, ""),
        ({"smtp_code": 550, "reply": "no such user", "reason": "filtered"}, "550 filtered"),
        ({"smtp_code": None, "enhanced_code": "5.1.1", "reason": None}, "5.1.1"),
        ({"reason": "withdrawn"}, "withdrawn"),
    ],
)
def test_evidence(detail: dict[str, Any], expected: str) -> None:
    assert evidence_of(detail) == expected


def test_moments_are_of_tokyo() -> None:
    assert moment_text(datetime(2026, 12, 27, 15, 0, tzinfo=UTC)) == "2026-12-28 (月) 00:00"
    assert moment_text("2027-01-04T09:00:00+09:00") == "2027-01-04 (月) 09:00"
