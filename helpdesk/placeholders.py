"""What stands in braces in the texts: how it is filled, and which conditions see to it that it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from core.era import date_text
from core.jst import tokyo_date
from core.kinds import InstitutionType, Kind, Scheme
from core.statuses import Status
from helpdesk.case import Case
from helpdesk.changes import expected_text, notice_text, requested_on
from helpdesk.copies import SENT_AGAIN
from helpdesk.dates import day_text, span_text, weeks_text
from helpdesk.desks import contact_of, contact_text, desk_for
from helpdesk.facts import ChangeFacts, MessageFacts
from helpdesk.registered import registered_mail
from helpdesk.reports import ended_text, ends_text, reminders_text, report_behind, starts_text, states_text
from helpdesk.vocabulary import Desk, Symptom

Fill: TypeAlias = Callable[[Case], str | None]


_SOME_PREFECTURE = "所在地の都道府県窓口（連絡先は、都道府県からのお知らせ等でご確認ください）"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`fill` gives None where the fact is missing; each condition in `given_by` rules that out.

    Without conditions it is always there.
    """

    fill: Fill
    given_by: frozenset[str] = frozenset()


def _day(pick: Callable[[Case], date | None]) -> Fill:
    def fill(case: Case) -> str | None:
        day = pick(case)
        return None if day is None else day_text(day, case.today)

    return fill


def _of_message(kind: Kind, pick: Callable[[MessageFacts, date], str | None], *, again: bool = False) -> Fill:
    def fill(case: Case) -> str | None:
        message = case.again(kind) if again else case.message(kind)
        return None if message is None else pick(message, case.today)

    return fill


def _moment(moment: datetime | None, today: date) -> str | None:
    return None if moment is None else day_text(tokyo_date(moment), today)


def _came_to_it_on(message: MessageFacts, today: date) -> str | None:
    """The day of its status; of one that expired that on which its time was over, whenever that was noticed."""
    expired = message.status is Status.EXPIRED
    return _moment((message.expires_at if expired else None) or message.status_at, today)


def _message_placeholders(kind: Kind) -> dict[str, Placeholder]:
    name = kind.value.replace("-", "_")
    always = frozenset(
        f"{kind}-{word}" for word in (*Status, "exists", "unsent", "dropped", "due-known", "mailbox-full")
    )
    sent = frozenset({f"{kind}-{Status.SENT}"})
    return {
        f"{name}_email": Placeholder(_of_message(kind, lambda m, _: m.email_masked), always),
        f"{name}_label": Placeholder(_of_message(kind, lambda m, _: m.status.label(settled=m.settled)), always),
        f"{name}_on": Placeholder(_of_message(kind, _came_to_it_on), always),
        f"{name}_sent_on": Placeholder(
            _of_message(kind, lambda m, today: _moment(m.sent_at or m.status_at, today)),
            sent,
        ),
        f"{name}_due_on": Placeholder(
            _of_message(kind, lambda m, today: _moment(m.due_at, today)),
            frozenset({f"{kind}-due-known"}),
        ),
    }


def _again_placeholders(kind: Kind) -> dict[str, Placeholder]:
    name = kind.value.replace("-", "_") + "_again"
    due_known = frozenset({f"{kind}-again-due-known"})
    given_by = due_known | {f"{kind}-again"}
    due_on = _of_message(kind, lambda m, today: _moment(m.due_at, today), again=True)
    return {
        f"{name}_email": Placeholder(_of_message(kind, lambda m, _: m.email_masked, again=True), given_by),
        f"{name}_label": Placeholder(
            _of_message(kind, lambda m, _: m.status.label(settled=m.settled), again=True), given_by
        ),
        f"{name}_due_on": Placeholder(due_on, due_known),
    }


def _contact(desk: Desk, case: Case) -> str:
    """How the desk is reached. An unknown prefecture's is named without; a code is the secretariat's matter."""
    if desk is Desk.PREFECTURE and case.prefecture.code is None and case.refused is not Kind.CODE:
        return _SOME_PREFECTURE
    return contact_text(contact_of(desk, case.prefecture))


def _registered_email(case: Case) -> str | None:
    mail = registered_mail(case.facts)
    return None if mail is None else mail.email_masked


def _received_on(case: Case) -> date | None:
    return None if case.application is None else case.application.received_on


def _approved_on(case: Case) -> date | None:
    return None if case.application is None else case.application.approved_on


def _newer_received_on(case: Case) -> date | None:
    return None if case.reading.newer is None else case.reading.newer.received_on


def _guide_sent_on(pick: Callable[[Case], MessageFacts | None]) -> Fill:
    def fill(case: Case) -> date | None:
        guide = pick(case)
        return None if guide is None else tokyo_date(guide.sent_at or guide.status_at)

    return _day(fill)


def _guide_email(pick: Callable[[Case], MessageFacts | None]) -> Fill:
    def fill(case: Case) -> str | None:
        guide = pick(case)
        return None if guide is None else guide.email_masked

    return fill


def _of_change(pick: Callable[[ChangeFacts], str]) -> Fill:
    return lambda case: None if case.change_open is None else pick(case.change_open)


def _taken_since(pick: Callable[[MessageFacts, date], str | None]) -> Placeholder:
    def fill(case: Case) -> str | None:
        return None if case.taken_since is None else pick(case.taken_since, case.today)

    return Placeholder(fill, frozenset({"mail-taken-since"}))


def _guide_expires_on(case: Case) -> date | None:
    guide = case.message(Kind.GUIDE)
    return None if guide is None or guide.expires_at is None else tokyo_date(guide.expires_at)


def _period_start(case: Case) -> str | None:
    return None if case.prefecture.period is None else date_text(case.prefecture.period.start)


def _period_end(case: Case) -> str | None:
    return None if case.prefecture.period is None else date_text(case.prefecture.period.end)


def _report_as_of(case: Case) -> date | None:
    report = report_behind(case)
    return None if report is None or report.as_of is None else tokyo_date(report.as_of)


def _scheme(case: Case) -> str:
    return Scheme.default_for(case.facts.type or InstitutionType.HOSPITAL).label


def _login_id_desk(case: Case) -> Desk:
    return desk_for(Symptom.UNKNOWN_LOGIN_ID, case.prefecture)


_APPLIED = frozenset(
    {
        "applied",
        "approved",
        "before-trouble-day",
        "from-trouble-day",
        "past-usual-time",
        "route-self",
        "route-prefecture",
    }
)
_PERIOD = frozenset({"period-known", "before-period", "in-period", "after-period"})
_REPORTING = frozenset({"report-not-started", "report-in-progress", "report-reported"})
_NEWER = frozenset({"newer-application", "newer-rejected", "newer-in-review", "newer-account"})
_NEWER_GUIDE = frozenset({"newer-guide-sent"})
_EARLIER = frozenset({"earlier-guide"})
_CHANGED = frozenset({"account-moved", "moved-out-of-reach", f"{Kind.ADDRESS_CHANGED}-exists"})
_CHANGE_OPEN = frozenset({"change-open"})

_BY_KIND = {name: placeholder for kind in Kind for name, placeholder in _message_placeholders(kind).items()}
_AGAIN = {name: placeholder for kind in SENT_AGAIN for name, placeholder in _again_placeholders(kind).items()}

PLACEHOLDERS: Mapping[str, Placeholder] = {
    "contact": Placeholder(lambda case: _contact(case.desk, case)),
    "secretariat": Placeholder(lambda case: contact_text(case.prefecture.secretariat)),
    "prefecture_contact": Placeholder(lambda case: _contact(Desk.PREFECTURE, case)),
    "login_id_desk": Placeholder(lambda case: _login_id_desk(case).label),
    "login_id_contact": Placeholder(lambda case: _contact(_login_id_desk(case), case)),
    "sender_address": Placeholder(lambda case: case.prefecture.sender_address),
    "scheme": Placeholder(_scheme),
    "issue_weeks": Placeholder(lambda case: weeks_text(case.prefecture.issue_weeks)),
    "address_change_weeks": Placeholder(lambda case: weeks_text(case.prefecture.address_change_weeks)),
    "trouble_span": Placeholder(lambda case: span_text(case.prefecture.trouble_day)),
    "institution_name": Placeholder(lambda case: case.facts.name, frozenset({"institution-known"})),
    "prefecture_name": Placeholder(lambda case: case.prefecture.name, frozenset({"prefecture-known"})),
    "institution_code": Placeholder(
        lambda case: case.facts.code or None, frozenset({"code-given", "institution-known", "applied"})
    ),
    "received_on": Placeholder(_day(_received_on), _APPLIED),
    "issued_until_on": Placeholder(_day(lambda case: case.issued_until), _APPLIED),
    "trouble_on": Placeholder(_day(lambda case: case.trouble_on), _APPLIED),
    "call_from_on": Placeholder(_day(lambda case: case.call_from), _APPLIED),
    "planned_on": Placeholder(_day(lambda case: case.planned_on), frozenset({"planned-late"})),
    "approved_on": Placeholder(_day(_approved_on), frozenset({"approved"})),
    "newer_received_on": Placeholder(_day(_newer_received_on), _NEWER),
    "earlier_guide_sent_on": Placeholder(_guide_sent_on(lambda case: case.reading.earlier_guide), _EARLIER),
    "earlier_guide_email": Placeholder(_guide_email(lambda case: case.reading.earlier_guide), _EARLIER),
    "newer_guide_sent_on": Placeholder(_guide_sent_on(lambda case: case.reading.newer_guide), _NEWER_GUIDE),
    "newer_guide_email": Placeholder(_guide_email(lambda case: case.reading.newer_guide), _NEWER_GUIDE),
    "guide_expires_on": Placeholder(_day(_guide_expires_on), frozenset({"guide-link-expired", "guide-too-late"})),
    "period_start_on": Placeholder(_period_start, _PERIOD),
    "period_end_on": Placeholder(_period_end, _PERIOD),
    "report_as_of_on": Placeholder(_day(_report_as_of), _REPORTING),
    "report_states": Placeholder(states_text, _REPORTING | {"report-known"}),
    "report_start_on": Placeholder(starts_text, frozenset({"report-before-period"})),
    "report_end_on": Placeholder(ends_text, frozenset({"report-in-period"})),
    "report_ended_on": Placeholder(ended_text, frozenset({"report-after-period"})),
    "reminders_sent": Placeholder(reminders_text, frozenset({"reminded"})),
    "address_changed_notice": Placeholder(notice_text, _CHANGED),
    "change_requested_on": Placeholder(_day(requested_on), _CHANGE_OPEN),
    "change_email": Placeholder(_of_change(lambda change: change.email_masked), _CHANGE_OPEN),
    "change_label": Placeholder(_of_change(lambda change: change.label), _CHANGE_OPEN),
    "change_expected_on": Placeholder(expected_text, _CHANGE_OPEN),
    "taken_mail": _taken_since(lambda m, _: m.kind.label),
    "taken_email": _taken_since(lambda m, _: m.email_masked),
    "taken_label": _taken_since(lambda m, _: m.status.label(settled=m.settled)),
    "taken_on": _taken_since(lambda m, today: _moment(m.sent_at or m.status_at, today)),
    "insurance_prefix": Placeholder(
        lambda case: case.prefecture.insurance_prefix,
        frozenset({"insurance-number-asked"}),
    ),
    "local_notice": Placeholder(lambda case: case.prefecture.notice, frozenset({"local-notice"})),
    "registered_email": Placeholder(
        _registered_email,
        frozenset({"registered-suppressed", "registered-undelivered"}),
    ),
    **_BY_KIND,
    **_AGAIN,
}
