"""Kept reports find their messages, have their effect once, and are never lost; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from bounce_handler.applying import ApplierSettings, ReportApplier
from core.kinds import Kind
from core.messages import Change
from core.retry import Schedule, Tries, doubt
from core.statuses import BOUNCEABLE, Status
from store.reading import Sight
from store.reading_story import institution_events
from store.tables import messages, reports
from tests.bounce_handler.conftest import INSTITUTION
from web.pages.timeline import entries

VACATION = (
    "From: <soumu@example.jp>\r\nTo: <{to}>\r\nSubject: 自動返信\r\nAuto-Submitted: auto-replied\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
)
COMPLAINT = (
    "From: <fbl@example.jp>\r\nTo: <{to}>\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n\r\n"
    "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: test\r\n\r\n--b--\r\n"
)


@pytest.mark.parametrize("status", sorted(BOUNCEABLE))
async def test_a_failure_report_ends_its_message(bounces: Any, compose: Any, status: Status) -> None:
    message_id = await bounces.message(status, secret=None if status is Status.SENT else "secret", ready_at=None)
    outcome = await bounces.report(compose(to=bounces.return_path(message_id)), message_id)
    assert (outcome["state"], outcome["type"], outcome["message_id"]) == ("applied", "bounce", message_id)
    facts = await bounces.facts(message_id)
    assert (facts["status"], facts["reason"], facts["bounce_class"]) == ("undelivered", "userunknown", "hard")
    assert (facts["smtp_code"], facts["enhanced_code"]) == (550, "5.1.1")
    assert (facts["secret"], facts["ready_at"], facts["lease"]) == (None, None, None)
    (event,) = await bounces.events(message_id)
    assert (event["type"], event["status"]) == ("bounced", "undelivered")
    assert (event["detail"]["report"], event["detail"]["action"]) == (outcome["id"], "failed")


async def test_a_hard_failure_suppresses_a_soft_one_does_not(bounces: Any, compose: Any) -> None:
    soft = await bounces.message(email="full@example.jp")
    full = compose(recipients={"full@example.jp": "failed"}, status="5.2.2", diagnostic="552 5.2.2 Mailbox full")
    await bounces.report(full, soft)
    assert (await bounces.facts(soft))["reason"] == "mailboxfull"
    assert await bounces.suppressions() == []
    hard = await bounces.message()
    await bounces.report(compose(), hard)
    assert await bounces.suppressions() == [("soumu@example.jp", "all")]


async def test_a_forward_that_is_gone_does_not_suppress_our_address(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    await bounces.report(compose(recipients={"dr.home@example.com": "failed"}), message_id)
    facts = await bounces.facts(message_id)
    assert (facts["status"], facts["reason"], facts["bounce_class"]) == ("undelivered", "userunknown", "soft")
    assert await bounces.suppressions() == []
    async with bounces.wiring.db.read() as conn:
        shown = entries((await institution_events(conn, INSTITUTION, Sight()))[message_id], "application-complete")
    assert "転送先など、別のメールアドレス（d***@example.com）についての通知です。" in shown[0].notes


@pytest.mark.parametrize(
    ("action", "status", "event"),
    [
        ("failed", "undelivered", "bounced"),
        ("delayed", "sent", "delay-reported"),
        ("delivered", "sent", "delivery-reported"),
    ],
)
async def test_a_report_that_names_nobody_is_of_the_message_it_came_to(
    bounces: Any, compose: Any, action: str, status: str, event: str
) -> None:
    message_id = await bounces.message()
    await bounces.report(compose(recipients={"<redacted>": action}), message_id)
    assert (await bounces.facts(message_id))["status"] == status
    (told,) = await bounces.events(message_id)
    assert told["type"] == event
    assert "forwarded_to" not in told["detail"]
    assert await bounces.suppressions() == ([("soumu@example.jp", "all")] if action == "failed" else [])


async def test_a_notice_without_any_address_ends_the_message_it_came_to(bounces: Any) -> None:
    message_id = await bounces.message()
    raw = (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@gw.example.jp\r\nSubject: Failure\r\n\r\nIt could not be delivered.\r\n"
    )
    await bounces.report(raw.encode(), message_id)
    facts = await bounces.facts(message_id)
    assert (facts["status"], facts["reason"], facts["bounce_class"]) == ("undelivered", "undefined", "soft")


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("first", "action", "event"),
    [
        ("soumu@example.jp", "expanded", "forward-failed"),
        ("soumu@example.jp", "delivered", "forward-failed"),
        ("soumu@example.jp", "relayed", "bounced"),
        ("member@example.jp", "delivered", "bounced"),
    ],
)
async def test_a_member_of_a_group_that_was_reached_fails_alone(
    bounces: Any, compose: Any, together: bool, first: str, action: str, event: str
) -> None:
    message_id = await bounces.message()
    success = compose(recipients={first: action}, status="2.0.0", diagnostic="250 ok")
    failures = [compose(recipients={"old-member@example.jp": "failed"}, number=2), compose(number=3)]
    kept = [await bounces.keep(success, message_id)]
    if not together:
        await bounces.apply()
    kept += [await bounces.keep(failure, message_id) for failure in failures]
    await bounces.apply()
    assert [(await bounces.outcome(one))["state"] for one in kept] == ["applied"] * 3
    ours = "bounced" if event == "forward-failed" else "bounced-again"
    assert await bounces.told(message_id) == ["delivery-reported", event, ours]
    assert await bounces.suppressions() == ([("soumu@example.jp", "all")] if ours == "bounced" else [])


async def test_a_complaint_stops_reminders_alone(bounces: Any) -> None:
    message_id = await bounces.message()
    mail = COMPLAINT.format(to=bounces.return_path(message_id)).encode()
    assert (await bounces.report(mail, message_id))["type"] == "complaint"
    assert await bounces.suppressions() == [("soumu@example.jp", "reminder")]
    assert (await bounces.status(message_id), await bounces.told(message_id)) == (Status.SENT, ["complaint"])


async def test_a_complaint_about_a_mail_without_institution_is_recorded(bounces: Any) -> None:
    message_id = await bounces.message(kind="code", institution_code=None, prefecture=None)
    await bounces.report(COMPLAINT.format(to="x").encode(), message_id)
    assert (await bounces.told(message_id), await bounces.suppressions()) == (["complaint"], [])


@pytest.mark.parametrize(
    ("text", "unused"),
    [
        ("このメールアドレスは現在使用しておりません。", True),
        ("担当の田中は退職いたしました。", True),
        ("This address is no longer in use.", True),
        ("ただいま不在にしております。", False),
        ("I am on leave until Monday.", False),
    ],
)
async def test_an_auto_reply_is_no_failure(sqlite_bounces: Any, text: str, unused: bool) -> None:
    message_id = await sqlite_bounces.message()
    await sqlite_bounces.report(VACATION.format(to="x", text=text).encode(), message_id)
    (event,) = await sqlite_bounces.events(message_id)
    assert (event["type"], event["status"]) == ("auto-reply", "sent")
    assert event["detail"].get("address_unused", False) is unused
    async with sqlite_bounces.wiring.db.read() as conn:
        shown = entries((await institution_events(conn, INSTITUTION, Sight()))[message_id], "application-complete")
    assert ("このメールアドレスは使われていないとの内容です。" in shown[0].notes) is unused


async def test_a_late_failure_wins_over_all_that_came_before(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message(Status.IN_DOUBT)
    ours = "soumu@example.jp"
    for number, (action, status) in enumerate([("delayed", "4.4.1"), ("delivered", "2.0.0"), ("failed", "5.1.1")]):
        raw = compose(recipients={ours: action}, status=status, diagnostic="250 ok", number=number)
        assert (await bounces.report(raw, message_id))["state"] == "applied"
    assert await bounces.status(message_id) is Status.UNDELIVERED
    assert await bounces.told(message_id) == ["delay-reported", "delivery-reported", "bounced"]
    again = compose(recipients={ours: "delivered"}, status="2.0.0", diagnostic="250 ok", number=9)
    await bounces.report(again, message_id)
    assert await bounces.status(message_id) is Status.UNDELIVERED


async def test_a_delivered_report_opens_the_gate_of_a_guide(bounces: Any, compose: Any) -> None:
    pre_check = await bounces.message(Status.IN_DOUBT, kind="pre-check")
    guide = await bounces.message(Status.HELD, kind="guide", waits_for=pre_check)
    delivered = compose(recipients={"soumu@example.jp": "delivered"}, status="2.0.0", diagnostic="250 ok")
    await bounces.report(delivered, pre_check)
    facts = await bounces.facts(pre_check)
    assert (facts["status"], facts["sent_at"], facts["reason"]) == ("sent", bounces.clock.now(), None)
    assert facts["settles_at"] > bounces.clock.now()
    assert await bounces.status(guide) is Status.SCHEDULED


async def test_a_mail_whose_doubt_a_report_ends_was_sent_when_it_was_tried(bounces: Any, compose: Any) -> None:
    tried_at = bounces.clock.now()
    pre_check = await bounces.message(Status.SENDING, kind="pre-check")
    guide = await bounces.message(Status.HELD, kind="guide", waits_for=pre_check)
    doubt = Change(pre_check, Status.IN_DOUBT, "in-doubt", tried_at, {}, {}, "a sender")
    assert await bounces.wiring.ledger.record([doubt]) == [True]
    bounces.clock.leap_to(tried_at + timedelta(days=13))  # Monday
    delivered = compose(recipients={"soumu@example.jp": "delivered"}, status="2.0.0", diagnostic="250 ok")
    await bounces.report(delivered, pre_check)
    facts = await bounces.facts(pre_check)
    assert (facts["sent_at"], facts["settles_at"]) == (tried_at, tried_at + timedelta(days=3))
    assert (await bounces.facts(guide))["due_at"] == tried_at + timedelta(days=14, hours=-1)


async def test_a_failed_pre_check_cancels_its_guide(bounces: Any, compose: Any) -> None:
    pre_check = await bounces.message(kind="pre-check")
    guide = await bounces.message(Status.SCHEDULED, kind="guide", waits_for=pre_check, secret="secret")
    await bounces.report(compose(), pre_check)
    facts = await bounces.facts(guide)
    assert (facts["status"], facts["reason"], facts["secret"]) == ("cancelled", "pre-check-undelivered", None)


async def test_a_success_waits_until_the_sender_has_recorded_its_own(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message(Status.SENDING)
    delivered = compose(recipients={"soumu@example.jp": "delivered"}, status="2.0.0", diagnostic="250 ok")
    report_id = await bounces.keep(delivered, message_id)
    assert await bounces.applier.apply_waiting() == 0
    assert ((await bounces.outcome(report_id))["state"], await bounces.told(message_id)) == ("new", [])
    assert await bounces.wiring.reports.seconds_to_next() is not None
    async with bounces.wiring.db.write() as conn:
        await conn.execute(update(messages).values(status="in-doubt", lease=None))
    assert await bounces.applier.apply_waiting() == 1
    assert await bounces.status(message_id) is Status.SENT
    assert await bounces.wiring.reports.seconds_to_next() is None


SCHEDULE = Schedule((60.0, 300.0))
DELIVERED = {"recipients": {"soumu@example.jp": "delivered"}, "status": "2.0.0", "diagnostic": "250 ok"}


async def leave_in_doubt(bounces: Any, message_id: str, schedule: Schedule | None = SCHEDULE) -> None:
    """The connection was cut behind the final dot of a first try."""
    tries, now = Tries(0, 0, None), bounces.clock.now()
    of = (Kind.APPLICATION_COMPLETE, "35")
    change = doubt(message_id, tries, schedule, now, of=of, why="cut", detail={}, lease="a sender")
    assert await bounces.wiring.ledger.record([change]) == [True]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("looked_at", [True, False])
async def test_a_known_delivery_settles_a_doubt_before_the_next_try(
    bounces: Any, compose: Any, signed: bool, looked_at: bool
) -> None:
    message_id, other = await bounces.message(Status.SENDING), await bounces.message(Status.SENDING)
    raw = compose(**DELIVERED, returned=bounces.header(message_id))
    await bounces.keep(raw, message_id if signed or not looked_at else None)
    if looked_at:
        assert await bounces.applier.apply_waiting() == 0
    for one in (message_id, other):
        await leave_in_doubt(bounces, one)
    now, later = bounces.clock.now(), bounces.clock.now() + timedelta(minutes=1)
    assert [(await bounces.facts(one))["ready_at"] for one in (message_id, other)] == [later, now]
    assert (await bounces.events(message_id))[0]["detail"]["next_attempt_at"] == later.isoformat()
    await bounces.apply()
    facts = await bounces.facts(message_id)
    assert (facts["status"], facts["ready_at"], facts["attempts"]) == ("sent", None, 1)
    assert await bounces.told(message_id) == ["in-doubt", "delivery-reported"]


async def test_a_doubt_that_nothing_is_known_of_is_tried_again_at_once(bounces: Any, compose: Any) -> None:
    """A report that was settled before, and one on a mail that is never tried again, change nothing."""
    heard, guide = await bounces.message(Status.SENDING), await bounces.message(Status.SENDING)
    delayed = compose(recipients={"soumu@example.jp": "delayed"}, status="4.4.1", diagnostic="timed out")
    assert (await bounces.report(delayed, heard))["state"] == "applied"
    await bounces.keep(compose(**DELIVERED), guide)
    await leave_in_doubt(bounces, heard)
    await leave_in_doubt(bounces, guide, schedule=None)
    assert [(await bounces.facts(one))["ready_at"] for one in (heard, guide)] == [bounces.clock.now(), None]


async def test_a_report_from_elsewhere_is_tied_by_its_message_id(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    outcome = await bounces.report(compose(returned=bounces.header(message_id)), None)
    assert (outcome["state"], outcome["message_id"]) == ("applied", message_id)
    assert await bounces.status(message_id) is Status.UNDELIVERED


async def test_an_address_alone_ties_nothing(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    for returned, reason in ((None, "no-token"), ("<guessed.header@g-mis.net>", "unknown-message")):
        outcome = await bounces.report(compose(returned=returned, number=len(reason)), None)
        assert (outcome["state"], outcome["reason"], outcome["message_id"]) == ("unmatched", reason, None)
    assert (await bounces.status(message_id), await bounces.told(message_id)) == (Status.SENT, [])


async def test_a_replay_to_another_return_path_has_no_effect(bounces: Any, compose: Any) -> None:
    theirs, ours = await bounces.message(), await bounces.message()
    outcome = await bounces.report(compose(returned=bounces.header(theirs)), ours)
    assert (outcome["state"], outcome["reason"]) == ("unmatched", "another-message")
    assert await bounces.status(ours) is await bounces.status(theirs) is Status.SENT


async def test_a_signed_path_to_no_message_is_kept(bounces: Any, compose: Any) -> None:
    gone = "019ab3c4-0000-7000-8000-000000000000"
    raw = compose(to=bounces.return_path(gone))
    outcome = await bounces.report(raw, gone)
    assert (outcome["state"], outcome["reason"], outcome["message_id"]) == ("unmatched", "unknown-message", None)
    assert bounces.mail(outcome) == raw


async def test_a_letter_to_a_return_path_is_kept_for_a_person(bounces: Any) -> None:
    message_id = await bounces.message()
    letter = b"From: a@b.example\r\nSubject: Re: guide\r\n\r\nthank you\r\n"
    outcome = await bounces.report(letter, message_id)
    assert (outcome["state"], outcome["reason"], outcome["message_id"]) == ("unmatched", "not-a-report", message_id)
    (event,) = await bounces.events(message_id)
    assert (event["type"], event["status"], event["detail"]) == ("other-mail", "sent", {"report": outcome["id"]})
    async with bounces.wiring.db.read() as conn:
        shown = entries((await institution_events(conn, INSTITUTION, Sight()))[message_id], "application-complete")
    assert shown[0].text.startswith("返信など、配信の通知ではないメールが届きました")
    again = [await bounces.keep(letter, message_id) for _ in range(2)]
    await bounces.apply()
    assert set((await bounces.states(again)).values()) == {"duplicate"}
    assert await bounces.told(message_id) == ["other-mail"]


async def test_what_belongs_to_another_message_leaves_no_trace_at_this_one(bounces: Any, compose: Any) -> None:
    theirs, ours = await bounces.message(), await bounces.message()
    await bounces.report(compose(returned=bounces.header(theirs)), ours)
    assert await bounces.told(ours) == await bounces.told(theirs) == []


def relayed(raw: bytes) -> bytes:
    """The same report after another host has passed it on with LF line ends."""
    trace = b"Received: by other.example; Tue, 24 Nov 2026 10:00:05 +0900\nX-Spam-Score: 1\n"
    return trace + raw.replace(b"\r\n", b"\n")


async def test_the_same_report_has_its_effect_once(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    raw = compose(returned=bounces.header(message_id))
    first = await bounces.report(raw, message_id)
    copies = [(copy, path) for copy in (raw, relayed(raw)) for path in (message_id, None)]
    states = [(await bounces.report(copy, path))["state"] for copy, path in copies]
    assert (first["state"], states) == ("applied", ["duplicate"] * 4)
    assert await bounces.told(message_id) == ["bounced"]
    other = compose(returned=bounces.header(message_id), number=2)
    assert (await bounces.report(other, message_id))["state"] == "applied"
    assert await bounces.told(message_id) == ["bounced", "bounced-again"]


async def test_the_same_report_twice_in_one_batch(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    kept = [await bounces.keep(copy, message_id) for copy in (compose(), relayed(compose()), compose(number=2))]
    await bounces.apply()
    assert [(await bounces.outcome(one))["state"] for one in kept] == ["applied", "duplicate", "applied"]
    assert await bounces.told(message_id) == ["bounced", "bounced-again"]


async def test_one_report_on_two_messages_is_no_duplicate(bounces: Any, compose: Any) -> None:
    both = [await bounces.message(), await bounces.message(email="other@example.jp")]
    raw = compose(recipients={"soumu@example.jp": "failed", "other@example.jp": "failed"})
    assert [(await bounces.report(raw, message_id))["state"] for message_id in both] == ["applied", "applied"]


async def test_an_unmatched_report_is_listed_once_and_judged_again(bounces: Any, compose: Any) -> None:
    message_id = "019ab3c4-0000-7000-8000-000000000001"
    raw = compose(returned=bounces.header(message_id))
    assert [(await bounces.report(raw, None))["state"] for _ in range(2)] == ["unmatched", "duplicate"]
    await bounces.message(id=message_id, message_id_header=bounces.header(message_id))
    assert (await bounces.report(raw, None))["state"] == "applied"


async def test_what_was_kept_before_a_crash_is_applied_after_it(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    report_id = await bounces.keep(compose(), message_id)
    restarted = type(bounces)(bounces.wiring, bounces.clock)
    await restarted.apply()
    assert (await bounces.outcome(report_id))["state"] == "applied"


async def test_hostile_octets_are_storable(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    raw = compose(diagnostic="550 5.1.1 \x00 User unknown\xff'); DROP TABLE messages; --", returned="<\x00@g-mis.net>")
    raw = raw.replace("\xff".encode(), b"\xff\xfe\xed\xa0\x80")
    assert (await bounces.report(raw, message_id))["state"] == "applied"
    assert "\x00" not in (await bounces.facts(message_id))["diagnostic"]


class Poisoned:
    """The real store, which refuses whatever comes together with one of the reports."""

    def __init__(self, store: Any, poison: str) -> None:
        self._store = store
        self._poison = poison

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def settle(self, read: Any, judge: Any, pause: float) -> int:
        if any(report.kept.id == self._poison for report in read):
            raise ValueError("poison")
        settled: int = await self._store.settle(read, judge, pause)
        return settled


async def test_a_report_that_cannot_be_processed_stops_no_other(bounces: Any, compose: Any) -> None:
    good, bad = await bounces.message(), await bounces.message()
    kept = [await bounces.keep(compose(number=number), bad if number == 1 else good) for number in range(3)]
    applier = ReportApplier(Poisoned(bounces.wiring.reports, kept[1]), bounces.clock, ApplierSettings(retry_pause=0.0))
    assert await applier.apply_waiting() == 2
    assert [(await bounces.outcome(one))["state"] for one in kept] == ["applied", "new", "applied"]
    while await bounces.wiring.reports.seconds_to_next() is not None:
        assert await applier.apply_waiting() == 0
    outcome = await bounces.outcome(kept[1])
    assert (outcome["state"], outcome["reason"], outcome["tries"]) == ("unmatched", "not-processed", 5)
    assert bounces.mail(outcome) == compose(number=1)
    assert (await bounces.report(compose(number=1), bad))["state"] == "applied", "taken in again, it is processed"


async def test_a_failed_try_rests_before_the_next(bounces: Any, compose: Any) -> None:
    report_id = await bounces.keep(compose(), None)
    await bounces.wiring.reports.failed(report_id, most=5, pause=60.0)
    assert await bounces.applier.apply_waiting() == 0
    rest = await bounces.wiring.reports.seconds_to_next()
    assert 50 < rest <= 60
    async with bounces.wiring.db.write() as conn:
        await conn.execute(update(reports).values(next_try_at=datetime.now(UTC)))
    assert await bounces.applier.apply_waiting() == 1
