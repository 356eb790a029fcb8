"""Greylisting (RFC 6647) told by what a provider does, where it does not say the word. Pure.

It refuses every mail at its first try, also the first one after a rest, and lets it in later. A limit on the rate takes
some at their first try.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from core.messages import Message

_KNOWN = timedelta(days=1)
_A_LIMIT = timedelta(hours=1)
"""So long after a sign of a limit on the rate it is taken for one."""
_LONGEST = timedelta(minutes=30)
"""Who refuses a mail again so long after its first try does not greylist."""
_KEPT = 1000


class Greylisting:
    """What one provider has shown."""

    def __init__(self) -> None:
        self._refused: dict[str, datetime] = {}
        """Mails, and when they were refused at their first try."""
        self._let_in = False
        self._known_until: datetime | None = None
        self._limit_until: datetime | None = None

    def let_in(self, message: Message) -> None:
        """It took a mail at a later try."""
        if self._refused.pop(message.id, None) is not None:
            self._let_in = True

    def limits(self, now: datetime) -> None:
        """It has shown a limit on its rate."""
        self._refused.clear()
        self._let_in, self._known_until, self._limit_until = False, None, now + _A_LIMIT

    def known(self, now: datetime) -> bool:
        """Whether it greylists, as far as is known."""
        return self._known_until is not None and now < self._known_until

    def refused(self, message: Message, now: datetime, *, plain: bool, rested: bool) -> None:
        """It refused a mail for now; `plain`: in words that would do for greylisting; `rested`: not while held up."""
        if message.attempts:
            self._see_again(message, now)
            return
        others = self._let_in or bool(self._refused)
        self._note(message, now)
        if others and rested and (plain or self._let_in) and (self._limit_until is None or now >= self._limit_until):
            self._known_until = now + _KNOWN

    def _see_again(self, message: Message, now: datetime) -> None:
        since = self._refused.get(message.id)
        if since is not None and now - since >= _LONGEST:
            self.limits(now)

    def _note(self, message: Message, now: datetime) -> None:
        self._refused[message.id] = now
        if len(self._refused) > _KEPT:
            del self._refused[next(iter(self._refused))]
