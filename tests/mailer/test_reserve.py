"""Connections kept for codes and quick providers, while many others keep mails waiting."""

from __future__ import annotations

import pytest

from mailer.reserve import Reserve
from mailer.shares import Shares
from tests.mailer.test_shares import PATIENCE, Clock


class Sending:
    """So many connections, one mail a provider."""

    def __init__(self, connections: int = 10) -> None:
        self.clock = Clock()
        self.shares: Shares[str] = Shares(connections, PATIENCE, {}.get, lambda _: False, self.clock)
        self.reserve: Reserve[str] = Reserve(connections, self.shares)
        self.holding: list[str] = []

    def goes(self, provider: str, *, urgent: bool = False) -> bool:
        admitted = urgent or self.shares.proven(provider) or self.reserve.room(self.holding) > 0
        if admitted:
            assert self.shares.begin(provider)
            self.holding.append(provider)
        return admitted

    def ends(self, provider: str, seconds: float) -> None:
        self.holding.remove(provider)
        self.shares.end(provider, seconds)


def providers(count: int, name: str = "p") -> list[str]:
    return [f"{name}{number}" for number in range(count)]


@pytest.fixture
def sending() -> Sending:
    return Sending()


def test_nobody_known_leaves_one_connection_in_ten(sending: Sending) -> None:
    assert [sending.goes(name) for name in providers(10)] == [True] * 9 + [False]
    assert sending.goes("code", urgent=True)


def test_silence_leaves_three_in_ten_to_the_quick_and_the_urgent(sending: Sending) -> None:
    assert sending.goes("quick")
    sending.ends("quick", 0.01)
    for name in providers(7):
        assert sending.goes(name)
    sending.clock.seconds += PATIENCE + 0.1
    assert not sending.goes("another")
    assert sending.goes("quick")
    assert sending.goes("code", urgent=True)
    sending.ends("quick", 0.01)
    sending.ends("p0", 3.0)
    assert not sending.goes("another")  # the code's is not known, either
    sending.ends("code", 0.01)
    assert sending.goes("another")


def test_a_quick_one_that_falls_silent_is_not_quick_any_more(sending: Sending) -> None:
    assert sending.goes("quick")
    sending.ends("quick", 0.01)
    assert sending.shares.proven("quick")
    assert sending.goes("quick")
    sending.clock.seconds += PATIENCE + 0.1
    assert not sending.shares.proven("quick")
    assert sending.shares.silent("quick")


def test_where_all_are_slow_the_relay_is_and_nobody_has_to_stand_back(sending: Sending) -> None:
    for name in providers(7):
        assert sending.goes(name)
    sending.clock.seconds += PATIENCE + 0.1
    assert sending.goes("another")


def test_who_was_quick_or_slow_is_remembered_for_a_thousand_providers(sending: Sending) -> None:
    for name in providers(1001):
        assert sending.goes(name)
        sending.ends(name, 0.01)
    assert not sending.shares.proven("p0")
    assert sending.shares.proven("p1")
    assert sending.goes("p1")
    sending.ends("p1", 3.0)
    assert not sending.shares.proven("p1")


@pytest.mark.parametrize("connections", [1, 2, 3])
def test_few_connections_are_used_all_the_same(connections: int) -> None:
    sending = Sending(connections)
    assert all(sending.goes(name) for name in providers(connections))
    sending.clock.seconds += PATIENCE + 0.1
    sending.ends("p0", 3.0)
    assert sending.goes("another")


def test_who_waits_is_released_in_order_as_there_is_room(sending: Sending) -> None:
    assert [sending.goes(name) for name in providers(9)] == [True] * 9
    for name in providers(3, "w"):
        sending.reserve.wait(name)
    assert sending.reserve.released(sending.holding) == []
    sending.ends("p0", 0.01)
    sending.ends("p1", 0.01)
    assert sending.reserve.released(sending.holding) == ["w0", "w1"]
    assert (sending.reserve.waiting, sending.reserve.forget(), sending.reserve.waiting) == (1, 1, 0)


def test_no_more_are_wanted_than_are_worth_keeping(sending: Sending) -> None:
    for name in providers(99):
        sending.reserve.wait(name)
    assert not sending.reserve.full
    sending.reserve.wait("one more")
    assert sending.reserve.full


def test_those_that_are_not_wanted_any_more_go(sending: Sending) -> None:
    for mail in ("old-1", "new", "old-2"):
        sending.reserve.wait(mail)
    assert sending.reserve.drop(lambda mail: mail.startswith("old")) == ["old-1", "old-2"]
    assert list(sending.reserve.released([])) == ["new"]
