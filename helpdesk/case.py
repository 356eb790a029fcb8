"""One call: everything that decides which procedure is told, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from core.kinds import Kind
from core.statuses import Status
from helpdesk.copies import Told, told
from helpdesk.facts import ApplicationFacts, InstitutionFacts, MessageFacts, PrefectureFacts, WrongPrefecture
from helpdesk.standing import Reading, Standing, read
from helpdesk.vocabulary import Desk, Symptom

NOBODY_READS_THE_MAIL = frozenset({Symptom.PERSON_LEFT, Symptom.CANNOT_VIEW})
"""Asked of an account that was to be issued: an application that is still in review has no say (rules 79-81)."""


@dataclass(frozen=True, slots=True)
class Case:
    """The facts of a call, read. `desk` is the one that the chosen procedure names.

    `refused` is the kind of a mail that somebody wanted to send again, `refused_mail` a reminder among them,
    `issued_before` an account-issue that was published twice.
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
        own = None if self.application is None else told(self.application.messages, kind)
        return own or told(self.facts.messages, kind)

    @property
    def account_moved(self) -> bool:
        """Whether the guide came back from an address in whose place another was registered after it had left."""
        if self.standing not in (Standing.GUIDE_UNDELIVERED, Standing.GUIDE_MAILBOX_FULL):
            return False
        guide, changed = self.message(Kind.GUIDE), self.message(Kind.ADDRESS_CHANGED)
        if guide is None or changed is None:
            return False
        return changed.status is Status.SENT and changed.created_at > guide.created_at

    @property
    def trouble_on(self) -> date | None:
        """The first day of the trouble procedure, counted from the application (rule 64, contract section 8)."""
        if self.application is None:
            return None
        return self.application.received_on + timedelta(days=self.prefecture.trouble_day)

    @property
    def long_overdue(self) -> bool:
        """Whether that day has come."""
        return self.trouble_on is not None and self.trouble_on <= self.today


def open_case(
    facts: InstitutionFacts,
    prefecture: PrefectureFacts,
    today: date,
    symptom: Symptom | None = None,
    refused: Kind | None = None,
    *,
    issued_before: bool = False,
    refused_mail: MessageFacts | None = None,
) -> Case:
    """Read the facts. Raises `WrongPrefecture` for the settings of another prefecture than the institution's."""
    if facts.prefecture is not None and prefecture.code != facts.prefecture:
        raise WrongPrefecture(facts.prefecture, prefecture.code)
    reading = read(facts, past_review=symptom in NOBODY_READS_THE_MAIL)
    return Case(facts, prefecture, today, reading, symptom, Desk.PREFECTURE, refused, issued_before, refused_mail)
