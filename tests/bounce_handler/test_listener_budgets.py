"""What one peer may ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_handler.budgets import Connections, NoteBudget, NoteLimits, Patience, network_of


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_network_is_one_peer(peer: str, network: str) -> None:
    assert network_of(peer) == network


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=60))
def test_connections_are_counted_as_a_list_would(steps: list[tuple[bool, int]]) -> None:
    connections = Connections(per_peer=3, in_all=8)
    open_now: list[str] = []
    for enters, number in steps:
        peer = f"192.0.2.{number}"
        if enters:
            allowed = open_now.count(peer) < 3 and len(open_now) < 8
            assert connections.enter(peer) is allowed
            open_now += [peer] * allowed
        elif peer in open_now:
            connections.leave(peer)
            open_now.remove(peer)


def test_patience_counts_answers_and_refusals() -> None:
    patience = Patience(answers=4, refusals=2)
    assert all(patience.count(reply) for reply in ("250-first line", "250 OK", "550 no", "451 later", "250 OK"))
    assert not patience.count("250 OK")
    patience = Patience(answers=100, refusals=2)
    assert [patience.count("550 no") for _ in range(3)] == [True, True, False]


def test_notes_are_bounded_by_peer_and_in_all_and_begin_anew() -> None:
    now = [0.0]
    budget = NoteBudget(NoteLimits(per_peer=2, in_all=5, seconds=60), lambda: now[0])
    noted = [budget.allows(f"192.0.2.{number}") for number in (1, 1, 1, 2, 2, 3, 4)]
    assert noted == [True, True, False, True, True, True, False]
    now[0] = 59.9
    assert not budget.allows("192.0.2.5")
    now[0] = 60.0
    assert budget.allows("192.0.2.1")
