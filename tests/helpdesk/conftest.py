"""A small world to call the helpdesk from: makers of facts, and the whole table of delivery states."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import product
from typing import NamedTuple

import pytest

from core.jst import TOKYO
from core.kinds import Account, InstitutionType, Kind, Route, Scheme
from core.mail import Contact
from core.statuses import Status
from helpdesk.facts import (
    ApplicationFacts,
    InstitutionFacts,
    MessageFacts,
    PrefectureFacts,
    ReportingFacts,
    ReportKey,
    ReportPeriod,
)
from helpdesk.vocabulary import Desk, ReportStatus, Symptom

RECEIVED = date(2026, 12, 1)


class State(NamedTuple):
    """One row of the table: the raw statuses, None for a mail that was never planned."""

    pre_check: Status | None
    guide: Status | None
    guide_reason: str | None
    confirm: Status | None
    rejection: Status | None
    decided: str | None
    route: Route
    account: Account | None


def _states() -> Iterator[State]:
    statuses = [None, *Status]
    guides = [(status, "userunknown" if status is Status.UNDELIVERED else None) for status in statuses]
    guides += [(Status.UNDELIVERED, "mailboxfull"), (Status.DEFERRED, "mailboxfull")]
    for pre_check, guide, route in product(statuses, guides, Route):
        yield State(pre_check, guide[0], _gate_reason(pre_check, guide), None, None, None, route, Account.NONE)
    for confirm, account in product(Status, (Account.UNPERMITTED, Account.PERMITTED)):
        yield State(None, None, None, confirm, None, None, Route.SELF, account)
    for rejection, account in product(Status, (None, *Account)):
        yield State(None, None, None, None, rejection, None, Route.SELF, account)
    yield State(None, None, None, None, None, "no-mail-permitted", Route.SELF, Account.PERMITTED)
    for account in (Account.UNPERMITTED, Account.PERMITTED):
        yield State(None, None, None, None, None, "no-mail-prefecture-tells", Route.PREFECTURE, account)


def _gate_reason(pre_check: Status | None, guide: tuple[Status | None, str | None]) -> str | None:
    """A closed gate cancels the guide and says why (contract section 1)."""
    closed = pre_check in (Status.UNDELIVERED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED)
    return f"pre-check-{pre_check}" if closed and guide[0] is Status.CANCELLED else guide[1]


class World:
    """Makers of facts. Yamaguchi is from the sources; the other prefecture is fictional."""

    received = RECEIVED
    secretariat = Contact("厚生労働省 G-MIS事務局", "050-3355-8230", "helpdesk@gmis.mhlw.go.jp")
    yamaguchi_contact = Contact("山口県医療政策課", "083-933-2924", "a11700@pref.yamaguchi.lg.jp")
    other_contact = Contact("架空県医療課", "099-000-0000", "iryo@pref.kakuu.example.jp")
    period = ReportPeriod(date(2027, 1, 5), date(2027, 3, 31))

    def moment(self, day: date, hour: int = 9) -> datetime:
        return datetime(day.year, day.month, day.day, hour, tzinfo=TOKYO)

    def day(self, age: int) -> date:
        """The day on which the application is `age` days old."""
        return RECEIVED + timedelta(days=age)

    def message(self, kind: Kind, status: Status, **changes) -> MessageFacts:
        facts = {
            "id": f"m-{kind}",
            "kind": kind,
            "status": status,
            "email": "soumu@minato-hp.example.jp",
            "created_at": self.moment(RECEIVED),
            "status_at": self.moment(date(2026, 12, 28)),
            "due_at": self.moment(date(2026, 12, 25)) if status is Status.SCHEDULED else None,
            "sent_at": self.moment(date(2026, 12, 25)) if status is Status.SENT else None,
        }
        return MessageFacts(**facts | changes)

    def application(self, *messages: MessageFacts, **changes) -> ApplicationFacts:
        facts = {
            "id": "A-1001",
            "route": Route.SELF,
            "account": Account.NONE,
            "received_on": RECEIVED,
            "created_at": self.moment(RECEIVED),
        }
        return ApplicationFacts(**facts | changes, messages=messages)

    def institution(self, *applications: ApplicationFacts, **changes) -> InstitutionFacts:
        facts = {
            "code": "3510012345",
            "name": "周南みなと病院",
            "type": InstitutionType.HOSPITAL,
            "prefecture": "35",
        }
        return InstitutionFacts(**facts | changes, applications=applications)

    def report(self, scheme: Scheme = Scheme.MEDICAL_FUNCTION, **changes) -> ReportingFacts:
        facts = {
            "key": ReportKey(scheme, 2026),
            "status": ReportStatus.NOT_STARTED,
            "as_of": self.moment(date(2027, 1, 8)),
            "period": self.period,
        }
        return ReportingFacts(**facts | changes)

    def yamaguchi(self, **changes) -> PrefectureFacts:
        facts = {
            "code": "35",
            "name": "山口県",
            "contact": self.yamaguchi_contact,
            "secretariat": self.secretariat,
            "desks": {Symptom.UNKNOWN_LOGIN_ID: Desk.SECRETARIAT},
            "insurance_prefix": "351",
            "period": self.period,
        }
        return PrefectureFacts(**facts | changes)

    def elsewhere(self, **changes) -> PrefectureFacts:
        facts = {"code": "99", "name": "架空県", "contact": self.other_contact, "secretariat": self.secretariat}
        return PrefectureFacts(**facts | changes)

    def nowhere(self) -> PrefectureFacts:
        """The settings for an institution whose prefecture is not known."""
        return PrefectureFacts(None, None, None, self.secretariat)

    def states(self) -> list[State]:
        """Every delivery state of pre-check, guide, confirmation and rejection, on every route."""
        return list(_states())

    def in_state(self, state: State) -> InstitutionFacts:
        """An institution with one application in that state."""
        reasons = {Kind.GUIDE: state.guide_reason}
        mails = {
            Kind.PRE_CHECK: state.pre_check,
            Kind.GUIDE: state.guide,
            Kind.EXISTING_USER_CONFIRM: state.confirm,
            Kind.REJECTION: state.rejection,
        }
        messages = [self.message(kind, status, reason=reasons.get(kind)) for kind, status in mails.items() if status]
        application = self.application(
            *messages,
            route=state.route,
            account=state.account,
            decided_rule=state.decided,
        )
        return self.institution(application)


@pytest.fixture(scope="session")
def world() -> World:
    return World()
