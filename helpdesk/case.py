"""One call: everything that decides which procedure is told, and in which words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.jst import tokyo_date
from core.kinds import BY_TABLE, Kind
from core.statuses import Status
from helpdesk.copies import Told, told
from helpdesk.facts import (
    ApplicationFacts,
    ChangeFacts,
    InstitutionFacts,
    MessageFacts,
    PrefectureFacts,
    WrongPrefecture,
)
from helpdesk.standing import BRINGS_ACCOUNT, OF_THE_ACCOUNT, UNDER_WAY, Reading, Standing, read
from helpdesk.vocabulary import Desk, Symptom

_TAKES_NO_MAIL = frozenset({Status.UNDELIVERED, Status.SUPPRESSED})
"""The address does not, of which a mail came to stand so."""

_GUIDE_CAME_BACK = frozenset({Standing.GUIDE_UNDELIVERED, Standing.GUIDE_MAILBOX_FULL})

NOBODY_READS_THE_MAIL = frozenset({Symptom.PERSON_LEFT, Symptom.CANNOT_VIEW})
"""Asked of an account that was to be issued: an application that is still in review has no say (rules 79-81)."""


@dataclass(frozen=True, slots=True)
class Case:
    """The facts of a call, read. `desk` is the one that the chosen procedure names.

    `refused` is the kind of a mail that somebody wanted to send again, `refused_mail` a reminder among them,
    `issued_before` an account-issue that was published twice. What is asked of one application is read by that one.
    """

    facts: InstitutionFacts
    prefecture: PrefectureFacts
    today: date
    reading: Reading
    symptom: Symptom | None = None
    desk: Desk = Desk.PREFECTURE
    refused: Kind | None = None
    issued_before: bool = False
    refused_mail: MessageFacts | None = None

    @property
    def standing(self) -> Standing:
        """How the institution's account issuing stands."""
        return self.reading.standing

    @property
    def application(self) -> ApplicationFacts | None:
        """The application that decides."""
        return self.reading.application

    def message(self, kind: Kind) -> MessageFacts | None:
        """The newest mail of this kind: of the deciding application, else of the institution."""
        found = self._told(kind)
        return None if found is None else found.mail

    def again(self, kind: Kind) -> MessageFacts | None:
        """A copy of that mail on its way, or in doubt, where the mail itself has come to more."""
        found = self._told(kind)
        return None if found is None else found.again

    def _told(self, kind: Kind) -> Told | None:
        if kind in OF_THE_ACCOUNT:
            return told(self.facts.all_messages, kind)
        own = None if self.application is None else told(self.application.messages, kind)
        return own or told(self.facts.messages, kind)

    @property
    def account_moved(self) -> bool:
        """Whether another address was registered for the account after the mails that told of it (rules 65, 109).

        Also before its notice has left. One that is known to take no mail does not count.
        """
        return self._moved_since(self._told_of_account())

    @property
    def moved_out_of_reach(self) -> bool:
        """Whether the address registered since is known to take no mail."""
        return self._moved_since(self._told_of_account(), in_reach=False)

    @property
    def change_open(self) -> ChangeFacts | None:
        """The last request to change the address that was neither carried out nor rejected."""
        pending = (change for change in self.facts.changes if change.notice is None)
        return max(pending, key=lambda change: change.requested_at, default=None)

    @property
    def guide_moved(self) -> bool:
        """Whether the guide came back from an address in whose place another was registered after it had left."""
        guide = self.message(Kind.GUIDE)
        return guide is not None and self.standing in _GUIDE_CAME_BACK and self._moved_since([guide])

    @property
    def taken_since(self) -> MessageFacts | None:
        """After the guide had come back: the newest mail to its address, or to the account's, if it was taken."""
        guide = self.message(Kind.GUIDE)
        if guide is None or self.standing not in _GUIDE_CAME_BACK:
            return None
        since = (mail for mail in self.facts.all_messages if _tries_address_again(mail, guide))
        newest = max(since, key=_came_out_at, default=None)
        return newest if newest is not None and newest.status is Status.SENT else None

    def _moved_since(self, mails: Iterable[MessageFacts], *, in_reach: bool = True) -> bool:
        changed = self.message(Kind.ADDRESS_CHANGED)
        if changed is None or (changed.status in _TAKES_NO_MAIL) is in_reach or self._is_withdrawn(changed):
            return False
        return all(mail.created_at < changed.created_at for mail in mails)

    def _is_withdrawn(self, changed: MessageFacts) -> bool:
        """A notice alone is taken back with what it says; of a request that was carried out, it is the notice only."""
        carried_out = any(change.notice == changed.id for change in self.facts.changes)
        return changed.status is Status.CANCELLED and not carried_out

    def _told_of_account(self) -> Iterable[MessageFacts]:
        """An application that brought no account leaves that of an earlier guide, or one of which no mail is known."""
        earlier = self.reading.earlier_guide
        if self.standing not in BRINGS_ACCOUNT and earlier is not None:
            return [earlier]
        if self.application is None or self.standing in UNDER_WAY:
            return []
        return [mail for mail in self.application.messages if mail.kind in BY_TABLE]

    @property
    def issued_until(self) -> date | None:
        """The end of the usual time, from approval, or from the application where that is not known (rule 61).

        Where that is a closed day, the business day after it.
        """
        if self.application is None:
            return None
        start = self.application.approved_on or self.application.received_on
        return self.prefecture.next_open(start + timedelta(weeks=self.prefecture.issue_weeks[1]))

    @property
    def trouble_on(self) -> date | None:
        """The first day of the trouble procedure, counted from the application (rule 64, contract section 8)."""
        if self.application is None:
            return None
        return self.application.received_on + timedelta(days=self.prefecture.trouble_day)

    @property
    def call_from(self) -> date | None:
        """The first business day from that day on, on which the desks can be called."""
        return None if self.trouble_on is None else self.prefecture.next_open(self.trouble_on)

    @property
    def long_overdue(self) -> bool:
        """Whether that day has come."""
        return self.trouble_on is not None and self.trouble_on <= self.today

    @property
    def planned_on(self) -> date | None:
        """The latest day for which a mail of the application is planned; None where none waits for its day."""
        mails = () if self.application is None else self.application.messages
        due = (mail.due_at for mail in mails if mail.kind in BY_TABLE and mail.waits_for_its_day)
        return max((tokyo_date(moment) for moment in due if moment is not None), default=None)

    @property
    def planned_late(self) -> bool:
        """Whether such a mail leaves only after the trouble procedure has begun."""
        planned, trouble = self.planned_on, self.trouble_on
        return planned is not None and trouble is not None and planned > trouble


def _came_out_at(mail: MessageFacts) -> datetime:
    return mail.sent_at or mail.status_at


def _tries_address_again(mail: MessageFacts, guide: MessageFacts) -> bool:
    same = mail.kind is Kind.PASSWORD_RESET or mail.email.lower() == guide.email.lower()
    came_out = mail.status in (Status.SENT, Status.UNDELIVERED)
    return same and came_out and mail.id != guide.id and _came_out_at(mail) >= guide.status_at


def open_case(
    facts: InstitutionFacts,
    prefecture: PrefectureFacts,
    today: date,
    symptom: Symptom | None = None,
    refused: Kind | None = None,
    *,
    issued_before: bool = False,
    refused_mail: MessageFacts | None = None,
    of: str | None = None,
) -> Case:
    """Read the facts, `of` one application where it is given by its id.

    Raises `WrongPrefecture` for the settings of another prefecture than the institution's.
    """
    if facts.prefecture is not None and prefecture.code != facts.prefecture:
        raise WrongPrefecture(facts.prefecture, prefecture.code)
    reading = read(facts, past_review=symptom in NOBODY_READS_THE_MAIL, of=of)
    return Case(facts, prefecture, today, reading, symptom, Desk.PREFECTURE, refused, issued_before, refused_mail)
