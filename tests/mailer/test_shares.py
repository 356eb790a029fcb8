"""Shares of a sender's connections: what a slow provider may hold, and who waits for whom."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.shares import Shares

PATIENCE = 1.0
QUICK, SLOW = 0.01, 3.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_shares(clock: Clock, connections: int = 10, **limits: int) -> Shares[str]:
    return Shares(connections, PATIENCE, limits.get, lambda mail: mail.startswith("code"), clock)


def goes(shares: Shares[str], provider: str, mail: str) -> bool:
    """Whether it goes now; else it waits."""
    full = shares.full(provider)
    if full:
        shares.wait(provider, mail)
    assert shares.begin(provider) is not full
    return not full


def end(shares: Shares[str], provider: str, seconds: float | None) -> list[str]:
    """Those that may go then."""
    shares.end(provider, seconds)
    return list(shares.released())


def begun(shares: Shares[str], provider: str, mails: Sequence[str]) -> list[str]:
    return [mail for mail in mails if goes(shares, provider, mail)]


def mails(count: int, name: str = "mail") -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def show(shares: Shares[str], provider: str, seconds: float) -> None:
    """A mail of its own goes, and takes so long."""
    assert goes(shares, provider, "first")
    assert goes(shares, provider, "second")
    end(shares, provider, seconds)


def test_one_that_is_new_gets_half_and_a_quick_one_all_but_one(clock: Clock) -> None:
    shares = new_shares(clock)
    assert len(begun(shares, "new", mails(10))) == 5
    show(shares, "quick", QUICK)
    assert len(begun(shares, "quick", mails(20))) == 8  # besides the one that is under way
    assert shares.waiting == 17


def test_slow_ones_get_a_fifth_and_together_half(clock: Clock) -> None:
    shares = new_shares(clock)
    show(shares, "quick", QUICK)
    names = ["a", "b", "c", "d"]
    for name in names:
        show(shares, name, SLOW)
    assert [len(begun(shares, name, mails(5))) for name in names] == [1, 0, 0, 0]


def test_slow_ones_take_turns(clock: Clock) -> None:
    shares = new_shares(clock, connections=2)
    assert goes(shares, "quick", "mail")
    end(shares, "quick", QUICK)
    assert begun(shares, "a", mails(3, "a")) == ["a-0"]
    clock.seconds += PATIENCE + 0.1
    assert begun(shares, "b", mails(3, "b")) == ["b-0"]
    clock.seconds += PATIENCE + 0.1
    under_way, order = ["a", "b"], []
    while under_way:
        provider = under_way.pop(0)
        assert not shares.may_follow(provider)
        for mail in end(shares, provider, SLOW):
            if goes(shares, mail[0], mail):
                under_way.append(mail[0])
                order.append(mail)
    assert sorted(order) == ["a-1", "a-2", "b-1", "b-2"]
    assert [mail[0] for mail in order] in (["a", "b", "a", "b"], ["b", "a", "b", "a"])


def test_nobody_is_to_blame_where_the_relay_is_slow_with_all(clock: Clock) -> None:
    shares = new_shares(clock)
    for name in ("a", "b"):
        show(shares, name, SLOW)
    assert [len(begun(shares, name, mails(10))) for name in ("a", "b")] == [4, 4]


def test_one_of_whom_nothing_is_heard_is_slow(clock: Clock) -> None:
    shares = new_shares(clock)
    show(shares, "silent", QUICK)
    assert len(begun(shares, "silent", mails(20))) == 8
    assert (shares.soon(), shares.stalled()) == (12, frozenset())
    clock.seconds += PATIENCE + 0.1
    assert (shares.soon(), shares.stalled()) == (0, {"silent"})
    assert begun(shares, "another", mails(1)) == mails(1)


def test_one_that_was_slow_waits_before_anything_of_it_is_under_way(clock: Clock) -> None:
    shares = new_shares(clock, connections=2)
    for name, seconds in (("quick", QUICK), ("once-slow", SLOW), ("quick", QUICK)):
        assert goes(shares, name, "mail")
        end(shares, name, seconds)
    assert goes(shares, "silent", "mail")
    clock.seconds += PATIENCE + 0.1
    assert not goes(shares, "once-slow", "waits")
    assert end(shares, "silent", SLOW) == ["waits"]


def test_who_waited_goes_as_one_of_them_ends_the_urgent_first(clock: Clock) -> None:
    shares = new_shares(clock, connections=2)
    assert begun(shares, "one", ["mail-1", "mail-2", "code-1", "mail-3", "code-2"]) == ["mail-1"]
    released = [end(shares, "one", QUICK)]
    while released[-1]:
        assert begun(shares, "one", released[-1]) == list(released[-1])
        released.append(end(shares, "one", QUICK))
    assert released == [["code-1"], ["code-2"], ["mail-2"], ["mail-3"], []]
    assert shares.waiting == 0


def test_a_slow_one_that_is_quick_again_gets_more(clock: Clock) -> None:
    shares = new_shares(clock)
    show(shares, "quick", QUICK)
    assert goes(shares, "one", "first")
    assert goes(shares, "one", "second")
    end(shares, "one", SLOW)
    assert begun(shares, "one", mails(20)) == ["mail-0"]
    assert end(shares, "one", QUICK) == mails(9)[1:]


def test_one_follows_another_over_its_connection_as_long_as_there_are_not_too_many(clock: Clock) -> None:
    shares = new_shares(clock)
    show(shares, "quick", QUICK)
    assert len(begun(shares, "one", mails(20))) == 5
    assert shares.behind("one") == "mail-5"
    shares.go_on("one", SLOW)
    assert not shares.may_follow("one")
    assert shares.behind("one") is None
    assert [end(shares, "one", SLOW) for _ in range(4)] == [[], [], [], ["mail-6"]]


def test_configured_limits_hold(clock: Clock) -> None:
    shares = new_shares(clock, docomo=3)
    assert len(begun(shares, "docomo", mails(10))) == 3
    end(shares, "docomo", QUICK)
    assert shares.may_follow("docomo")


def test_a_single_connection_is_everybodys(clock: Clock) -> None:
    shares = new_shares(clock, connections=1)
    assert begun(shares, "one", mails(2)) == ["mail-0"]
    assert shares.forget() == 1
    assert end(shares, "one", SLOW) == []
    assert begun(shares, "one", ["another"]) == ["another"]


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, QUICK, SLOW]), st.booleans()), max_size=60),
)
def test_everything_has_its_turn_and_one_alone_never_holds_all(
    connections: int, steps: Sequence[tuple[str, float | None, bool]]
) -> None:
    clock = Clock()
    shares = new_shares(clock, connections)
    under_way: list[str] = []
    ready = [(provider, f"{number}") for number, (provider, _, _) in enumerate(steps)]
    ended = 0
    while ready or under_way:
        while ready and len(under_way) < connections:
            provider, mail = ready.pop(0)
            if goes(shares, provider, mail):
                under_way.append(provider)
        assert connections == 1 or all(under_way.count(name) < connections for name in "abc")
        provider, seconds, pause = under_way.pop(0), *steps[ended % len(steps)][1:]
        clock.seconds += 2 if pause else 0
        ready += [(by_number(steps, mail), mail) for mail in end(shares, provider, seconds)]
        ended += 1
    assert shares.waiting == 0
    assert ended == len(steps)


def by_number(steps: Sequence[tuple[str, float | None, bool]], mail: str) -> str:
    return steps[int(mail)][0]


def test_those_that_are_not_wanted_any_more_go_and_the_others_keep_their_order(clock: Clock) -> None:
    shares = new_shares(clock, a=1)
    assert begun(shares, "a", ["first", "old-1", "new-1", "code-old", "old-2", "code-new", "new-2"]) == ["first"]
    assert shares.drop(lambda mail: "old" in mail) == ["code-old", "old-1", "old-2"]
    assert shares.waiting == 3
    assert not shares.drop(lambda mail: "old" in mail)
    left = []
    for _ in range(3):
        (mail,) = end(shares, "a", 0.01)
        left.append(mail)
        assert shares.begin("a")
    assert left == ["code-new", "new-1", "new-2"]
    assert not shares.waiting


def test_a_provider_of_which_nothing_is_left_is_forgotten_but_for_its_pace(clock: Clock) -> None:
    shares = new_shares(clock)
    show(shares, "slow", PATIENCE + 1)
    end(shares, "slow", PATIENCE + 1)
    shares.wait("slow", "old")
    assert shares.drop(lambda _: True) == ["old"]
    assert not shares.proven("slow")
    assert shares.begin("slow")
