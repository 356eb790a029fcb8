"""A mail and its copies, told as one: which of them speaks, and which is still on its way beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import TypeAlias, assert_never

from core.kinds import Kind
from core.statuses import Status
from helpdesk.facts import MessageFacts

SENT_AGAIN = (Kind.APPLICATION_COMPLETE, Kind.REJECTION, Kind.EXISTING_USER_CONFIRM, Kind.ADDRESS_CHANGED)
"""Kinds that a person may send again (contract section 4)."""

_ONE_AN_APPLICATION = frozenset({Kind.APPLICATION_COMPLETE, Kind.REJECTION, Kind.EXISTING_USER_CONFIRM})
"""An application has one of each to tell: a second mail of the kind tells the same, whoever asked for it."""

UNSENT = frozenset({Status.HELD, Status.SCHEDULED, Status.SENDING, Status.DEFERRED})
"""On its way."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a mail, by the copy that speaks. `again` is on its way, or in doubt, after that one."""

    mail: MessageFacts
    again: MessageFacts | None = None


def told(messages: Iterable[MessageFacts], kind: Kind) -> Told | None:
    """What is to be told of these messages' newest mail of a kind; None where there is none.

    Of its copies the newest that was sent or became 不達 speaks, else one in doubt, else one on its way; one that was
    cancelled, suppressed or expired only where all were. Reminders are planned together: the last one sent speaks.
    """
    mails = [message for message in messages if message.kind is kind]
    if not mails:
        return None
    if kind is Kind.REMINDER and (last := _last_sent(mails)) is not None:
        return Told(last)
    by_id = {mail.id: mail for mail in mails}
    lines = {mail.id: _line(mail, by_id) for mail in mails}
    return _of_copies(mails if kind in _ONE_AN_APPLICATION else _newest_with_copies(mails, lines), lines)


def weight(status: Status) -> int:
    """How much a mail in this status has to say among its copies, from 0 up."""
    match status:
        case Status.SENT | Status.UNDELIVERED:
            return 3
        case Status.IN_DOUBT:
            return 2
        case Status.HELD | Status.SCHEDULED | Status.SENDING | Status.DEFERRED:
            return 1
        case Status.CANCELLED | Status.EXPIRED | Status.SUPPRESSED:
            return 0
    assert_never(status)


def _last_sent(mails: Sequence[MessageFacts]) -> MessageFacts | None:
    sent = [(mail.sent_at, mail) for mail in mails if mail.status is Status.SENT and mail.sent_at is not None]
    return max(sent, key=itemgetter(0), default=(None, None))[1]


_Lines: TypeAlias = Mapping[str, Sequence[MessageFacts]]


def _line(mail: MessageFacts, by_id: Mapping[str, MessageFacts]) -> Sequence[MessageFacts]:
    """The mail, what it is a copy of, and so on back to the first one."""
    line = [mail]
    while (before := by_id.get(line[-1].resend_of or "")) is not None:
        line.append(before)
    return line


def _newest_with_copies(mails: Sequence[MessageFacts], lines: _Lines) -> Sequence[MessageFacts]:
    newest = max((lines[mail.id][-1] for mail in mails), key=lambda first: first.created_at)
    return [mail for mail in mails if lines[mail.id][-1] is newest]


def _of_copies(copies: Sequence[MessageFacts], lines: _Lines) -> Told:
    def place(mail: MessageFacts) -> tuple[datetime, int]:
        return mail.created_at, len(lines[mail.id])

    def comes_after(mail: MessageFacts) -> bool:
        return mail.status in UNSENT or (mail.status is Status.IN_DOUBT and place(mail) > place(speaking))

    speaking = max(copies, key=lambda mail: (weight(mail.status), *place(mail)))
    again = [mail for mail in copies if comes_after(mail)] if weight(speaking.status) > 1 else []
    return Told(speaking, max(again, key=place, default=None))
