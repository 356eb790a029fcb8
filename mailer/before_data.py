"""Mails that the relay stops at MAIL or RCPT for no reason of their recipient's.

One may have itself to thank for it. Where several in a row meet it and none gets past, the relay is in trouble, or
wants nothing of our sender: that says nothing of the mails, and must not cost each of them its tries, or its end.
"""

from __future__ import annotations

from typing import NamedTuple

from mailer.transaction import Stage

_OF_THEIR_OWN = 5
"""So many in a row are told each for itself: different mails, or domains where a refusal may be of one domain."""


class Doubted(NamedTuple):
    """The envelope that was refused, as far as it came: no recipient where it was refused at MAIL."""

    sender: str
    recipient: str | None


class BeforeData:
    """Counts them. `doubted` is what to ask the relay with, once it is the relay's trouble."""

    def __init__(self) -> None:
        self._met: set[str] = set()
        self._last: Doubted | None = None

    @property
    def doubted(self) -> Doubted | None:
        """None while it is no trouble of the relay's."""
        return self._last if len(self._met) > _OF_THEIR_OWN else None

    def is_of_the_relay(self, what: str, route: tuple[str, str], stage: Stage) -> bool:
        """Whether it is, now that `what`, a mail or a domain, has met it at this stage."""
        sender, recipient = route
        self._met.add(what)
        self._last = Doubted(sender, recipient if stage == "rcpt" else None)
        return self.doubted is not None

    def passed(self) -> None:
        """The relay had nothing against a mail before its recipient."""
        self._met.clear()
