"""Whether a message may leave, asked at every attempt: the table of objections, and their order."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.periods import load_periods
from config.reminders import load_reminder_policy
from config.timing import load_hours
from core.jst import TOKYO
from core.kinds import InstitutionType, Kind, Scheme
from core.mail import Institution, Recipient
from core.messages import Message, Reminder
from core.ports import Candidate, Claim, Decision, Drop, Hold, Leave, Postpone, Reporting
from core.retry import REPAIR_PAUSE
from core.statuses import FINAL, Status
from scheduler.calendar import BusinessCalendar
from scheduler.policies import LeavePolicy
from scheduler.reminders import ReminderRules
from scheduler.season import ReportingSeason
from scheduler.windows import Timing

CALENDAR = BusinessCalendar()
RULES = ReminderRules(ReportingSeason(load_periods(), load_reminder_policy(), CALENDAR))

OPEN = datetime(2026, 11, 25, 10, 0, tzinfo=TOKYO)  # Wednesday
NIGHT = datetime(2026, 11, 25, 20, 0, tzinfo=TOKYO)
NEXT_MORNING = datetime(2026, 11, 26, 9, 0, tzinfo=TOKYO)
HOLIDAYS = datetime(2026, 12, 30, 12, 0, tzinfo=TOKYO)
AFTER_HOLIDAYS = datetime(2027, 1, 4, 9, 0, tzinfo=TOKYO)
IN_PERIOD = datetime(2027, 1, 12, 10, 0, tzinfo=TOKYO)
LAST_DAY = datetime(2027, 3, 31, 16, 59, tzinfo=TOKYO)
TOO_EARLY = datetime(2027, 1, 4, 10, 0, tzinfo=TOKYO)
TOO_LATE = datetime(2027, 4, 1, 10, 0, tzinfo=TOKYO)

AT_ONCE = {Kind.CODE, Kind.APPLICATION_COMPLETE, Kind.PASSWORD_RESET}
WITHOUT_GATE = [kind for kind in Kind if kind not in (Kind.GUIDE, Kind.REMINDER)]
HELD_IN_HOURS = [kind for kind in WITHOUT_GATE if kind not in AT_ONCE]


def policy(allowed: bool = True, contact: bool = True) -> LeavePolicy:
    return LeavePolicy(Timing(CALENDAR, load_hours()), RULES, lambda _: allowed, lambda _: contact)


def message(kind: Kind = Kind.APPLICATION_COMPLETE, status: Status = Status.SCHEDULED, **changed: Any) -> Message:
    reminder = Reminder(Scheme.MEDICAL_FUNCTION, 2026, date(2027, 3, 31), "L") if kind is Kind.REMINDER else None
    plain = Message(
        id="m",
        kind=kind,
        status=status,
        recipient=Recipient("soumu@example.jp"),
        institution=None if kind is Kind.CODE else Institution("35", "病院", InstitutionType.HOSPITAL, "35"),
        data={},
        message_id_header="<m@example.jp>",
        attempts=0,
        troubles=0,
        first_attempt_at=None,
        expires_at=None,
        reminder=reminder,
    )
    return plain._replace(**changed)


def candidate(of: Message | None = None, **changed: Any) -> Candidate:
    of = of or message()
    plain = Candidate(
        message=of,
        prefecture=of.institution.prefecture if of.institution else None,
        suppressed=False,
        pre_check=Status.SENT if of.kind is Kind.GUIDE else None,
        pre_check_sent_at=OPEN - timedelta(days=2) if of.kind is Kind.GUIDE else None,
        reporting=None,
    )
    return plain._replace(**changed)


def decide(asked: Candidate, now: datetime = OPEN, **rules: bool) -> Decision:
    return policy(**rules).decide(asked, now)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.REMINDER])
@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT])
def test_without_objection_it_leaves(kind: Kind, status: Status) -> None:
    assert decide(candidate(message(kind, status))) == Claim()


@pytest.mark.parametrize("kind", sorted(AT_ONCE))
@pytest.mark.parametrize("now", [NIGHT, HOLIDAYS])
def test_immediate_kinds_leave_day_and_night(kind: Kind, now: datetime) -> None:
    assert decide(candidate(message(kind)), now) == Claim()


@pytest.mark.parametrize("kind", HELD_IN_HOURS)
@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT])
@pytest.mark.parametrize(("now", "until"), [(NIGHT, NEXT_MORNING), (HOLIDAYS, AFTER_HOLIDAYS)])
def test_the_others_wait_for_the_window_at_every_attempt(
    kind: Kind, status: Status, now: datetime, until: datetime
) -> None:
    assert decide(candidate(message(kind, status)), now) == Postpone(until, "window")


@pytest.mark.parametrize("kind", list(Kind))
def test_what_has_expired_never_leaves(kind: Kind) -> None:
    assert decide(candidate(message(kind, expires_at=OPEN))) == Drop(Status.EXPIRED, None)


def test_an_expiry_to_come_is_no_objection() -> None:
    assert decide(candidate(message(expires_at=OPEN + timedelta(seconds=1)))) == Claim()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_recipient_that_may_not_be_mailed_here(kind: Kind) -> None:
    asked = candidate(message(kind))
    assert decide(asked, allowed=False) == Drop(Status.CANCELLED, "recipient-not-allowed")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.PRE_CHECK])
def test_a_suppressed_address(kind: Kind) -> None:
    assert decide(candidate(message(kind), suppressed=True)) == Drop(Status.SUPPRESSED, "suppressed")


def test_a_pre_check_is_a_new_probe_of_a_suppressed_address() -> None:
    assert decide(candidate(message(Kind.PRE_CHECK), suppressed=True)) == Claim()


@pytest.mark.parametrize("pre_check", sorted(FINAL - {Status.SENT}))
def test_a_guide_whose_pre_check_failed_is_cancelled(pre_check: Status) -> None:
    asked = candidate(message(Kind.GUIDE), pre_check=pre_check)
    assert decide(asked) == Drop(Status.CANCELLED, f"pre-check-{pre_check}")


@pytest.mark.parametrize("pre_check", sorted(set(Status) - FINAL))
def test_a_guide_waits_while_its_pre_check_is_open(pre_check: Status) -> None:
    asked = candidate(message(Kind.GUIDE), pre_check=pre_check, pre_check_sent_at=None)
    assert decide(asked) == Postpone(OPEN + REPAIR_PAUSE, "pre-check")


def test_a_guide_never_leaves_on_the_day_of_its_pre_check() -> None:
    asked = candidate(message(Kind.GUIDE), pre_check_sent_at=OPEN - timedelta(minutes=30))
    assert decide(asked) == Postpone(NEXT_MORNING, "gate")


def test_a_guide_of_yesterdays_pre_check_waits_for_the_window_only() -> None:
    asked = candidate(message(Kind.GUIDE), pre_check_sent_at=OPEN - timedelta(days=1))
    assert decide(asked, OPEN.replace(hour=8)) == Postpone(OPEN.replace(hour=9), "gate")
    assert decide(asked, NIGHT) == Postpone(NEXT_MORNING, "window")
    assert decide(asked, OPEN) == Claim()


REMINDER = candidate(message(Kind.REMINDER))


@pytest.mark.parametrize(
    ("now", "decision"),
    [
        (IN_PERIOD, Claim()),
        (LAST_DAY, Claim()),
        (TOO_EARLY, Drop(Status.CANCELLED, "outside-period")),
        (TOO_LATE, Drop(Status.CANCELLED, "outside-period")),
    ],
)
def test_a_reminder_keeps_to_its_period(now: datetime, decision: Decision) -> None:
    assert decide(REMINDER, now) == decision


@pytest.mark.parametrize(
    ("reporting", "decision"),
    [
        (None, Claim()),
        (Reporting("not-started", "online", True), Claim()),
        (Reporting("in-progress", "online", True), Claim()),
        (Reporting("reported", "online", True), Drop(Status.CANCELLED, "already-reported")),
        (Reporting("reported", "paper", True), Drop(Status.CANCELLED, "already-reported")),
        (Reporting("not-started", "paper", True), Drop(Status.CANCELLED, "withdrawn")),
    ],
)
def test_a_reminder_asks_how_the_report_stands(reporting: Reporting | None, decision: Decision) -> None:
    assert decide(REMINDER._replace(reporting=reporting), IN_PERIOD) == decision


def test_a_prefecture_without_a_contact_waits_for_its_repair() -> None:
    assert decide(candidate(), contact=False) == Hold(OPEN + REPAIR_PAUSE, "no-contact")


def test_a_repair_is_waited_for_within_the_hours() -> None:
    closing = OPEN.replace(hour=16, minute=55)
    assert decide(candidate(message(Kind.PRE_CHECK)), closing, contact=False) == Hold(NEXT_MORNING, "no-contact")


def test_a_code_needs_no_contact_of_a_prefecture() -> None:
    assert decide(candidate(message(Kind.CODE)), contact=False) == Claim()


def test_the_window_is_asked_before_the_contact() -> None:
    assert decide(candidate(message(Kind.PRE_CHECK)), NIGHT, contact=False) == Postpone(NEXT_MORNING, "window")


DROPPING = [
    candidate(message(status=Status.IN_DOUBT, expires_at=OPEN)),
    candidate(message(status=Status.IN_DOUBT), suppressed=True),
    candidate(message(Kind.GUIDE, Status.IN_DOUBT), pre_check=Status.UNDELIVERED),
]


@pytest.mark.parametrize("asked", DROPPING)
def test_what_may_have_arrived_is_neither_cancelled_nor_expired_but_left(asked: Candidate) -> None:
    assert isinstance(decide(asked), Leave)


candidates = st.builds(
    lambda kind, status, expired, suppressed, pre_check: candidate(
        message(kind, status, expires_at=OPEN if expired else None), suppressed=suppressed, pre_check=pre_check
    ),
    st.sampled_from(Kind),
    st.sampled_from([Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(Status) | st.none(),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2030, 12, 31)).map(lambda at: at.replace(tzinfo=TOKYO))


@given(candidates, moments, st.booleans(), st.booleans())
def test_every_answer_can_be_carried_out(asked: Candidate, now: datetime, allowed: bool, contact: bool) -> None:
    decision = decide(asked, now, allowed=allowed, contact=contact)
    in_doubt = asked.message.status is Status.IN_DOUBT
    match decision:
        case Postpone(until, _) | Hold(until, _):
            assert until > now
        case Drop(status, _):
            assert status in FINAL - {Status.SENT}
            assert not in_doubt
        case Leave():
            assert in_doubt
        case Claim():
            assert allowed
            assert not (asked.message.expires_at and asked.message.expires_at <= now)
