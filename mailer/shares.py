"""How many of a sender's connections the mails to one provider may hold, so that a slow one stalls no other.

A relay that asks a recipient's server before it answers is as slow as that server. Who is quick may have all
connections but one; who has not shown it yet, half of them; who is slow while others are quick, a fifth, and all of
these together half. Mails beyond that wait here, and are not in the way of others.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")

_QUICK_FOR = 10
"""For so many times the patience a relay counts as quick after it took a mail quickly; else no provider is to blame."""
_QUICK_FOR_ALL = 60
"""The same, where it is about many providers together: those that keep mails waiting leave few others their turn."""
_REMEMBERED = 1000
"""Providers to whom nothing is under way, and of whom it is known whether they are quick."""
_AHEAD = 5
"""Mails of a slow provider that are worth keeping, for each connection that it may have."""


@dataclass(slots=True)
class _Share(Generic[T]):
    """One provider's."""

    since: float
    """When something of it ended last, or first began."""
    under_way: int = 0
    slow: bool | None = None
    waiting: deque[T] = field(default_factory=deque)
    urgent: int = 0  # so many of those that wait, at the head

    def wait(self, mail: T, *, urgent: bool) -> None:
        """One more waits."""
        if urgent:
            self.waiting.insert(self.urgent, mail)
            self.urgent += 1
        else:
            self.waiting.append(mail)

    def drop(self, unwanted: Callable[[T], bool]) -> Sequence[T]:
        """Let those go of which this is true."""
        dropped = [mail for mail in self.waiting if unwanted(mail)]
        if dropped:
            self.urgent -= sum(map(unwanted, islice(self.waiting, self.urgent)))
            self.waiting = deque(mail for mail in self.waiting if not unwanted(mail))
        return dropped

    def next(self) -> T:
        """The first that waits."""
        self.urgent = max(0, self.urgent - 1)
        return self.waiting.popleft()


class Shares(Generic[T]):
    """The shares of all providers, by their names.

    `patience`: who takes more seconds for a mail is slow, and so is one of whom nothing was heard for so long.
    `limit` says how many connections are configured for one, `urgent` which mails go first; `time` gives seconds of a
    clock that never goes back.
    """

    def __init__(
        self,
        connections: int,
        patience: float,
        limit: Callable[[str], int | None],
        urgent: Callable[[T], bool],
        time: Callable[[], float],
    ) -> None:
        self._quick = max(1, connections - 1)
        self._new = max(1, connections // 2)
        self._slow = max(1, connections // 5)
        self._patience = patience
        self._limit = limit
        self._urgent = urgent
        self._time = time
        self._shares: dict[str, _Share[T]] = {}
        self._known_slow: dict[str, bool] = {}  # of others; who was met last stands last
        self._quick_at = -math.inf
        self.waiting = 0
        """How many wait here."""

    def full(self, provider: str) -> bool:
        """Whether no more mails may be under way to a provider for now."""
        return self._room(provider, self._shares.get(provider) or self._new_share(provider)) <= 0

    def begin(self, provider: str) -> bool:
        """Whether a mail may go on its way now; else it has to wait."""
        share = self._share(provider)
        if self._room(provider, share) <= 0:
            return False
        if not share.under_way:
            share.since = self._time()
        share.under_way += 1
        return True

    def wait(self, provider: str, mail: T) -> None:
        """Keep a mail until it is released, or follows another."""
        self._share(provider).wait(mail, urgent=self._urgent(mail))
        self.waiting += 1

    def behind(self, provider: str) -> T | None:
        """One that waits for a provider, to follow a mail to the same over its connection."""
        share = self._shares[provider]
        if not share.waiting or not self.may_follow(provider):
            return None
        self.waiting -= 1
        return share.next()

    def may_follow(self, provider: str) -> bool:
        """Whether a mail may follow another to the same provider over its connection: slow ones take turns."""
        share = self._shares[provider]
        return not self._is_slow(share) and self._room(provider, share) >= 0

    def go_on(self, provider: str, seconds: float) -> None:
        """A mail has ended after so long, and one to the same provider follows over its connection."""
        self._learn(self._shares[provider], seconds)

    def end(self, provider: str, seconds: float | None) -> None:
        """A mail that was under way no longer is, after so long, or None where it never really was."""
        share = self._shares[provider]
        share.under_way -= 1
        self._shares[provider] = self._shares.pop(provider)  # others have their turn before it
        if seconds is not None:
            self._learn(share, seconds)
        self._forget_idle(provider, share)

    def proven(self, provider: str) -> bool:
        """Whether a provider has shown to be quick, and nothing speaks against it now."""
        share = self._shares.get(provider)
        if share is None:
            return self._known_slow.get(provider) is False
        return share.slow is False and not self._is_slow(share)

    def silent(self, provider: str) -> bool:
        """Whether a provider keeps a mail waiting, while others do not."""
        share = self._shares.get(provider)
        return share is not None and self._is_slow(share) and self._somebody_is_quick(_QUICK_FOR_ALL)

    def released(self) -> Sequence[T]:
        """Those that waited and may be tried again now, in their order."""
        if not self.waiting:
            return ()
        released: list[T] = []
        for name, share in self._shares.items():
            if share.waiting:
                count = min(len(share.waiting), max(0, self._room(name, share)))
                released += [share.next() for _ in range(count)]
        self.waiting -= len(released)
        return released

    def drop(self, unwanted: Callable[[T], bool]) -> Sequence[T]:
        """Let those go that wait and of which this is true, whenever it is asked."""
        dropped: list[T] = []
        for name, share in [*self._shares.items()] if self.waiting else ():
            dropped += share.drop(unwanted)
            self._forget_idle(name, share)
        self.waiting -= len(dropped)
        return dropped

    def forget(self) -> int:
        """Let go all that wait; how many they were."""
        for share in self._shares.values():
            share.waiting.clear()
            share.urgent = 0
        waiting, self.waiting = self.waiting, 0
        return waiting

    def soon(self) -> int:
        """How many of those that wait will get their turn soon, as those of slow providers will not."""
        if not self.waiting:
            return 0
        return sum(len(share.waiting) for share in self._shares.values() if share.waiting and not self._is_slow(share))

    def stalled(self) -> frozenset[str]:
        """Slow providers of whose mails there are enough here."""
        if not self.waiting:
            return frozenset()
        enough = self._slow * _AHEAD
        return frozenset(
            name for name, share in self._shares.items() if len(share.waiting) >= enough and self._is_slow(share)
        )

    def _learn(self, share: _Share[T], seconds: float) -> None:
        share.slow = seconds > self._patience
        share.since = self._time()
        if not share.slow:
            self._quick_at = share.since

    def _share(self, provider: str) -> _Share[T]:
        share = self._shares.get(provider)
        if share is None:
            share = self._shares[provider] = self._new_share(provider)
        return share

    def _new_share(self, provider: str) -> _Share[T]:
        return _Share(self._time(), slow=self._known_slow.get(provider))

    def _forget_idle(self, provider: str, share: _Share[T]) -> None:
        if not share.under_way and not share.waiting:
            del self._shares[provider]
            self._remember(provider, share)

    def _remember(self, provider: str, share: _Share[T]) -> None:
        if share.slow is not None:
            self._known_slow.pop(provider, None)
            self._known_slow[provider] = share.slow
            if len(self._known_slow) > _REMEMBERED:
                del self._known_slow[next(iter(self._known_slow))]

    def _somebody_is_quick(self, patiences: int) -> bool:
        return self._time() - self._quick_at <= patiences * self._patience

    def _room(self, provider: str, share: _Share[T]) -> int:
        """How many more may be under way."""
        limit = self._limit(provider)
        most = self._most(share) if limit is None else min(limit, self._most(share))
        return most - share.under_way

    def _most(self, share: _Share[T]) -> int:
        if not self._is_slow(share):
            return self._new if share.slow is None else self._quick
        if not self._somebody_is_quick(_QUICK_FOR):
            return self._new
        others = (one for one in self._shares.values() if one is not share and self._is_slow(one))
        return min(self._slow, self._new - sum(min(one.under_way, self._slow) for one in others))

    def _is_slow(self, share: _Share[T]) -> bool:
        return bool(share.slow) or (share.under_way > 0 and self._time() - share.since > self._patience)
