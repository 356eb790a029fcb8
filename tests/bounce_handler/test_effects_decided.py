"""What a report does to its message, decided without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_handler.effects import judge
from core.messages import Change
from core.reports import (
    Action,
    BounceClass,
    Correlation,
    Effect,
    KeptReport,
    ParsedReport,
    ReadReport,
    Reason,
    RecipientReport,
    ReportTarget,
    ReportType,
    Unmatched,
    Verdict,
    Wait,
    reaches,
)
from core.statuses import BOUNCEABLE, TRANSITIONS, Status

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
OURS = "Soumu@Example.jp"


def told(address: str, action: Action | None, **changes: Any) -> RecipientReport:
    facts = {
        "status": "5.1.1",
        "smtp_code": 550,
        "reason": Reason.USERUNKNOWN,
        "bounce_class": BounceClass.HARD,
        "diagnostic": "550 5.1.1 User unknown",
    } | changes
    return RecipientReport(address=address, action=action, **facts)


def decided(
    status: Status,
    kind: ReportType,
    *recipients: RecipientReport,
    unused: bool = False,
    reached: bool = False,
    ours: str = OURS,
) -> Verdict:
    kept = KeptReport("report", "message", "digest", None, b"", b"")
    report = ReadReport(kept, ParsedReport(kind, recipients), unused)
    return judge(report, Correlation(ReportTarget("message", status, ours, reached=reached), None), NOW)


def effect(status: Status, kind: ReportType, *recipients: RecipientReport, **more: Any) -> Effect:
    verdict = decided(status, kind, *recipients, **more)
    assert isinstance(verdict, Effect)
    assert verdict.change.message_id == "message"
    assert verdict.change.detail["report"] == "report"
    return verdict


@pytest.mark.parametrize("status", sorted(BOUNCEABLE))
def test_a_failure_ends_whatever_may_have_left(status: Status) -> None:
    change = effect(status, ReportType.BOUNCE, told("soumu@example.jp", Action.FAILED)).change
    assert (change.target, change.event) == (Status.UNDELIVERED, "bounced")
    assert change.values == {
        "reason": "userunknown",
        "bounce_class": "hard",
        "smtp_code": 550,
        "enhanced_code": "5.1.1",
        "diagnostic": "550 5.1.1 User unknown",
    }
    assert "forwarded_to" not in change.detail


@given(status=st.sampled_from(Status), kind=st.sampled_from(ReportType), action=st.sampled_from(Action))
def test_no_report_leads_where_the_transition_table_does_not(status: Status, kind: ReportType, action: Action) -> None:
    verdict = decided(status, kind, told("soumu@example.jp", action))
    if isinstance(verdict, Effect) and verdict.change.target is not None:
        assert verdict.change.target in TRANSITIONS[status]
        assert verdict.change.target in (Status.UNDELIVERED, Status.SENT)
        assert (verdict.change.target is Status.SENT) == (status is Status.IN_DOUBT and action is not Action.FAILED)


@pytest.mark.parametrize("action", [Action.DELIVERED, Action.RELAYED, Action.EXPANDED])
def test_whoever_took_the_mail_over_ends_a_doubt(action: Action) -> None:
    success = told(OURS, action, reason=Reason.DELIVERED, bounce_class=None, status="2.0.0", smtp_code=250)
    change = effect(Status.IN_DOUBT, ReportType.SUCCESS, success).change
    assert (change.target, change.values["sent_at"]) == (Status.SENT, NOW)
    assert (change.values["reason"], change.values["bounce_class"]) == (None, None)


def test_a_success_waits_for_the_senders_own_word() -> None:
    assert isinstance(decided(Status.SENDING, ReportType.SUCCESS, told(OURS, Action.DELIVERED)), Wait)


@pytest.mark.parametrize("kind", [ReportType.DELAY, ReportType.AUTO_REPLY, ReportType.COMPLAINT])
@pytest.mark.parametrize("status", list(Status))
def test_other_reports_change_no_status(kind: ReportType, status: Status) -> None:
    action = Action.DELAYED if kind is ReportType.DELAY else None
    made = effect(status, kind, told(OURS, action))
    assert (made.change.target, made.change.values) == (None, {})
    assert made.complaint == (kind is ReportType.COMPLAINT)


def test_an_address_that_nobody_reads_is_flagged_for_the_helpdesk() -> None:
    assert effect(Status.SENT, ReportType.AUTO_REPLY, unused=True).change.detail["address_unused"] is True
    assert "address_unused" not in effect(Status.SENT, ReportType.AUTO_REPLY).change.detail


def test_a_failure_that_names_nobody_is_about_the_one_recipient_there_was() -> None:
    change = effect(Status.SENT, ReportType.BOUNCE).change
    assert change.target is Status.UNDELIVERED
    assert (change.values["reason"], change.values["bounce_class"]) == ("undefined", "soft")


OTHERS_FAILED = [told("other@example.jp", Action.FAILED), told("third@example.jp", Action.FAILED)]


@pytest.mark.parametrize(
    ("ours", "kind", "target"),
    [
        (Action.DELIVERED, ReportType.BOUNCE, None),
        (Action.DELAYED, ReportType.BOUNCE, None),
        (Action.FAILED, ReportType.BOUNCE, Status.UNDELIVERED),
    ],
)
def test_among_several_recipients_ours_decides(ours: Action, kind: ReportType, target: Status | None) -> None:
    change = effect(Status.SENT, kind, *OTHERS_FAILED, told("soumu@example.JP", ours)).change
    assert change.target is target
    assert "forwarded_to" not in change.detail


@pytest.mark.parametrize(
    ("ours", "written"),
    [
        ("soumu@xn--0rys90e.example.jp", "soumu@病院.example.jp"),
        ("a..b@docomo.ne.jp", '"a..b"@docomo.ne.jp'),
        ("soumu+g.mis@clinic.example.jp", "soumu+2Bg.mis@clinic.example.jp"),
    ],
)
def test_a_failure_of_ours_is_no_success_however_it_is_written(ours: str, written: str) -> None:
    recipients = [told("other@example.jp", Action.DELIVERED), told(written, Action.FAILED)]
    change = effect(Status.SENT, ReportType.BOUNCE, *recipients, ours=ours).change
    assert (change.target, change.values["bounce_class"]) == (Status.UNDELIVERED, "hard")
    assert "forwarded_to" not in change.detail


def test_the_worst_that_is_said_of_ours_counts() -> None:
    both = [told(OURS, Action.DELIVERED), told(OURS, Action.FAILED)]
    assert effect(Status.SENT, ReportType.BOUNCE, *both).change.target is Status.UNDELIVERED


def test_a_forward_that_failed_is_recorded_as_such() -> None:
    change = effect(Status.SENT, ReportType.BOUNCE, told("owner@home.example", Action.FAILED)).change
    assert change.target is Status.UNDELIVERED
    assert change.detail["forwarded_to"] == "o***@home.example"
    assert (change.values["reason"], change.values["bounce_class"]) == ("userunknown", "soft")
    assert change.detail["bounce_class"] == "soft"


@pytest.mark.parametrize("status", list(Status))
def test_beyond_an_address_that_was_reached_nothing_is_lost(status: Status) -> None:
    change = effect(status, ReportType.BOUNCE, *OTHERS_FAILED, reached=True).change
    assert (change.target, change.event, change.values) == (None, "forward-failed", {})
    assert (change.detail["action"], change.detail["forwarded_to"]) == ("failed", "o***@example.jp")


def test_our_own_failure_counts_though_we_were_reached() -> None:
    for recipients in ([told(OURS, Action.FAILED)], [*OTHERS_FAILED, told(OURS, Action.FAILED)], []):
        change = effect(Status.SENT, ReportType.BOUNCE, *recipients, reached=True).change
        assert change.target is Status.UNDELIVERED


@pytest.mark.parametrize(
    ("said", "reached"),
    [
        (told(OURS, Action.DELIVERED), True),
        (told(OURS, Action.EXPANDED), True),
        (told(OURS, Action.RELAYED), False),
        (told(OURS, Action.DELAYED), False),
        (told(OURS, Action.FAILED), False),
        (told("member@example.jp", Action.DELIVERED), False),
        (told("member@example.jp", Action.EXPANDED), False),
    ],
)
def test_only_our_own_delivery_means_that_we_were_reached(said: RecipientReport, reached: bool) -> None:
    change = effect(Status.SENT, ReportType.SUCCESS, said).change
    assert reaches(change.event, change.detail) is reached


def test_of_several_forwards_one_that_was_reached_is_enough() -> None:
    reached = told("deputy@home.example", Action.DELIVERED)
    change = effect(Status.SENT, ReportType.BOUNCE, *OTHERS_FAILED, reached).change
    assert (change.target, change.event) == (None, "delivery-reported")
    change = effect(Status.SENT, ReportType.BOUNCE, told("a@b.example", Action.DELAYED), *OTHERS_FAILED).change
    assert change.target is Status.UNDELIVERED


def correlated(kept: KeptReport, message_id: str | None, correlation: Correlation) -> Verdict:
    parsed = ParsedReport(ReportType.BOUNCE, (told(OURS, Action.FAILED),), message_id)
    return judge(ReadReport(kept, parsed), correlation, NOW)


@pytest.mark.parametrize(
    ("doubt", "named", "reason"),
    [
        (None, None, "no-token"),
        (None, "x@g-mis.net", "unknown-message"),
        ("bad-token", None, "bad-token"),
        ("unknown-message", None, "unknown-message"),
    ],
)
def test_what_belongs_to_no_message_says_why(doubt: str | None, named: str | None, reason: str) -> None:
    kept = KeptReport("report", None, "digest", doubt, b"", b"")
    assert correlated(kept, named, Correlation(None, None)) == Unmatched(reason)


def test_a_report_on_another_message_of_ours_is_a_replay() -> None:
    kept = KeptReport("report", "message", "digest", None, b"", b"")
    target = ReportTarget("message", Status.SENT, OURS)
    assert correlated(kept, "b@g-mis.net", Correlation(target, "another")) == Unmatched("another-message")
    assert isinstance(correlated(kept, "a@g-mis.net", Correlation(target, "message")), Effect)
    assert isinstance(correlated(kept, "rewritten@relay.example", Correlation(target, None)), Effect)


@pytest.mark.parametrize("status", list(Status))
def test_a_letter_to_the_return_path_is_no_report_and_leaves_a_trace(status: Status) -> None:
    verdict = decided(status, ReportType.OTHER)
    assert isinstance(verdict, Unmatched)
    assert verdict == Unmatched("not-a-report", Change("message", None, "other-mail", NOW, {"report": "report"}))


@pytest.mark.parametrize("action", Action)
def test_what_a_report_says_without_an_address_is_of_ours(action: Action) -> None:
    kinds = {Action.FAILED: ReportType.BOUNCE, Action.DELAYED: ReportType.DELAY}
    kind = kinds.get(action, ReportType.SUCCESS)
    unnamed = effect(Status.SENT, kind, told("", action))
    named = effect(Status.SENT, kind, told(OURS, action))
    assert unnamed == named
