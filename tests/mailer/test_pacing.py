"""Limits of providers and their asking for patience, on a clock that a test turns."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_handler.classifying import classify_reply
from config.destinations import load_destinations
from core.destinations import Destination
from core.kinds import Kind
from core.mail import Recipient
from core.messages import Message
from core.ports import Part
from core.statuses import Status
from mailer.pacing import LIMITED, SLOWED, Pacing
from mailer.patience import LONGEST, asked_wait, greylists, own_wait, slows
from mailer.transaction import Stage
from mailer.transport import Accepted, Lost, Refused

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
MESSAGE = Message(
    "m", Kind.REMINDER, Status.SCHEDULED, Recipient("a@docomo.ne.jp"), None, {}, "<m@x>", 0, 0, None, None
)


def mail(number: int, domain: str = "docomo.ne.jp", kind: Kind = Kind.REMINDER) -> Message:
    return MESSAGE._replace(id=str(number), kind=kind, recipient=Recipient(f"a{number}@{domain}"))


def drain(pacing: list[Pacing], mails: list[Message], minutes: float, at_first: int = 0) -> Counter[int]:
    """What leaves in each minute when each mail is asked for at its moment, by whichever sender comes first.

    The first sender is the first to ask for so many mails, `at_first`.
    """
    early = [pacing[0].ask(message, NOW) for message in mails[:at_first]]
    left = Counter({0: early.count(None)})
    waiting = [(one.until, message) for one, message in zip(early, mails, strict=False) if one is not None]
    waiting += [(NOW, message) for message in mails[at_first:]]
    turn = 0
    while waiting and min(moment for moment, _ in waiting) < NOW + timedelta(minutes=minutes):
        waiting.sort(key=lambda entry: entry[0])
        moment, message = waiting.pop(0)
        turn += 1
        sender = pacing[turn % len(pacing)]
        postponed = sender.ask(message, moment)
        if postponed is None:
            left[int((moment - NOW) / timedelta(minutes=1))] += 1
        else:
            assert postponed.until > moment
            waiting.append((postponed.until, message))
        sender.claimed([])
    return left


@pytest.mark.parametrize("at_first", [0, 250])
@pytest.mark.parametrize("senders", [1, 2, 3])
def test_a_rate_is_held_and_used_by_all_senders_together(senders: int, at_first: int) -> None:
    pacing = [Pacing([Destination("docomo", ("docomo.ne.jp",), per_minute=60)]) for _ in range(senders)]
    for number, one in enumerate(pacing):
        one.share(Part(number, senders))
    left = drain(pacing, [mail(number) for number in range(300)], 5, at_first)
    assert max(left.values()) <= 60 + senders * 3
    assert sum(left.values()) >= 0.75 * 300


@pytest.mark.parametrize("slowed", [False, True])
@pytest.mark.parametrize(("connections", "senders"), [(1, 3), (2, 4), (2, 3), (4, 4), (5, 2)])
def test_senders_without_a_connection_leave_their_part_of_the_rate_to_the_others(
    connections: int, senders: int, slowed: bool
) -> None:
    start = NOW
    limited = Destination("docomo", ("docomo.ne.jp",), connections, None if slowed else 60)
    pacing = [Pacing([limited]) for _ in range(senders)]
    for number, one in enumerate(pacing):
        one.share(Part(number, senders))
        if slowed:
            start = one.slow("a@docomo.ne.jp", NOW, None)
    able = [one for one in pacing if not one.without_room()]
    assert len(able) == min(connections, senders)
    left = 0
    for second in range(60):
        for one in able:
            answers = [one.ask(mail(number), start + timedelta(seconds=second)) for number in range(4)]
            left += answers.count(None)
            one.claimed([])
    assert 55 <= left <= 60 + 2 * senders


def test_a_domain_of_which_nothing_is_known_has_no_pace() -> None:
    pacing = Pacing([Destination("docomo", ("docomo.ne.jp",), per_minute=1)])
    pacing.slow("a@gmail.com", NOW, None)
    assert [pacing.ask(mail(number, "example.jp"), NOW) for number in range(1000)] == [None] * 1000


def test_each_mail_that_waits_has_a_moment_of_its_own() -> None:
    pacing = Pacing([Destination("docomo", ("docomo.ne.jp",), per_minute=60)])
    answers = [pacing.ask(mail(number), NOW) for number in range(100)]
    moments = [answer.until for answer in answers if answer is not None]
    assert len(set(moments)) == len(moments) >= 95
    assert max(moments) <= NOW + timedelta(seconds=101)
    assert {answer.why for answer in answers if answer is not None} == {LIMITED}


@pytest.mark.parametrize("kind", [Kind.CODE, Kind.PASSWORD_RESET])
def test_an_urgent_mail_goes_before_all_that_wait(kind: Kind) -> None:
    pacing = Pacing([Destination("docomo", ("docomo.ne.jp",), 1, 60)])
    for number in range(100):
        pacing.ask(mail(number), NOW)
    assert pacing.ask(mail(200, kind=kind), NOW) is None


def test_a_provider_that_asks_for_patience_is_left_alone_with_all_its_domains() -> None:
    pacing = Pacing(load_destinations())
    until = pacing.slow("a@gmail.com", NOW, timedelta(minutes=5))
    assert until == NOW + timedelta(minutes=5)
    for moment in (NOW, until - timedelta(seconds=1)):
        answer = pacing.ask(mail(1, "googlemail.com"), moment)
        assert answer is not None
        assert (answer.until > until, answer.why) == (True, SLOWED)
        held = pacing.held("x@gmail.com", moment)
        assert held is not None
        assert held.until > until
    assert pacing.ask(mail(2, "docomo.ne.jp"), NOW) is None
    assert pacing.held("x@docomo.ne.jp", NOW) is None
    code = pacing.ask(mail(3, "gmail.com", Kind.CODE), NOW)
    assert code is not None
    assert code.until == until
    assert pacing.ask(mail(4, "gmail.com"), until) is None


def test_caution_ends_step_by_step() -> None:
    pacing = Pacing()
    until = pacing.slow("a@example.jp", NOW, None)
    assert until == NOW + timedelta(minutes=1)

    def taken(at: datetime) -> int:
        return sum(pacing.ask(mail(number, "example.jp"), at) is None for number in range(2000))

    first, later, long_after = taken(until), taken(until + timedelta(minutes=3)), taken(until + timedelta(hours=1))
    assert 1 <= first < later < long_after == 2000


def test_asked_again_it_becomes_more_careful() -> None:
    pacing, at, left = Pacing(), NOW, []
    for _ in range(4):
        at = pacing.slow("a@example.jp", at, None)
        left.append(sum(pacing.ask(mail(n, "example.jp"), at + timedelta(seconds=n)) is None for n in range(60)))
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 2


def test_no_more_than_allowed_are_under_way_and_few_are_claimed() -> None:
    pacing = Pacing([Destination("docomo", ("docomo.ne.jp",), connections=4)])
    pacing.share(Part(0, 2))
    answers = [pacing.ask(mail(number), NOW) for number in range(50)]
    assert answers.count(None) == 10
    pacing.claimed([mail(number) for number in range(10)])
    assert pacing.connections("docomo") == 2
    pacing.done(mail(0))
    assert pacing.ask(mail(60), NOW) is None
    assert pacing.ask(mail(61), NOW) is not None


@given(limit=st.integers(1, 20), senders=st.integers(1, 20))
def test_senders_share_connections_out_to_the_last_one(limit: int, senders: int) -> None:
    """Whoever has none leaves the mails to others, codes too."""
    shares = []
    for number in range(senders):
        pacing = Pacing([Destination("docomo", ("docomo.ne.jp",), connections=limit)])
        pacing.share(Part(number, senders))
        share = pacing.connections("docomo")
        assert share is not None
        endings = pacing.endings(pacing.without_room())
        assert endings == ([] if share else [".docomo.ne.jp", "@docomo.ne.jp"])
        assert (pacing.ask(mail(1), NOW) is None) is (share > 0)
        shares.append(share)
    assert sum(shares) == limit
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.7.1 Greylisted, try again in 5 minutes", 300),
        ("4.7.0 retry after 300 s", 300),
        ("Greylisting in action, please come back in 00:05:00", 300),
        ("4.7.28 try again later", None),
        ("4.7.0 Please wait 1 hour", 3600),
        ("4.2.1 too many messages; Retry-After: 90 seconds", 90),
        ("4.7.0 try again in 999999 hours", LONGEST.total_seconds()),
        ("4.7.1 greylisted, please try again in about 10 minutes", 600),
        ("4.7.1 Try again in approximately 2 hours", 7200),
        ("4.7.1 come back in approx. 5 mins", 300),
        ("4.7.1 wait at least 90s", 90),
        ("4.7.28 rate limited. Retry in ten minutes", 600),
        ("4.7.28 Retry after FORTY-FIVE seconds", 45),
        ("4.7.1 wait for about sixty minutes", 3600),
        ("4.7.1 try again in one hour", 3600),
        ("4.7.1 try again in 1 day", LONGEST.total_seconds()),
        ("4.7.1 Please wait for two days", LONGEST.total_seconds()),
        ("4.7.1 retry in 1800", 1800),
        ("4.7.1 try again in 120.", 120),
        ("4.7.1 slow down (retry after 60)", 60),
        ("4.7.1 Retry-After: 300; you send too much", 300),
        ("4.7.1 retry after 300, please", 300),
        ("4.7.0 blocked, see RFC 5321 section 4.5.4.1", None),
        ("4.7.1 retry after 5 attempts", None),
        ("4.7.1 retry after 5, 10 or more attempts", None),
        ("4.7.1 retry in 1,800", None),
        ("4.7.1 retry after 12:30", None),
        ("4.7.1 retry after 2026-11-30", None),
        ("4.7.1 retry after 1795900000", None),
        ("4.7.1 retry after 4.7.1 is mended", None),
        ("4.7.1 see ticket in 1800", None),
        ("4.7.1 blocked for 3", None),
        ("4.7.1 refused for tens of mails, after ones before", None),
        ("4.7.1 try again in ten", None),
        ("4.7.1 after three attempts", None),
        ("4.2.1 mailbox unused for 90 days", None),
        ("4.2.2 over quota, will be emptied in 7 days", None),
        ("4.7.1 retry in a few days", None),
        ("", None),
    ],
)
def test_the_time_that_a_reply_asks_for(text: str, seconds: float | None) -> None:
    assert asked_wait(text) == (None if seconds is None else timedelta(seconds=seconds))


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    wait = asked_wait(text)
    assert wait is None or timedelta() <= wait <= LONGEST


def is_slowing(code: int, text: str, stage: Stage = "rcpt") -> bool:
    return slows(Refused(code, text, stage), classify_reply)


def test_what_slows_a_provider() -> None:
    assert all(is_slowing(code, "4.7.28 rate") for code in (421, 450, 451))
    assert is_slowing(451, "try again in 60 seconds", "data")
    assert is_slowing(451, "4.3.2 busy, retry in 300")
    assert not is_slowing(451, "4.3.0 later")
    assert not is_slowing(550, "5.7.1 try again in 60 seconds")
    assert not is_slowing(451, "4.7.1 our relay's own limit", "mail")
    assert not slows(Accepted(250, "4.7.1"), classify_reply)
    assert not slows(Lost("4.7.1", "rcpt"), classify_reply)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("4.2.1 mailbox unused for 90 days", None),
        ("4.2.2 The mailbox is over quota, please try again in 4 hours", timedelta(hours=4)),
        ("4.1.1 user unknown, try again in 4 hours", timedelta(hours=4)),
        ("mailbox is full, try again in 30 minutes", timedelta(minutes=30)),
        ("4.2.0 <a@b.jp>: Recipient address rejected: Greylisted", None),
    ],
)
def test_what_is_about_one_mail_slows_nobody_else(text: str, wait: timedelta | None) -> None:
    assert not is_slowing(450, text)
    assert own_wait(Refused(450, text, "rcpt")) == wait


@pytest.mark.parametrize(
    "text",
    ["4.7.1 Greylisting in action, please come back in 00:05:00", "4.7.1 Gray-listed, retry in 300", "grey list"],
)
def test_greylisting_is_known_by_its_name(text: str) -> None:
    assert greylists(text)
    assert not greylists("4.7.1 rate limited, try again in 5 minutes")


def test_greylisting_holds_a_provider_up_once_and_then_each_mail_alone() -> None:
    pacing, wait = Pacing(), timedelta(minutes=5)
    assert pacing.greylist("a0@b.jp", NOW, wait) == NOW + wait
    assert pacing.greylist("a1@b.jp", NOW, wait) is None  # was under way
    postponed = [pacing.ask(mail(number, "b.jp"), NOW) for number in range(100)]
    assert all(one is not None and one.until > NOW + wait for one in postponed)
    later = NOW + wait
    assert [pacing.ask(mail(number, "b.jp"), later) for number in range(100)] == [None] * 100
    assert pacing.greylist("a2@b.jp", later, wait) is None
    assert pacing.ask(mail(3, "b.jp"), later) is None
    next_week = NOW + timedelta(days=7)
    assert pacing.greylist("a0@b.jp", next_week, None) == next_week + timedelta(minutes=1)


def test_addresses_of_a_group_end_with_its_domains_and_their_subdomains() -> None:
    pacing = Pacing(load_destinations())
    assert [pacing.provider(f"x@{domain}") for domain in ("MB.docomo.ne.jp", "a.example.jp")] == [
        "docomo",
        "a.example.jp",
    ]
    found = pacing.endings({"docomo", "example.jp"})
    assert found == [".docomo.ne.jp", "@docomo.ne.jp", "@example.jp"]
    assert pacing.endings(frozenset()) == []
