"""How much one peer may ask of the listener: connections, answers in one conversation, notes in the database."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

_IPV6_NETWORK_BITS = 64
_REFUSALS = ("4", "5")


def network_of(peer: str) -> str:
    """What counts as one peer: an IPv4 address, or an IPv6 network of 64 bits, the least that one host is given."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))


class Connections:
    """Counts open connections."""

    def __init__(self, per_peer: int, in_all: int) -> None:
        self._per_peer = per_peer
        self._in_all = in_all
        self._open: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        """Count a connection in; False, and not counted, when there are too many."""
        network = network_of(peer)
        if self._open[network] >= self._per_peer or self._open.total() >= self._in_all:
            self._open += Counter()  # forgets networks without connections
            return False
        self._open[network] += 1
        return True

    def leave(self, peer: str) -> None:
        """A counted connection has ended."""
        network = network_of(peer)
        self._open[network] -= 1
        if self._open[network] <= 0:
            del self._open[network]


@dataclass(slots=True)
class Patience:
    """How long a conversation may go on without bringing a mail."""

    answers: int = 500
    refusals: int = 20
    _answered: int = 0
    _refused: int = 0

    def count(self, reply: str) -> bool:
        """Count an answer given; False when it is time to end the conversation."""
        if reply[3:4] == "-":
            return True
        self._answered += 1
        self._refused += reply.startswith(_REFUSALS)
        return self._answered <= self.answers and self._refused <= self.refusals


@dataclass(frozen=True, slots=True)
class NoteLimits:
    """Notes of refused return paths within one window of real seconds."""

    per_peer: int = 20
    in_all: int = 1000
    seconds: float = 3600.0


class NoteBudget:
    """Keeps a flood of forged return paths from filling the database. `now` counts real seconds."""

    def __init__(self, limits: NoteLimits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._since = now()
        self._noted: Counter[str] = Counter()

    def allows(self, peer: str) -> bool:
        """Whether one more refusal of this peer is noted; counts it if so."""
        network = network_of(peer)
        if self._now() - self._since >= self._limits.seconds:
            self._since = self._now()
            self._noted.clear()
        if self._noted[network] >= self._limits.per_peer or self._noted.total() >= self._limits.in_all:
            return False
        self._noted[network] += 1
        return True
