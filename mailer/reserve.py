"""Connections kept for urgent mails and for quick providers, while mails to others are kept waiting.

A provider shows itself by the first mail it takes. Where one in ten is silent, and every mail is to another one, all
connections of a sender would soon wait for such, each of whom keeps within its own share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from mailer.shares import Shares

T = TypeVar("T")

_KEPT, _KEPT_IN_TROUBLE = 0.1, 0.3
"""Of all connections: as a rule, and once a provider keeps a mail waiting."""
_MOST_ASIDE = 10
"""Mails for each connection that are worth keeping, to find those to quick providers among them."""


class Reserve(Generic[T]):
    """Mails to providers that have not shown to be quick get a part of the connections; here wait those beyond it."""

    def __init__(self, connections: int, shares: Shares[T]) -> None:
        self._connections = connections
        self._shares: Shares[Any] = shares
        self._aside: deque[T] = deque()

    @property
    def waiting(self) -> int:
        """How many wait here."""
        return len(self._aside)

    @property
    def full(self) -> bool:
        """Whether no more mails are wanted that might have to wait."""
        return len(self._aside) >= self._connections * _MOST_ASIDE

    def wait(self, mail: T) -> None:
        """Keep a mail until it is released."""
        self._aside.append(mail)

    def released(self, holding: Sequence[str]) -> Sequence[T]:
        """Those that may be tried again, while mails to these hold connections, in their order."""
        count = min(len(self._aside), max(0, self.room(holding)))
        return [self._aside.popleft() for _ in range(count)]

    def drop(self, unwanted: Callable[[T], bool]) -> Sequence[T]:
        """Let those go that wait and of which this is true."""
        dropped = [mail for mail in self._aside if unwanted(mail)]
        if dropped:
            self._aside = deque(mail for mail in self._aside if not unwanted(mail))
        return dropped

    def forget(self) -> int:
        """Let go all that wait; how many they were."""
        waiting = len(self._aside)
        self._aside.clear()
        return waiting

    def room(self, holding: Sequence[str]) -> int:
        """How many more mails may have a connection while mails to these hold one, of those that have to ask.

        Urgent mails, and those to providers that have shown to be quick, need not ask.
        """
        unproven = [provider for provider in holding if not self._shares.proven(provider)]
        trouble = any(map(self._shares.silent, unproven))
        kept = max(1, int(self._connections * _KEPT_IN_TROUBLE)) if trouble else int(self._connections * _KEPT)
        return max(1, self._connections - kept) - len(unproven)
