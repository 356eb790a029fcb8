"""Whether a relay that offers PIPELINING (RFC 2920) can do it.

Filters and proxies in front of a server may throw away what comes in one piece with a command, or answer it as out of
order, whatever the server behind them offers. Such an answer, or silence, says nothing of the mail.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import structlog

from mailer.transaction import CLOSING, OUT_OF_ORDER, Accepted, Lost, Outcome, Refused

log = structlog.get_logger("mailer")

_HOURS = 8
"""So long it is left alone: a silent relay costs a mail a time-out to find out."""
_NO_TRANSACTION = 554
_IN_WORDS = re.compile(r"^5\.5\.1\b|pipelin|synchroni[sz]|sequence\sof\scommands|protocol\serror", re.IGNORECASE)


class Pipelining:
    """What all connections of a sender know of their relay. `time` gives seconds of a clock that never goes back.

    `proven`: mails went out with their commands sent together since the relay was silent to such last.
    """

    def __init__(self, time: Callable[[], float] = time.monotonic) -> None:
        self.proven = False
        self._time = time
        self._stepwise_until: float | None = None
        self._alone_until: float | None = None

    @property
    def usable(self) -> bool:
        """Whether commands may be sent together."""
        return self._stepwise_until is None or self._time() >= self._stepwise_until

    @property
    def introduces(self) -> bool:
        """Whether the next mail may be introduced behind one that leaves."""
        return self.usable and (self._alone_until is None or self._time() >= self._alone_until)

    def suspect(self, outcome: Refused | Lost) -> bool:
        """Whether commands that were sent together may have met this for that reason.

        Silence is a slow recipient's, too, whom the relay asks before it answers: where mails have gone out since the
        last one, it is taken for that.
        """
        if isinstance(outcome, Refused):
            return outcome.code in OUT_OF_ORDER or self._unproven_refusal(outcome)
        proven, self.proven = self.proven, False
        return not proven or not self.usable

    def _unproven_refusal(self, outcome: Refused) -> bool:
        if outcome.code == _NO_TRANSACTION and not self.proven:
            return True
        return outcome.code >= 500 and _IN_WORDS.search(outcome.text) is not None

    def judge(self, together: Refused | Lost, stepwise: Outcome, *, introduced: bool) -> None:
        """Learn from what the same mail met with its commands sent together, and then one by one."""
        if not _got_further(together, stepwise):
            return
        if introduced:
            self.introduce_no_more()
        elif self.usable:
            log.warning("the relay offers PIPELINING, but does not understand it; it hears commands one by one now")
            self._stepwise_until = self._time() + _HOURS * 3600
            self.proven = False

    def introduce_no_more(self) -> None:
        """The relay ignored what was introduced behind a mail."""
        if self.introduces:
            log.warning("the relay ignores what is introduced behind a mail; each waits for its turn from now on")
            self._alone_until = self._time() + _HOURS * 3600


def _got_further(together: Refused | Lost, stepwise: Outcome) -> bool:
    if isinstance(stepwise, Accepted):
        return True
    if isinstance(stepwise, Lost) or stepwise.stage == "connect" or stepwise.code == CLOSING:
        return False
    return isinstance(together, Lost) or stepwise.code != together.code
