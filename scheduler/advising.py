"""The helpdesk's answers from what is on record: read models turned into facts for the rules (contract section 9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import partial
from typing import Any, Protocol

from config.prefectures import Prefecture, Prefectures
from core.clock import Clock
from core.jst import rfc3339, tokyo_date
from core.kinds import Account, InstitutionType, Kind, Route, Scheme
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import (
    ApplicationFacts,
    ChangeFacts,
    InstitutionFacts,
    MessageFacts,
    PrefectureFacts,
    ReportingFacts,
    ReportKey,
    ReportPeriod,
    SuppressionFacts,
)
from helpdesk.resend import issued_refusal, resend_refusal
from helpdesk.summary import summarise
from helpdesk.vocabulary import Desk, ReportStatus, Symptom
from helpdesk.wording import Texts
from scheduler.calendar import BusinessCalendar, OutsideCalendar
from scheduler.fields import LAST_DAY
from scheduler.reminders import ReminderRules
from store.address_changes import ChangeState
from store.engine import Database
from store.reading import EVERYTHING, AnyRow, Sight
from store.reading_institutions import InstitutionRecord, institution_record, prefecture_of
from store.reading_views import is_settled, message_view
from store.suppressions import BY_HAND

MAIL_FOLLOWED = "mail"
"""The decision of an account-issue from which mails followed; any other is the rule why none did."""


class PrefectureBook(Protocol):
    """What differs between prefectures."""

    def facts(self, code: str | None, scheme: Scheme, fiscal_year: int) -> PrefectureFacts:
        """What applies to an institution of this prefecture; the nation's where it is not known."""

    def period(self, code: str, scheme: Scheme, fiscal_year: int) -> ReportPeriod:
        """The reporting period of this prefecture."""

    def season_on(self, day: date, code: str | None, scheme: Scheme) -> int:
        """The fiscal year whose reporting period counts there on a day."""


class ConfiguredPrefectures:
    """The prefectures as people have configured them."""

    def __init__(
        self, prefectures: Prefectures, rules: ReminderRules, calendar: BusinessCalendar, sender_address: str
    ) -> None:
        self._prefectures = prefectures
        self._rules = rules
        self._calendar = calendar
        self._sender_address = sender_address

    def season_on(self, day: date, code: str | None, scheme: Scheme) -> int:
        """By the periods as configured."""
        return self._rules.season_on(day, scheme, code or "")

    def period(self, code: str, scheme: Scheme, fiscal_year: int) -> ReportPeriod:
        """From the data files."""
        configured = self._rules.period(scheme, code, fiscal_year)
        return ReportPeriod(configured.start, configured.end)

    def facts(self, code: str | None, scheme: Scheme, fiscal_year: int) -> PrefectureFacts:
        """From the data files. Where the prefecture is not known, neither is its reporting period (rules 66, 70)."""
        if code is not None:
            return self._known(self._prefectures[code], self.period(code, scheme, fiscal_year), fiscal_year)
        secretariat, sender_address = self._prefectures.secretariat, self._sender_address
        next_open = partial(_business_day_from, self._calendar, prefecture=None)
        return PrefectureFacts(None, None, None, secretariat, next_open=next_open, sender_address=sender_address)

    def _known(self, place: Prefecture, period: ReportPeriod, fiscal_year: int) -> PrefectureFacts:
        return PrefectureFacts(
            code=place.code,
            name=place.name,
            contact=place.contact,
            secretariat=self._prefectures.secretariat,
            desks={Symptom(symptom): Desk(desk) for symptom, desk in place.desks_in(fiscal_year).items()},
            issue_weeks=place.issue_weeks,
            trouble_day=place.trouble_day,
            address_change_weeks=place.address_change_weeks,
            paper_accepted=place.paper_accepted,
            insurance_prefix=place.insurance_prefix,
            period=period,
            next_open=partial(_business_day_from, self._calendar, prefecture=place.code),
            notice=place.notice,
            sender_address=self._sender_address,
        )


def _business_day_from(calendar: BusinessCalendar, day: date, *, prefecture: str | None) -> date:
    """The first business day on or after the day; the day itself where the calendar does not know it."""
    try:
        return calendar.next_open(day, prefecture)
    except OutsideCalendar:
        return day


class Advisor:
    """Answers the helpdesk's questions about one institution."""

    def __init__(
        self,
        db: Database,
        prefectures: PrefectureBook,
        clock: Clock,
        texts: Texts,
    ) -> None:
        self._db = db
        self._prefectures = prefectures
        self._clock = clock
        self._texts = texts

    async def visible(self, institution_code: str, sight: Sight) -> bool:
        """False for an institution of another prefecture; an unknown one is nobody's."""
        if sight.prefecture is None:
            return True
        async with self._db.read() as conn:
            return await prefecture_of(conn, institution_code) in (None, sight.prefecture)

    async def advise(
        self, symptom: Symptom, institution_code: str | None, prefecture: str | None = None
    ) -> dict[str, Any]:
        """The procedure for a caller's symptom. `prefecture` is where an institution that is not known is asked for."""
        facts, place = await self._facts(institution_code or "", prefecture)
        return advise(symptom, facts, place, self._today(), texts=self._texts).as_dict()

    async def issued(self, institution_code: str, application_id: str) -> dict[str, Any]:
        """The procedure for an institution of which this application was issued before."""
        facts, place = await self._facts(institution_code)
        refusal = issued_refusal(facts, place, self._today(), application_id=application_id, texts=self._texts)
        return refusal.as_dict()

    async def resend_refusal(self, kind: Kind, institution_code: str | None, message_id: str) -> dict[str, Any] | None:
        """What helps instead of sending this mail, of this kind, again; None where it may be sent again."""
        facts, place = await self._facts(institution_code or "")
        procedure = resend_refusal(kind, facts, place, self._today(), message_id=message_id, texts=self._texts)
        return None if procedure is None else procedure.as_dict()

    async def institution_view(self, code: str, sight: Sight, *, whole: bool) -> dict[str, Any] | None:
        """The institution with its applications and mails, what they come to, and what to tell a caller to whom
        nothing has arrived. None where there is no such institution in sight."""
        record = await self._record(code, sight)
        return None if record is None else self.view_of(record, Symptom.NOT_ARRIVED, whole=whole)

    def view_of(self, record: InstitutionRecord, symptom: Symptom, *, whole: bool) -> dict[str, Any]:
        """The same of a record that was read already, with the procedure for a symptom."""
        now = self._clock.now()
        facts = self._facts_of(record)
        place = self._place(facts.prefecture, _usual_scheme(facts))
        return _record_view(record, now, whole=whole) | {
            "summary": summarise(facts, place, self._today(), texts=self._texts),
            "procedure": advise(symptom, facts, place, self._today(), texts=self._texts).as_dict(),
        }

    def _today(self) -> date:
        return tokyo_date(self._clock.now())

    async def _facts(self, code: str, prefecture: str | None = None) -> tuple[InstitutionFacts, PrefectureFacts]:
        record = await self._record(code, EVERYTHING) if code else None
        facts = InstitutionFacts.unknown(code) if record is None else self._facts_of(record)
        return facts, self._place(facts.prefecture or prefecture, _usual_scheme(facts))

    def _facts_of(self, record: InstitutionRecord) -> InstitutionFacts:
        return institution_facts(record, self._clock.now(), self._reporting(record))

    def _reporting(self, record: InstitutionRecord) -> Iterator[ReportingFacts]:
        on_record = {_report_key(row): row for row in record.reporting}
        reminded = {_report_key(mail) for mail in record.messages if mail.kind == Kind.REMINDER}
        for key in {*on_record, *reminded}:
            yield self._report(key, on_record.get(key), record.institution.prefecture)

    def _report(self, key: ReportKey, row: AnyRow | None, prefecture: str) -> ReportingFacts:
        period = self._prefectures.period(prefecture, *key)
        current = self._prefectures.season_on(self._today(), prefecture, key.scheme) == key.fiscal_year
        if row is None:
            return ReportingFacts(key, period=period, current=current)
        status, on_paper = ReportStatus(row.status), row.channel == "paper"
        return ReportingFacts(key, status, row.as_of, row.last_year_data, period, current, on_paper)

    async def _record(self, code: str, sight: Sight) -> InstitutionRecord | None:
        async with self._db.read() as conn:
            return await institution_record(conn, code, sight)

    def _place(self, prefecture: str | None, scheme: Scheme) -> PrefectureFacts:
        season = self._prefectures.season_on(self._today(), prefecture, scheme)
        return self._prefectures.facts(prefecture, scheme, season)


def institution_facts(
    record: InstitutionRecord, now: datetime, reporting: Iterable[ReportingFacts]
) -> InstitutionFacts:
    """What the rules need to know of an institution and its reports."""
    institution = record.institution
    return InstitutionFacts(
        code=institution.code,
        name=institution.name,
        type=InstitutionType(institution.type),
        prefecture=institution.prefecture,
        applications=tuple(_application_facts(row, record, now) for row in record.applications),
        messages=_message_facts(_without_application(record), record, now),
        reporting=tuple(reporting),
        suppressed=tuple(SuppressionFacts(entry.email, entry.reason == BY_HAND) for entry in record.stopped),
        changes=tuple(map(_change_facts, record.changes)),
    )


def _change_facts(row: AnyRow) -> ChangeFacts:
    label = ChangeState(row.state).label
    return ChangeFacts(row.new_email, label, row.requested_at, (row.due_from, row.due_to), row.message_id)


def _application_facts(row: AnyRow, record: InstitutionRecord, now: datetime) -> ApplicationFacts:
    return ApplicationFacts(
        id=row.id,
        route=Route(row.route),
        account=None if row.account is None else Account(row.account),
        received_on=row.received_on,
        created_at=row.created_at,
        approved_on=_approved_on(row),
        decided_rule=None if row.decision == MAIL_FOLLOWED else row.decision,
        messages=_message_facts(_of_application(record, row.id), record, now),
    )


def _approved_on(row: AnyRow) -> date | None:
    """None also for a day beyond all years, which once was accepted and from which nothing can be counted."""
    return row.approved_on if row.approved_on is not None and row.approved_on <= LAST_DAY else None


def _of_application(record: InstitutionRecord, application_id: str) -> list[AnyRow]:
    return [mail for mail in record.messages if mail.application_id == application_id]


def _without_application(record: InstitutionRecord) -> list[AnyRow]:
    return [mail for mail in record.messages if mail.application_id is None]


def _message_facts(mails: Iterable[AnyRow], record: InstitutionRecord, now: datetime) -> tuple[MessageFacts, ...]:
    return tuple(
        MessageFacts(
            id=mail.id,
            kind=Kind(mail.kind),
            status=Status(mail.status),
            email=mail.email,
            created_at=mail.created_at,
            status_at=record.status_at[mail.id],
            settled=is_settled(mail, now),
            due_at=mail.due_at,
            sent_at=mail.sent_at,
            expires_at=mail.expires_at,
            reason=mail.reason,
            enhanced_code=mail.enhanced_code,
            last_answer=record.last_answer.get(mail.id),
            resend_of=mail.resend_of,
            report=_report_key(mail) if mail.kind == Kind.REMINDER else None,
        )
        for mail in mails
    )


def _report_key(row: AnyRow) -> ReportKey:
    return ReportKey(Scheme(row.scheme), row.fiscal_year)


def _usual_scheme(facts: InstitutionFacts) -> Scheme:
    """What it reports under by its type; another one where that is the only one it is heard of with."""
    by_type = Scheme.default_for(facts.type or InstitutionType.HOSPITAL)
    heard_of = {report.key.scheme for report in facts.reporting if report.current}
    return by_type if by_type in heard_of or not heard_of else min(heard_of)


def _record_view(record: InstitutionRecord, now: datetime, *, whole: bool) -> dict[str, Any]:
    institution = record.institution
    return {
        "institution": {
            "code": institution.code,
            "name": institution.name,
            "type": institution.type,
            "prefecture": institution.prefecture,
        },
        "applications": [
            _application_view(row) | {"messages": _views(_of_application(record, row.id), now, whole=whole)}
            for row in reversed(record.applications)
        ],
        "messages": _views(_without_application(record), now, whole=whole),
        "reports": [_reporting_view(row) for row in record.reporting],
    }


def _views(mails: Iterable[AnyRow], now: datetime, *, whole: bool) -> list[dict[str, Any]]:
    return [message_view(mail, now, whole=whole) for mail in mails]


def _application_view(row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "route": row.route,
        "account": row.account,
        "received_on": row.received_on.isoformat(),
        "approved_on": None if row.approved_on is None else row.approved_on.isoformat(),
        "created_at": rfc3339(row.created_at),
        "decision": row.decision,
    }


def _reporting_view(row: AnyRow) -> dict[str, Any]:
    return {
        "fiscal_year": row.fiscal_year,
        "scheme": row.scheme,
        "status": row.status,
        "as_of": rfc3339(row.as_of),
        "channel": row.channel,
        "last_year_data": row.last_year_data,
    }
