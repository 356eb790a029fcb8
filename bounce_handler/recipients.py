"""Which of the recipients in a report speaks for ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.reports import Action, BounceClass, RecipientReport
from core.spellings import spelled

_ALL_OURS = (Action.FAILED, Action.DELAYED)
"""Where our own address stands in a report more than once, its worst news is ours."""

_BEHIND_OURS = (Action.DELIVERED, Action.RELAYED, Action.EXPANDED, Action.FAILED, Action.DELAYED)
"""Where only addresses behind ours are named, one that the mail reached means that it was not lost."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is said of our recipient; `ours` is False where the report names another address that ours leads to."""

    report: RecipientReport
    ours: bool

    @property
    def bounce_class(self) -> BounceClass | None:
        """What it means for our address: one that leads to an address which does not exist is there itself."""
        told = self.report.bounce_class
        return told if self.ours or told is None else BounceClass.SOFT


def spoken_for(recipients: Sequence[RecipientReport], email: str) -> Spoken | None:
    """The recipient that decides. Our mails have one recipient each: other addresses in a report are behind it.

    What a report says without any address is of ours, too.
    """
    same = spelled(email, recipients, lambda recipient: recipient.address)
    same = same or [recipient for recipient in recipients if not recipient.address]
    if same:
        return Spoken(_first(same, _ALL_OURS), ours=True)
    return Spoken(_first(recipients, _BEHIND_OURS), ours=False) if recipients else None


def _first(recipients: Sequence[RecipientReport], order: Sequence[Action]) -> RecipientReport:
    by_action = {recipient.action: recipient for recipient in reversed(recipients)}
    return next((by_action[action] for action in order if action in by_action), recipients[0])
