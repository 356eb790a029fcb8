"""Every check of the demo can fail, and says by what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from core.jst import TOKYO
from core.kinds import Kind
from scheduler.calendar import BusinessCalendar
from todoke.demo import checks
from todoke.demo.captured import Captured, links_in
from todoke.demo.checks import Evidence, all_checks
from todoke.demo.records import Books, Decision, Record

LINK = "https://www.g-mis.mhlw.go.jp/s/demo-123"


def at(month: int, day: int, hour: int = 9) -> datetime:
    year = 2026 if month == 12 else 2027
    return datetime(year, month, day, hour, tzinfo=TOKYO)


def record(name: str, kind: Kind, status: str = "sent", sent_at: datetime | None = None, **changes: Any) -> Record:
    view: dict[str, Any] = {
        "id": name,
        "kind": kind.value,
        "status": status,
        "application_id": "app",
        "institution_code": "1",
        "sent_at": None if sent_at is None else sent_at.isoformat(),
        "waits_for": "pre-check" if kind is Kind.GUIDE else None,
        "delivery": {"message_id_header": f"<{name}>", "reports": [{}]},
        "events": [],
    }
    return Record(view | changes, "病院", "self", "none", secret_held=False)


def mail(name: str, kind: Kind, when: datetime, to: str = "a@example.jp") -> Captured:
    return Captured(kind, to, when, f"<{name}>")


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """One application without mail for each row, instead of those of the sample files."""
    monkeypatch.setattr(checks, "_addresses", lambda row: [f"{row[0]}-{row[1]}@example.jp"])


@pytest.fixture
def good(silent: None) -> Evidence:
    """A pre-check of 28 December, its guide of 4 January, a reminder; no mail for three applications."""
    records = [
        record("pre-check", Kind.PRE_CHECK, sent_at=at(12, 28)),
        record("guide", Kind.GUIDE, sent_at=at(1, 4)),
        record("failed", Kind.PRE_CHECK, "undelivered", application_id="other"),
        record("reminder", Kind.REMINDER, sent_at=at(1, 5), application_id=None),
    ]
    rows = [("self", "permitted"), ("prefecture", "unpermitted"), ("prefecture", "permitted")]
    decisions = [Decision(f"{route}-{account}", "病院", route, account, "no-mail") for route, account in rows]
    mails = [
        mail("pre-check", Kind.PRE_CHECK, at(12, 28)),
        mail("guide", Kind.GUIDE, at(1, 4)),
        mail("reminder", Kind.REMINDER, at(1, 5)),
    ]
    return Evidence(
        books=Books(records, decisions, jobs=5, unmatched=0, reported=frozenset({"2"})),
        mails=mails,
        links=frozenset({LINK}),
        database=b"nothing of that kind",
        accepted=5,
        is_open=BusinessCalendar().is_open,
    )


def broken(evidence: Evidence) -> set[str]:
    return {check.id for check in all_checks(evidence) if not check.holds}


def with_books(evidence: Evidence, **changes: Any) -> Evidence:
    return replace(evidence, books=replace(evidence.books, **changes))


def with_mails(evidence: Evidence, *more: Captured, without: Sequence[str] = ()) -> Evidence:
    kept = [each for each in evidence.mails if each.header.strip("<>") not in without]
    return replace(evidence, mails=[*kept, *more])


def test_all_hold(good: Evidence) -> None:
    assert broken(good) == set()


@pytest.mark.parametrize("day", [date(2026, 12, 28), date(2026, 12, 25), date(2026, 12, 31), date(2027, 1, 3)])
def test_guide_on_the_same_day_before_or_on_a_closed_day(good: Evidence, day: date) -> None:
    guide = mail("guide", Kind.GUIDE, at(day.month, day.day))
    assert "guide-on-a-later-business-day" in broken(with_mails(good, guide, without=["guide"]))


def test_guide_on_the_day_of_the_last_probe(good: Evidence) -> None:
    """What counts is the day of the last pre-check that went over the wire, too."""
    late = mail("pre-check", Kind.PRE_CHECK, at(1, 4))
    assert broken(with_mails(good, late, without=["pre-check"])) == {"guide-on-a-later-business-day"}


def test_guide_after_a_bounced_pre_check(good: Evidence) -> None:
    bounced = record("pre-check", Kind.PRE_CHECK, "undelivered", sent_at=at(12, 28))
    found = with_books(good, records=[bounced, *good.books.records[1:]])
    assert broken(found) == {"no-guide-after-a-bounced-pre-check"}


@pytest.mark.parametrize(
    ("to", "check"),
    [
        ("self-permitted@example.jp", "no-mail-for-permitted"),
        ("Prefecture-Unpermitted@example.jp", "no-mail-by-prefecture-route-with-account"),
        ("prefecture-permitted@example.jp", "no-mail-by-prefecture-route-with-account"),
    ],
)
def test_mail_where_the_rule_table_has_none(good: Evidence, to: str, check: str) -> None:
    assert check in broken(with_mails(good, mail("strange", Kind.PRE_CHECK, at(12, 28), to)))


def test_decision_that_is_not_on_record(good: Evidence) -> None:
    assert broken(with_books(good, decisions=good.books.decisions[1:])) == {"no-mail-for-permitted"}


def test_guide_twice(good: Evidence) -> None:
    assert broken(with_mails(good, mail("guide", Kind.GUIDE, at(1, 5)))) == {"one-guide-an-application"}


def test_second_guide_of_an_application(good: Evidence) -> None:
    second = record("again", Kind.GUIDE, sent_at=at(1, 5))
    found = with_books(good, records=[*good.books.records, second])
    assert broken(with_mails(found, mail("again", Kind.GUIDE, at(1, 5)))) == {"one-guide-an-application"}


@pytest.mark.parametrize("when", [at(1, 5, 8), at(1, 5, 17), at(1, 9)])
def test_mail_outside_business_hours(good: Evidence, when: datetime) -> None:
    late = mail("reminder", Kind.REMINDER, when)
    assert broken(with_mails(good, late, without=["reminder"])) == {"business-hours"}


def test_immediate_kinds_go_at_any_time(good: Evidence) -> None:
    code = record("code", Kind.CODE, sent_at=at(1, 1), application_id=None)
    found = with_books(good, records=[*good.books.records, code])
    assert broken(with_mails(found, mail("code", Kind.CODE, at(1, 1, 0)))) == set()


def test_reminder_to_somebody_who_has_reported(good: Evidence) -> None:
    assert broken(with_books(good, reported=frozenset({"1"}))) == {"no-reminder-after-the-report"}


def test_sent_but_not_captured(good: Evidence) -> None:
    assert "sent-is-captured" in broken(with_mails(good, without=["reminder"]))


def test_captured_but_not_on_record(good: Evidence) -> None:
    assert broken(with_mails(good, mail("strange", Kind.PRE_CHECK, at(12, 28)))) == {"sent-is-captured"}


def test_secret_that_is_still_held(good: Evidence) -> None:
    held = replace(good.books.records[1], secret_held=True)
    records = [good.books.records[0], held, *good.books.records[2:]]
    assert broken(with_books(good, records=records)) == {"secrets-erased"}


def test_secret_of_a_guide_in_doubt(good: Evidence) -> None:
    doubt = replace(record("doubt", Kind.GUIDE, "in-doubt"), secret_held=True)
    assert broken(with_books(good, records=[*good.books.records, doubt])) == {"secrets-erased"}


def test_link_in_clear_in_the_database(good: Evidence) -> None:
    database = b"\x00\xffsome" + LINK.encode() + b'"\x00'
    assert broken(replace(good, database=database)) == {"secrets-erased"}


def test_refused_line_on_record(good: Evidence) -> None:
    assert broken(replace(good, accepted=4)) == {"refused-leaves-nothing"}


def test_report_without_its_mail(good: Evidence) -> None:
    assert broken(with_books(good, unmatched=1)) == {"reports-are-tied"}


@pytest.mark.parametrize(
    "lacking",
    [
        lambda evidence: replace(evidence, mails=[]),
        lambda evidence: replace(evidence, links=frozenset()),
        lambda evidence: with_books(evidence, reported=frozenset()),
    ],
)
def test_a_check_that_was_tried_on_nothing_does_not_hold(
    good: Evidence, lacking: Callable[[Evidence], Evidence]
) -> None:
    assert broken(lacking(good))


def test_names_at_most_three_culprits(good: Evidence) -> None:
    many = [mail(f"strange-{number}", Kind.PRE_CHECK, at(12, 28)) for number in range(9)]
    told = {check.id: check.as_dict() for check in all_checks(with_mails(good, *many))}
    assert len(told["sent-is-captured"]["broken_by"]) == 3


def test_links_are_found_wherever_they_stand() -> None:
    assert links_in(f"<{LINK}>\r\n次") == {LINK}
