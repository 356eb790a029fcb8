"""The named conditions under which a line of the texts is said. `texts/README.md` explains them to editors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import TypeAlias

from core.jobs import Note
from core.jst import tokyo_date
from core.kinds import Account, InstitutionType, Kind, Route
from core.statuses import Status
from helpdesk.case import NOBODY_READS_THE_MAIL, Case, open_case
from helpdesk.copies import SENT_AGAIN, UNSENT, weight
from helpdesk.decisions import choose
from helpdesk.desks import desk_for
from helpdesk.facts import ApplicationFacts, MessageFacts, ReportingFacts
from helpdesk.registered import registered_mail, registered_suppression
from helpdesk.reports import (
    coming_periods,
    ended_periods,
    last_reminders,
    left_on_paper,
    report_behind,
    reports_told,
    running_periods,
)
from helpdesk.standing import OF_THE_ACCOUNT, TELLS_OF_ACCOUNT, UNDER_WAY, Standing, guide_comes_too_late, standing_of
from helpdesk.vocabulary import Desk, ProcedureId, ReportStatus, Symptom

Predicate: TypeAlias = Callable[[Case], bool]

_MAY_BE_THERE = (Status.SENT, Status.UNDELIVERED, Status.IN_DOUBT)
_WITHOUT_ACCOUNT_MAIL = (
    Standing.IN_REVIEW,
    Standing.REJECTED,
    Standing.REJECTED_ACCOUNT_EXISTS,
    Standing.WAITING,
    Standing.PRE_CHECK_UNDELIVERED,
    Standing.SPENT,
    Standing.WITHDRAWN,
)
_ACCOUNT_EXISTS = TELLS_OF_ACCOUNT | {Standing.REJECTED_ACCOUNT_EXISTS}
_ASKED_FOR_INSURANCE_NUMBER = (InstitutionType.HOSPITAL, InstitutionType.CLINIC)  # rule 148


def _symptom(symptom: Symptom) -> Predicate:
    return lambda case: case.symptom is symptom


def _standing(standing: Standing) -> Predicate:
    return lambda case: case.standing is standing


def _refused(kind: Kind) -> Predicate:
    return lambda case: case.refused is kind


def _status(kind: Kind, status: Status) -> Predicate:
    def holds(case: Case) -> bool:
        message = case.message(kind)
        return message is not None and message.status is status

    return holds


def _exists(kind: Kind) -> Predicate:
    return lambda case: case.message(kind) is not None


def _unsent(kind: Kind) -> Predicate:
    def holds(case: Case) -> bool:
        message = case.message(kind)
        return message is not None and message.status in UNSENT

    return holds


def _dropped(kind: Kind) -> Predicate:
    def holds(case: Case) -> bool:
        message = case.message(kind)
        return message is not None and weight(message.status) == 0

    return holds


def _due_known(kind: Kind) -> Predicate:
    return lambda case: _has_day(case.message(kind))


def _again(kind: Kind) -> Predicate:
    return lambda case: case.again(kind) is not None


def _again_due_known(kind: Kind) -> Predicate:
    return lambda case: _has_day(case.again(kind))


def _has_day(message: MessageFacts | None) -> bool:
    return message is not None and message.waits_for_its_day


def _mailbox_full(kind: Kind) -> Predicate:
    def holds(case: Case) -> bool:
        message = case.message(kind)
        return message is not None and message.mailbox_full and message.status is not Status.SENT

    return holds


def _route(route: Route) -> Predicate:
    return lambda case: case.application is not None and case.application.route is route


def _decided(note: str) -> Predicate:
    return lambda case: case.application is not None and note in (case.application.decided_rule or "").split(",")


def _report_status(status: ReportStatus) -> Predicate:
    def holds(case: Case) -> bool:
        report = report_behind(case)
        return report is not None and report.status is status

    return holds


def _desk(desk: Desk) -> Predicate:
    return lambda case: case.desk is desk


def _login_id_desk(desk: Desk) -> Predicate:
    return lambda case: desk_for(Symptom.UNKNOWN_LOGIN_ID, case.prefecture) is desk


def _approved(case: Case) -> bool:
    return case.application is not None and case.application.approved_on is not None


def _had_account(case: Case) -> bool:
    return case.application is not None and case.application.account in (Account.UNPERMITTED, Account.PERMITTED)


def _guide_never_left(case: Case) -> bool:
    """The institution was sent no guide, and its application brought no other mail of an account either."""
    mails = chain(case.facts.messages, *(application.messages for application in case.facts.applications))
    left = any(mail.kind is Kind.GUIDE and mail.status in _MAY_BE_THERE for mail in mails)
    return case.standing in _WITHOUT_ACCOUNT_MAIL and not left


def _guide_link_expired(case: Case) -> bool:
    """Nobody has the link of a guide that never left or that came back."""
    guide = case.message(Kind.GUIDE)
    if guide is None or guide.status not in (Status.SENT, Status.IN_DOUBT) or guide.expires_at is None:
        return False
    return tokyo_date(guide.expires_at) < case.today


def _guide_too_late(case: Case) -> bool:
    return case.application is not None and guide_comes_too_late(case.application)


def _registered_undelivered(case: Case) -> bool:
    entry = registered_suppression(case.facts)
    return entry is not None and not entry.by_hand


def _address_changeable(case: Case) -> bool:
    """What a request to change the address is judged by: rules 60, 108."""
    asked = Symptom.PERSON_LEFT
    return choose(asked, open_case(case.facts, case.prefecture, case.today, asked)) is ProcedureId.CHANGE_ADDRESS


def _account_lost(case: Case) -> bool:
    """What somebody is told who wants into the account of a guide that came back."""
    asked = Symptom.UNKNOWN_PASSWORD
    return choose(asked, open_case(case.facts, case.prefecture, case.today, asked)) is ProcedureId.REAPPLY


def _account_on_record(case: Case) -> bool:
    """Whether a new application would bring no account, as there is one; of one that is lost, it would (rule 14)."""
    if any(_tells_of_account(application) for application in case.facts.applications):
        return True
    mailed = any(mail.kind in OF_THE_ACCOUNT for mail in case.facts.all_messages)
    used = mailed or case.taken_since is not None or any(map(_made_online, case.facts.reporting))
    return used and not _account_lost(case)


def _made_online(report: ReportingFacts) -> bool:
    return not report.on_paper and report.status in (ReportStatus.IN_PROGRESS, ReportStatus.REPORTED)


def _tells_of_account(application: ApplicationFacts) -> bool:
    had = application.account in (Account.UNPERMITTED, Account.PERMITTED)
    return had or standing_of(application) in TELLS_OF_ACCOUNT


def _refused_with_account(case: Case) -> bool:
    """A pre-check is not sent again, and a new application would bring no other: there is an account (rule 14)."""
    exists = case.standing in _ACCOUNT_EXISTS or case.reading.newer_account
    return case.refused is Kind.PRE_CHECK and exists


def _account_under_way(case: Case) -> bool:
    """The account's own address takes no mail, and the application that helps against it is not decided yet."""
    if case.standing not in UNDER_WAY or case.reading.account_exists_since:
        return False
    mail = registered_mail(case.facts)
    came_back = mail is not None and mail.kind is Kind.GUIDE and mail.status is Status.UNDELIVERED
    return came_back or not _address_changeable(case)


def _before_period(case: Case) -> bool:
    return case.prefecture.period is not None and case.today < case.prefecture.period.start


def _after_period(case: Case) -> bool:
    return case.prefecture.period is not None and case.today > case.prefecture.period.end


def _in_period(case: Case) -> bool:
    return case.prefecture.period is not None and not _before_period(case) and not _after_period(case)


def _no_last_year_data(case: Case) -> bool:
    return any(report.current and not report.last_year_data for report in case.facts.reporting)


def _insurance_number_asked(case: Case) -> bool:
    return case.prefecture.insurance_prefix is not None and case.facts.type in _ASKED_FOR_INSURANCE_NUMBER


def _prefecture_contact_missing(case: Case) -> bool:
    return case.desk is Desk.PREFECTURE and case.prefecture.contact is None


CONDITIONS: Mapping[str, Predicate] = {
    **{f"symptom-{symptom}": _symptom(symptom) for symptom in Symptom},
    **{f"standing-{standing}": _standing(standing) for standing in Standing},
    **{f"refused-{kind}": _refused(kind) for kind in Kind},
    **{f"{kind}-{status}": _status(kind, status) for kind in Kind for status in Status},
    **{f"{kind}-exists": _exists(kind) for kind in Kind},
    **{f"{kind}-unsent": _unsent(kind) for kind in Kind},
    **{f"{kind}-dropped": _dropped(kind) for kind in Kind},
    **{f"{kind}-due-known": _due_known(kind) for kind in Kind},
    **{f"{kind}-again": _again(kind) for kind in SENT_AGAIN},
    **{f"{kind}-again-due-known": _again_due_known(kind) for kind in SENT_AGAIN},
    **{f"{kind}-mailbox-full": _mailbox_full(kind) for kind in Kind},
    **{f"route-{route}": _route(route) for route in Route},
    **{f"report-{status}": _report_status(status) for status in ReportStatus},
    "report-known": lambda case: bool(reports_told(case)),
    "report-in-period": lambda case: bool(running_periods(case)),
    "report-before-period": lambda case: bool(coming_periods(case)),
    "report-after-period": lambda case: bool(ended_periods(case)),
    "left-on-paper": left_on_paper,
    "reminded": lambda case: bool(last_reminders(case)),
    **{f"desk-{desk}": _desk(desk) for desk in Desk},
    **{f"login-id-at-{desk}": _login_id_desk(desk) for desk in Desk},
    Note.NO_MAIL_PERMITTED: _decided(Note.NO_MAIL_PERMITTED),
    Note.NO_MAIL_PREFECTURE_TELLS: _decided(Note.NO_MAIL_PREFECTURE_TELLS),
    "code-given": lambda case: case.facts.code != "",
    "institution-known": lambda case: case.facts.known and case.facts.name is not None,
    "prefecture-known": lambda case: case.prefecture.name is not None,
    "applied": lambda case: case.application is not None,
    "approved": _approved,
    "had-account": _had_account,
    "before-trouble-day": lambda case: case.application is not None and not case.long_overdue,
    "from-trouble-day": lambda case: case.long_overdue,
    "trouble-day-closed": lambda case: case.call_from != case.trouble_on,
    "planned-late": lambda case: case.planned_late,
    "past-usual-time": lambda case: case.issued_until is not None and case.issued_until < case.today,
    "issued-before": lambda case: case.issued_before,
    "account-moved": lambda case: case.account_moved,
    "moved-out-of-reach": lambda case: case.moved_out_of_reach,
    "change-open": lambda case: case.change_open is not None,
    "nobody-reads": lambda case: case.symptom in NOBODY_READS_THE_MAIL,
    "account-lost": _account_lost,
    "account-on-record": _account_on_record,
    "account-under-way": _account_under_way,
    "refused-with-account": _refused_with_account,
    "mail-taken-since": lambda case: case.taken_since is not None,
    "newer-application": lambda case: case.reading.newer is not None,
    "newer-rejected": lambda case: case.reading.newer_rejected,
    "newer-in-review": lambda case: case.reading.newer_in_review,
    "newer-account": lambda case: case.reading.newer_account,
    "newer-guide-sent": lambda case: case.reading.newer_guide is not None,
    "newer-account-exists": lambda case: case.reading.account_exists_since,
    "guide-never-left": _guide_never_left,
    "no-mail-on-paper": lambda case: case.standing is Standing.NOTHING_KNOWN and case.facts.on_paper,
    "on-paper": lambda case: case.facts.on_paper,
    "earlier-guide": lambda case: case.reading.earlier_guide is not None,
    "guide-link-expired": _guide_link_expired,
    "guide-too-late": _guide_too_late,
    "registered-suppressed": lambda case: registered_suppression(case.facts) is not None,
    "registered-undelivered": _registered_undelivered,
    "address-changeable": _address_changeable,
    "pharmacy": lambda case: case.facts.type is InstitutionType.PHARMACY,
    "period-known": lambda case: case.prefecture.period is not None,
    "before-period": _before_period,
    "in-period": _in_period,
    "after-period": _after_period,
    "no-last-year-data": _no_last_year_data,
    "paper-refused": lambda case: case.prefecture.paper_accepted is False,
    "insurance-number-asked": _insurance_number_asked,
    "prefecture-contact-missing": _prefecture_contact_missing,
    "local-notice": lambda case: case.prefecture.notice is not None,
}

_SAYS: Mapping[Standing, str] = {
    Standing.GUIDE_SENT: "guide-sent",
    Standing.GUIDE_UNDELIVERED: "guide-undelivered",
    Standing.GUIDE_MAILBOX_FULL: "guide-undelivered",
    Standing.GUIDE_IN_DOUBT: "guide-in-doubt",
    Standing.CONFIRM_SENT: "existing-user-confirm-sent",
    Standing.CONFIRM_WAITING: "existing-user-confirm-exists",
    Standing.CONFIRM_FAILED: "existing-user-confirm-exists",
}

IMPLIED: Mapping[str, frozenset[str]] = {
    "account-moved": frozenset({"address-changed-exists"}),
    "moved-out-of-reach": frozenset({"address-changed-exists"}),
    "account-under-way": frozenset({"applied"}),
    "mail-taken-since": frozenset({"guide-undelivered"}),
    "newer-guide-sent": frozenset({"newer-account"}),
} | {
    f"standing-{standing}": frozenset({"applied", _SAYS[standing]} if standing in _SAYS else {"applied"})
    for standing in Standing
    if standing is not Standing.NOTHING_KNOWN
}
"""What holds besides, where a condition holds."""
