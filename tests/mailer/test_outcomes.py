"""Every outcome of a try and the change it makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_handler.classifying import classify_reply
from core.jst import TOKYO
from core.kinds import Kind
from core.mail import Recipient
from core.messages import Change, Message, Taken
from core.retry import REPAIR_PAUSE, Schedule
from core.statuses import FINAL, TRANSITIONS, Status
from mailer.outcomes import (
    MAX_DIAGNOSTIC,
    OutcomeRules,
    bounded,
    given_back,
    held_back,
    of_the_relay,
    result_of,
    waits_for_relay,
)
from mailer.transport import Accepted, Lost, Outcome, Refused

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
LEASE = "sender-1"
SCHEDULE = Schedule([60, 300, 300, 900, 3600, 3600, 3600, 14400])
RULES = OutcomeRules(
    SCHEDULE,
    classify_reply,
    lambda kind: kind is Kind.GUIDE,
    lambda sent_at, prefecture: sent_at + timedelta(days=3),
    lambda kind, at, prefecture: at,
)
MESSAGE = Message(
    id="m",
    kind=Kind.PRE_CHECK,
    status=Status.SCHEDULED,
    recipient=Recipient("soumu@example.jp"),
    institution=None,
    data={},
    message_id_header="<m@example.jp>",
    attempts=0,
    troubles=0,
    first_attempt_at=None,
    expires_at=None,
)
OLD = MESSAGE._replace(attempts=20, troubles=20, first_attempt_at=NOW - timedelta(hours=71))


def change(outcome: Outcome, message: Message = MESSAGE) -> Change:
    result = result_of(message, outcome, RULES, LEASE, NOW)
    return result.change() if isinstance(result, Taken) else result


@pytest.mark.parametrize("kind", list(Kind))
def test_2xx_after_the_dot_is_sent(kind: Kind) -> None:
    made = change(Accepted(250, "2.0.0 Ok: queued"), MESSAGE._replace(kind=kind, attempts=1, first_attempt_at=NOW))
    assert (made.target, made.event, made.at, made.lease) == (Status.SENT, "sent", NOW, LEASE)
    assert made.values == {
        "attempts": 2,
        "first_attempt_at": NOW,
        "sent_at": NOW,
        "settles_at": NOW + timedelta(days=3),
        "reason": None,
        "bounce_class": None,
        "smtp_code": 250,
        "enhanced_code": "2.0.0",
        "diagnostic": "2.0.0 Ok: queued",
    }
    assert made.detail == {"attempt": 2, "smtp_code": 250, "reply": "2.0.0 Ok: queued"}


@pytest.mark.parametrize(
    ("code", "text", "reason", "bounce_class"),
    [
        (550, "5.1.1 User unknown", "userunknown", "hard"),
        (550, "5.1.1 受付できません", "userunknown", "hard"),
        (550, "5.7.1 rejected by policy", None, "soft"),
        (554, "", None, "soft"),
        (553, "5.1.2 host unknown", "hostunknown", "hard"),
        (552, "5.3.4 message too big", "emailtoolarge", "soft"),
        (550, "5.7.27 Sender address has null MX", "rejected", "soft"),
        (556, "5.1.10 Recipient address has null MX", "notaccept", "hard"),
        (521, "5.3.2 does not accept mail", None, None),
        (503, "5.5.1 Bad sequence of commands", None, "soft"),
        (504, "5.5.4 Command parameter not implemented", None, "soft"),
    ],
)
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_5xx_is_final(code: int, text: str, reason: str | None, bounce_class: str | None, stage: Any) -> None:
    made = change(Refused(code, text, stage))
    assert (made.target, made.event) == (Status.UNDELIVERED, "refused")
    assert made.values["smtp_code"] == code
    assert made.values["diagnostic"] == text
    assert made.values["attempts"] == 1
    assert "ready_at" not in made.values
    assert made.values["reason"] == made.detail["reason"]
    if stage == "mail":  # it is our return path that is refused
        assert made.values["bounce_class"] == "soft"
    else:
        assert reason in (None, made.values["reason"])
        assert bounce_class in (None, made.values["bounce_class"])


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (552, "5.2.2 mailbox full", "mailboxfull"),
        (552, "mailbox full", "mailboxfull"),
        (552, "", "mailboxfull"),
        (550, "5.2.2 over quota", "mailboxfull"),
        (550, "5.3.1 system full", "systemfull"),
        (552, "Too many recipients", "ratelimited"),
        (550, "5.4.5 Daily sending quota exceeded", "ratelimited"),
        (550, "5.7.233 message rate exceeded", "ratelimited"),
        (550, "5.7.232 受付できません", "ratelimited"),
        (550, "5.7.233 受付できません", "ratelimited"),
        (550, "5.7.1 message rate exceeded", "ratelimited"),
    ],
)
@pytest.mark.parametrize("stage", ["rcpt", "data"])
def test_5xx_that_means_not_now_is_deferred(code: int, text: str, reason: str, stage: Any) -> None:
    made = change(Refused(code, text, stage))
    assert (made.target, made.event) == (Status.DEFERRED, "deferred")
    assert made.values["ready_at"] == NOW + timedelta(minutes=1)
    assert made.values["troubles"] == 1
    assert made.values["smtp_code"] == code
    assert (made.values["reason"], made.values["bounce_class"]) == (reason, "soft")


@pytest.mark.parametrize("text", ["4.2.2 full", "4.1.1 user unknown", "4.3.0 later", ""])
@pytest.mark.parametrize("code", [421, 450, 451, 452])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_4xx_is_deferred_and_never_hard(code: int, text: str, stage: Any) -> None:
    made = change(Refused(code, text, stage))
    assert made.target is Status.DEFERRED
    assert made.values["bounce_class"] == "soft"
    assert made.values["ready_at"] == NOW + timedelta(minutes=1)
    assert made.detail["next_attempt_at"] == (NOW + timedelta(minutes=1)).isoformat()


AT = NOW + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Refused(554, "the relay refused the connection: 5.7.1 blocked", "connect"), None),
        (Refused(421, "the relay refused the connection: 4.3.2 shutting down", "connect"), None),
        (Refused(550, "the relay refused our greeting: no", "connect"), None),
        (Refused(535, "the relay refused our login: 5.7.8 user unknown", "connect"), None),
        (Refused(554, "the relay refused the connection: No SMTP service here", "connect"), None),
        (Refused(530, "5.7.0 Must issue a STARTTLS command first", "mail"), None),
        (Refused(535, "5.7.8 Authentication failed", "mail"), None),
        (Lost("ConnectionRefusedError", "connect"), "networkerror"),
    ],
)
@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED])
def test_trouble_of_the_relay_costs_a_mail_no_try(outcome: Any, reason: str | None, status: Status) -> None:
    assert of_the_relay(outcome)
    made = waits_for_relay(OLD._replace(status=status), outcome, RULES, AT, LEASE, NOW)
    assert (made.target, made.event, made.lease) == (Status.DEFERRED, "deferred", LEASE)
    assert made.values["ready_at"] == AT
    assert made.detail["next_attempt_at"] == AT.isoformat()
    assert not {"attempts", "troubles", "first_attempt_at"} & made.values.keys()
    assert made.values["bounce_class"] == "soft"
    assert made.values["reason"] not in ("userunknown", "hostunknown", "hasmoved", "notaccept")
    assert reason in (None, made.values["reason"])
    assert made.values["smtp_code"] == getattr(outcome, "code", None)
    assert made.values["diagnostic"] == getattr(outcome, "text", None) or outcome.detail


def test_what_is_in_doubt_stays_so_while_the_relay_is_away() -> None:
    doubtful = MESSAGE._replace(status=Status.IN_DOUBT, attempts=1, first_attempt_at=NOW)
    made = waits_for_relay(doubtful, Lost("no route", "connect"), RULES, AT, LEASE, NOW)
    assert (made.target, made.values) == (Status.IN_DOUBT, {"ready_at": AT})


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT])
def test_a_mail_that_was_not_tried_stands_where_it_stood(status: Status) -> None:
    made = given_back(OLD._replace(status=status), LEASE, NOW, "stale")
    assert (made.target, made.values, made.lease) == (status, {"ready_at": NOW}, LEASE)
    assert status in TRANSITIONS[Status.SENDING]


@pytest.mark.parametrize(
    "outcome",
    [
        Accepted(250, "Ok"),
        Refused(421, "4.3.2 shutting down", "mail"),
        Refused(530, "5.7.0 Authentication required", "rcpt"),
        Refused(550, "5.1.1 User unknown", "rcpt"),
        Lost("the server closed the connection", "mail"),
        Lost("the server closed the connection", "data", in_doubt=True),
    ],
)
def test_what_is_said_of_a_mail_is_not_of_the_relay(outcome: Outcome) -> None:
    assert not of_the_relay(outcome)


def test_a_login_wanted_in_the_middle_is_never_the_recipients() -> None:
    made = change(Refused(530, "5.7.0 Authentication required", "rcpt"))
    assert made.target is Status.DEFERRED
    assert made.values["bounce_class"] == "soft"
    assert made.values["reason"] not in ("userunknown", "hostunknown", "hasmoved", "notaccept")


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_connection_lost_before_the_dot_is_deferred(stage: Any) -> None:
    made = change(Lost("the server closed the connection", stage))
    assert (made.target, made.event) == (Status.DEFERRED, "deferred")
    assert made.values == {
        "reason": "networkerror",
        "bounce_class": "soft",
        "smtp_code": None,
        "enhanced_code": None,
        "diagnostic": "the server closed the connection",
        "attempts": 1,
        "troubles": 1,
        "first_attempt_at": NOW,
        "ready_at": NOW + timedelta(minutes=1),
    }


def test_retries_that_run_out_keep_code_and_diagnostic() -> None:
    made = change(Refused(452, "4.2.2 mailbox full", "rcpt"), OLD)
    assert (made.target, made.event) == (Status.UNDELIVERED, "retries-exhausted")
    assert made.values["reason"] == "retries-exhausted"
    assert made.values["smtp_code"] == 452
    assert made.values["enhanced_code"] == "4.2.2"
    assert made.values["diagnostic"] == "4.2.2 mailbox full"
    assert made.values["bounce_class"] == "soft"
    assert made.detail["reason"] == "mailboxfull"


def test_the_last_try_lies_within_72_hours_of_the_first() -> None:
    just = OLD._replace(first_attempt_at=NOW - timedelta(hours=68))
    assert change(Lost("x", "mail"), just).target is Status.DEFERRED
    over = OLD._replace(first_attempt_at=NOW - timedelta(hours=68, seconds=1))
    assert change(Lost("x", "mail"), over).target is Status.UNDELIVERED


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.IN_DOUBT])
@pytest.mark.parametrize("outcome", [Refused(451, "4.7.1 greylisted", "rcpt"), Lost("x", "data", in_doubt=True)])
def test_a_mail_first_tried_before_a_long_holiday_is_tried_by_the_schedule_behind_it(
    outcome: Outcome, status: Status
) -> None:
    closes = NOW + timedelta(hours=8)
    schedule = replace(SCHEDULE, last_chance=lambda kind, at, prefecture: closes if prefecture == "35" else at)
    before = MESSAGE._replace(
        status=status, attempts=1, troubles=1, first_attempt_at=NOW - timedelta(days=6), prefecture="35"
    )
    for prefecture, tried_again in (("35", NOW + timedelta(minutes=5)), ("34", None)):
        message = before._replace(prefecture=prefecture)
        made = result_of(message, outcome, replace(RULES, schedule=schedule), LEASE, NOW)
        assert isinstance(made, Change)
        assert made.values.get("ready_at") == tried_again


DOUBT = Lost("the connection broke", "data", in_doubt=True)


def test_a_guide_in_doubt_waits_and_forgets_its_secret() -> None:
    made = change(DOUBT, MESSAGE._replace(kind=Kind.GUIDE))
    assert (made.target, made.event) == (Status.IN_DOUBT, "in-doubt")
    assert made.values["ready_at"] is None
    assert made.values["secret"] is None
    assert made.values["attempts"] == 1
    assert made.detail["needs_person"] is True


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.GUIDE])
def test_other_kinds_are_tried_again_at_once_after_the_first_trouble(kind: Kind) -> None:
    made = change(DOUBT, MESSAGE._replace(kind=kind))
    assert made.target is Status.IN_DOUBT
    assert made.values["ready_at"] == NOW
    assert made.values["troubles"] == 0
    assert "secret" not in made.values
    assert "needs_person" not in made.detail


def test_later_doubts_walk_the_schedule_from_its_beginning() -> None:
    message, waits = MESSAGE, []
    for _ in range(5):
        made = change(DOUBT, message)
        waits.append((made.values["ready_at"] - NOW) / timedelta(minutes=1))
        columns = {name: made.values[name] for name in ("attempts", "troubles", "first_attempt_at")}
        message = message._replace(**columns)
    assert waits == [0, 1, 5, 5, 15]


def test_a_doubt_after_another_trouble_waits_for_the_next_interval() -> None:
    made = change(DOUBT, MESSAGE._replace(attempts=1, troubles=1, first_attempt_at=NOW))
    assert made.values["ready_at"] == NOW + timedelta(minutes=5)


def test_a_doubt_whose_tries_run_out_is_a_persons_matter() -> None:
    made = change(DOUBT, OLD)
    assert made.target is Status.IN_DOUBT
    assert made.values["ready_at"] is None
    assert made.values["secret"] is None
    assert (made.detail["needs_person"], made.detail["tries"]) == (True, "exhausted")


LATER = [Refused(451, "4.3.0 later", "rcpt"), Refused(552, "5.2.2 mailbox full", "data"), Lost("broke", "mail")]


@pytest.mark.parametrize("outcome", LATER)
def test_what_may_have_arrived_stays_in_doubt_whatever_a_later_try_is_answered(outcome: Outcome) -> None:
    doubtful = MESSAGE._replace(status=Status.IN_DOUBT, attempts=1, first_attempt_at=NOW)
    made = change(outcome, doubtful)
    assert (made.target, made.event) == (Status.IN_DOUBT, "deferred")
    assert made.values == {
        "attempts": 2,
        "troubles": 1,
        "first_attempt_at": NOW,
        "ready_at": NOW + timedelta(minutes=1),
    }


@pytest.mark.parametrize("outcome", LATER)
def test_a_doubt_whose_last_try_is_put_off_is_a_persons_matter(outcome: Outcome) -> None:
    made = change(outcome, OLD._replace(status=Status.IN_DOUBT))
    assert (made.target, made.event) == (Status.IN_DOUBT, "tries-ended")
    assert (made.values["ready_at"], made.values["secret"]) == (None, None)
    assert (made.detail["needs_person"], made.detail["tries"]) == (True, "exhausted")


def test_what_is_in_doubt_and_cannot_be_made_again_stays_so() -> None:
    made = held_back(MESSAGE._replace(status=Status.IN_DOUBT), "no contact", "no-contact", RULES, LEASE, NOW)
    assert (made.target, made.values) == (Status.IN_DOUBT, {"ready_at": NOW + REPAIR_PAUSE})


def test_a_doubt_forgets_what_an_earlier_try_was_answered() -> None:
    made = change(DOUBT, OLD)
    assert [made.values[name] for name in ("reason", "bounce_class", "smtp_code", "enhanced_code")] == [None] * 4
    assert made.values["diagnostic"] == "the connection broke"


def test_a_mail_that_cannot_be_made_uses_up_no_try() -> None:
    until = NOW + timedelta(minutes=10)
    made = held_back(MESSAGE, "no contact for 13", "no-contact", RULES, LEASE, NOW)
    assert made.target is Status.DEFERRED
    assert made.values == {"ready_at": until, "reason": "no-contact", "diagnostic": "no contact for 13"}
    assert made.detail["alarm"] is True


OPENS = datetime(2027, 1, 4, 9, 0, tzinfo=TOKYO)


def closed_until(kind: Kind, at: datetime, prefecture: str | None) -> datetime:
    """Hours that ended, for all but codes, where Yamaguchi's are asked for."""
    return at if kind is Kind.CODE or prefecture != "35" else OPENS


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.IN_DOUBT])
@pytest.mark.parametrize("outcome", LATER)
def test_the_next_try_lies_within_the_hours(outcome: Outcome, status: Status) -> None:
    rules = replace(RULES, first_due=closed_until)
    message = MESSAGE._replace(status=status, prefecture="35")
    relay_trouble = Lost("no route", "connect")
    for made in (
        result_of(message, outcome, rules, LEASE, NOW),
        waits_for_relay(message, relay_trouble, rules, AT, LEASE, NOW),
        held_back(message, "no contact for 35", "no-contact", rules, LEASE, NOW),
    ):
        assert isinstance(made, Change)
        assert made.values["ready_at"] == OPENS
        assert made.detail["next_attempt_at"] == OPENS.isoformat()


def test_a_doubt_is_looked_at_again_within_the_hours() -> None:
    message = MESSAGE._replace(prefecture="35")
    made = result_of(message, DOUBT, replace(RULES, first_due=closed_until), LEASE, NOW)
    assert isinstance(made, Change)
    assert (made.values["ready_at"], made.detail["next_attempt_at"]) == (OPENS, OPENS.isoformat())


def test_what_leaves_at_any_time_and_what_is_not_tried_again_have_no_hours() -> None:
    rules = replace(RULES, first_due=closed_until)
    code = result_of(MESSAGE._replace(kind=Kind.CODE, prefecture="35"), LATER[0], rules, LEASE, NOW)
    over = result_of(OLD._replace(prefecture="35"), LATER[0], rules, LEASE, NOW)
    assert isinstance(code, Change)
    assert isinstance(over, Change)
    assert code.values["ready_at"] == NOW + timedelta(minutes=1)
    assert (over.target, "ready_at" in over.values) == (Status.UNDELIVERED, False)


def test_a_late_outcome_is_told_and_changes_no_status() -> None:
    made = change(Accepted(250, "Ok")).late()
    assert made is not None
    assert (made.target, made.lease, made.event) == (None, None, "outcome-late")
    assert made.detail["outcome"] == "sent"
    assert made.detail["reply"] == "Ok"


def test_a_late_outcome_is_evidence_behind_a_report_and_else_told_alone() -> None:
    made = change(Accepted(250, "Ok")).late()
    assert made is not None
    assert made.sources == {Status.UNDELIVERED}
    assert made.values == {
        "attempts": 1,
        "first_attempt_at": NOW,
        "sent_at": NOW,
        "settles_at": NOW + timedelta(days=3),
    }
    alone = made.late()
    assert alone is not None
    assert (alone.values, alone.sources, alone.detail) == ({}, None, made.detail)
    assert alone.late() is None


@given(st.text(max_size=3000))
def test_foreign_text_becomes_storable(text: str) -> None:
    kept = bounded(text + "\ud800\x00")
    assert len(kept) <= MAX_DIAGNOSTIC
    assert "\x00" not in kept
    kept.encode()


outcomes = st.one_of(
    st.builds(Accepted, st.integers(200, 299), st.text(max_size=50)),
    st.builds(
        Refused,
        st.integers(400, 599),
        st.sampled_from(["", "5.1.1 x", "4.2.2 full", "user unknown", "over quota"]),
        st.sampled_from(["mail", "rcpt", "data"]),
    ),
    st.builds(Lost, st.text(max_size=50), st.sampled_from(["mail", "rcpt", "data"]), st.booleans()),
)
messages = st.builds(
    lambda kind, attempts, troubles, hours: MESSAGE._replace(
        kind=kind,
        attempts=attempts,
        troubles=troubles,
        first_attempt_at=NOW - timedelta(hours=hours) if attempts else None,
    ),
    st.sampled_from(Kind),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 200),
)


@given(messages, outcomes)
def test_every_change_is_a_step_of_a_claimed_message_and_says_when_it_goes_on(
    message: Message, outcome: Outcome
) -> None:
    made = change(outcome, message)
    assert made.target in TRANSITIONS[Status.SENDING]
    assert made.lease == LEASE
    assert made.values["attempts"] == message.attempts + 1
    assert made.values["first_attempt_at"] == (message.first_attempt_at or NOW)
    if made.target is Status.DEFERRED:
        assert made.values["ready_at"] > NOW
    if made.target in FINAL:
        assert "ready_at" not in made.values
    if made.target is Status.IN_DOUBT and made.values["ready_at"] is None:
        assert made.values["secret"] is None
        assert made.detail["needs_person"] is True
