"""How a mail ended that may be the relay's doing rather than its own recipient's: told by how many in a row meet it.

Where several in a row meet it and the relay takes none between, it is in trouble, or wants nothing of our sender: that
says nothing of the mails, and must not cost each of them its tries, or its end. Each ground is counted by itself:

- of the session: by mails, or by domains where it may be of one, until one gets past it;
- of our standing, and for now: by domains, until a mail is accepted. That a mailbox does not exist, or is full, neither
  counts nor shows that the relay takes mails. A domain that refused while others' mails were accepted does so for
  itself, and counts no more until it has accepted one.
"""

from __future__ import annotations

from typing import NamedTuple

from mailer.grounds import Ground
from mailer.outgoing import Outgoing
from mailer.session import of_the_way, past_the_session
from mailer.transaction import Lost, Refused

_OF_THEIR_OWN = 5
"""So many in a row are told each for itself."""
_DOMAINS_KEPT = 1000
_ROUND = 20


class Doubted(NamedTuple):
    """The envelope that was refused, as far as it came: no recipient where it was refused at MAIL."""

    sender: str
    recipient: str | None


class Suspicion:
    """Counts them. Domains go by their providers, the groups that `mailer.pacing` knows."""

    def __init__(self) -> None:
        self._met: dict[Ground, set[str]] = {ground: set() for ground in Ground}
        self._last: Doubted | None = None
        self._troubled: dict[str, None] = {}
        self.refused: dict[str, None] = {}
        """Providers whose mails met the trouble last: others' may tell more of the relay."""

    @property
    def stands(self) -> bool:
        """Whether it is the relay's trouble."""
        return any(map(self._is_of_the_relay, Ground))

    @property
    def doubted(self) -> Doubted | None:
        """What to ask the relay with, where its answer to an envelope tells whether the trouble is over."""
        return self._last if self._is_of_the_relay(Ground.SESSION) else None

    @property
    def only_a_mail_can_tell(self) -> bool:
        """Whether nothing less than a mail shows that the trouble is over."""
        return any(map(self._is_of_the_relay, (Ground.STANDING, Ground.FOR_NOW)))

    def accepted(self, provider: str) -> None:
        """The relay took a mail."""
        if self._last is not None:
            self._begin_anew()
        if self._troubled:
            self._troubled.pop(provider, None)

    def see(self, mail: Outgoing, outcome: Refused | Lost, ground: Ground | None) -> bool:
        """Whether it is the relay's trouble that ended a mail so, now that this one has met it, too."""
        if past_the_session(outcome):
            self._met[Ground.SESSION].clear()
        if ground is None:
            return False
        self._count(mail, outcome, ground)
        if not self.stands:
            return False
        self._note_refused(mail.provider)
        return True

    def _count(self, mail: Outgoing, outcome: Refused | Lost, ground: Ground) -> None:
        sender, recipient = mail.route
        self._last = Doubted(sender, None if outcome.stage == "mail" else recipient)
        if ground is Ground.SESSION:
            self._met[ground].add(mail.provider if of_the_way(outcome) else mail.message.id)
        elif mail.provider not in self._troubled:
            self._met[ground].add(mail.provider)

    def _note_refused(self, provider: str) -> None:
        self.refused.pop(provider, None)
        self.refused[provider] = None
        if len(self.refused) > _ROUND:
            del self.refused[next(iter(self.refused))]

    def _is_of_the_relay(self, ground: Ground) -> bool:
        return len(self._met[ground]) > _OF_THEIR_OWN

    def _begin_anew(self) -> None:
        if not self.stands:
            for provider in self._met[Ground.STANDING] | self._met[Ground.FOR_NOW]:
                self._troubled[provider] = None
        while len(self._troubled) > _DOMAINS_KEPT:
            del self._troubled[next(iter(self._troubled))]
        for met in self._met.values():
            met.clear()
        self.refused.clear()
        self._last = None
