"""Greylisting that is not called so, and limits that sound alike, on a clock that a test turns."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from core.destinations import Destination
from core.messages import Message
from mailer.pacing import Pacing
from mailer.patience import limits, may_greylist
from mailer.transaction import Stage
from mailer.transport import Refused
from tests.mailer.test_pacing import NOW, mail

LATER = "4.7.1 Try again later"
INTERVALS = [60, 300, 300, 900, 3600]
MINUTE = timedelta(minutes=1)

Server = Callable[[Message, datetime], str | None]


def greylister(minutes: float, reply: str = LATER) -> Server:
    """Lets each mail in so long after its first try."""
    first: dict[str, datetime] = {}

    def answer(message: Message, now: datetime) -> str | None:
        return reply if now < first.setdefault(message.id, now) + minutes * MINUTE else None

    return answer


def limiter(each_minute: int, reply: str = LATER) -> Server:
    """Takes so many mails in each minute of the clock."""
    taken: dict[int, int] = {}

    def answer(_: Message, now: datetime) -> str | None:
        minute = int(now.timestamp()) // 60
        taken[minute] = taken.get(minute, 0) + 1
        return reply if taken[minute] > each_minute else None

    return answer


def play(
    server: Server, count: int, stage: Stage = "rcpt", pacing: Pacing | None = None
) -> tuple[list[datetime], list[datetime]]:
    """When `count` mails were tried and when they were taken, as a sender does it with one connection."""
    pacing = pacing or Pacing()
    waiting = [(NOW, number, 0) for number in range(count)]
    tried, taken = [], []
    now = NOW
    while waiting:
        moment, number, attempts = heapq.heappop(waiting)
        now = max(now + timedelta(milliseconds=50), moment)
        message = mail(number, "b.jp")._replace(attempts=attempts)
        postponed = pacing.ask(message, now)
        if postponed is not None:
            heapq.heappush(waiting, (postponed.until, number, attempts))
            continue
        tried.append(now)
        reply = server(message, now)
        if reply is None:
            pacing.taken(message, "b.jp", now)
            taken.append(now)
        else:
            pacing.refused(message, Refused(451, reply, stage), now)
            again = now + timedelta(seconds=INTERVALS[min(attempts, len(INTERVALS) - 1)])
            heapq.heappush(waiting, (again, number, attempts + 1))
    return tried, taken


@pytest.mark.parametrize(("delay", "longest"), [(0.9, 8), (5, 13), (14, 33)])
@pytest.mark.parametrize("count", [30, 90, 500])
def test_mails_to_who_greylists_wait_side_by_side(count: int, delay: float, longest: float) -> None:
    """Up to 7 minutes for the rest and the care behind it, and tries after 1, 6, 11 and 26 minutes."""
    _, taken = play(greylister(delay), count)
    assert len(taken) == count
    assert max(taken) <= NOW + longest * MINUTE


def test_words_that_say_nothing_do_once_a_mail_was_let_in() -> None:
    _, taken = play(greylister(0.9, "4.7.1 Policy"), 90, "data")
    assert max(taken) <= NOW + 6 * MINUTE


@pytest.mark.parametrize("reply", [LATER, "4.7.28 Rate limit, try again later", "4.7.0 Too many connections"])
@pytest.mark.parametrize("each_minute", [10, 30])
def test_who_limits_the_rate_is_not_tried_much_more_often_than_it_takes(each_minute: int, reply: str) -> None:
    tried, taken = play(limiter(each_minute, reply), 600)
    assert len(taken) == 600
    assert len(tried) <= 2.5 * len(taken)


@pytest.mark.parametrize("reply", ["4.7.28 rate limited", "4.7.0 too many messages from you", "4.7.1 server busy"])
def test_words_of_a_limit_slow_a_provider_each_time(reply: str) -> None:
    pacing, now = Pacing(), NOW
    for number in range(5):
        until = pacing.refused(mail(number, "b.jp"), Refused(451, reply, "rcpt"), now)
        assert until == now + MINUTE
        now = until
    assert pacing.refused(mail(9, "b.jp"), Refused(421, LATER, "rcpt"), now) == now + MINUTE


def known_to_greylist() -> tuple[Pacing, datetime]:
    pacing = Pacing()
    until = pacing.refused(mail(0, "b.jp"), Refused(451, LATER, "rcpt"), NOW)
    assert until == NOW + MINUTE
    assert pacing.refused(mail(1, "b.jp"), Refused(451, LATER, "rcpt"), until) is None
    assert pacing.ask(mail(2, "b.jp"), until) is None
    return pacing, until


def test_two_that_were_under_way_together_show_nothing() -> None:
    pacing = Pacing()
    assert pacing.refused(mail(0, "b.jp"), Refused(451, LATER, "rcpt"), NOW) is not None
    assert pacing.refused(mail(1, "b.jp"), Refused(451, LATER, "rcpt"), NOW) is not None


@pytest.mark.parametrize(("minutes", "alone"), [(20, True), (40, False)])
def test_a_mail_that_is_refused_for_long_shows_a_limit(minutes: int, alone: bool) -> None:
    pacing, _ = known_to_greylist()
    again = mail(0, "b.jp")._replace(attempts=4)
    now = NOW + minutes * MINUTE
    assert (pacing.refused(again, Refused(451, LATER, "rcpt"), now) is None) is alone
    later = now + 5 * MINUTE
    assert (pacing.refused(mail(7, "b.jp"), Refused(451, LATER, "rcpt"), later) is None) is alone


@pytest.mark.parametrize(("attempts", "alone"), [(0, False), (1, True)])
def test_a_first_try_that_is_taken_shows_a_limit(attempts: int, alone: bool) -> None:
    pacing, now = known_to_greylist()
    pacing.taken(mail(2, "b.jp")._replace(attempts=attempts), "b.jp", now)
    assert (pacing.refused(mail(3, "b.jp"), Refused(451, LATER, "rcpt"), now) is None) is alone


def test_a_limit_that_is_configured_holds_while_a_provider_greylists() -> None:
    limited = Pacing([Destination("b.jp", ("b.jp",), per_minute=30)])
    tried, _ = play(greylister(5), 90, pacing=limited)
    assert sum(moment < NOW + 5 * MINUTE for moment in tried) <= 5 * 30 + 2


def test_what_might_be_greylisting() -> None:
    assert may_greylist(Refused(451, LATER, "rcpt"))
    assert may_greylist(Refused(450, "4.7.1 <a@b.jp>: Recipient address rejected: Please retry in 300 s", "rcpt"))
    assert not may_greylist(Refused(451, LATER, "data"))
    assert not may_greylist(Refused(451, "4.7.1 Policy", "rcpt"))
    assert not may_greylist(Refused(451, "4.3.0 Try again later", "rcpt"))
    assert not may_greylist(Refused(421, LATER, "rcpt"))
    assert not may_greylist(Refused(451, "4.7.28 sending rate is too high, try again later", "rcpt"))
    assert not limits(Refused(451, "4.7.1 temporarily refused, separate mails, generated later", "rcpt"))
