"""What a caller about a reminder is told of: the reports that were reminded of, each with its own state.

An institution has a report for each scheme, and a reminder is of one of them (contract section 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from core.era import date_text
from core.jst import tokyo_date
from core.kinds import Scheme
from core.statuses import Status
from helpdesk.case import Case
from helpdesk.dates import day_text
from helpdesk.facts import MessageFacts, ReportingFacts, ReportKey, ReportPeriod
from helpdesk.vocabulary import ReportStatus

_MAY_HAVE_ARRIVED = (Status.SENT, Status.IN_DOUBT)
_FURTHEST_FROM_DONE_FIRST = (None, *ReportStatus)


def reports_told(case: Case) -> Sequence[ReportingFacts]:
    """The report of the reminder that somebody wants again; else those of this season that were reminded of.

    Where none was, all of this season that are on record; where there are none either, the last ones reminded of.
    """
    if case.refused_mail is not None:
        return [report for report in case.facts.reporting if report.key == case.refused_mail.report]
    current = [report for report in case.facts.reporting if report.current]
    reminded = _reminded(case, current) or current or _of_last_season(_reminded(case, case.facts.reporting))
    return sorted(reminded, key=lambda report: tuple(Scheme).index(report.key.scheme))


def last_reminders(case: Case) -> Sequence[MessageFacts]:
    """The last reminder of each of these reports that was sent, where one was; the very one that is wanted again."""
    found = (_last_reminder(case, report.key) for report in reports_told(case))
    return [mail for mail in found if mail is not None]


def report_behind(case: Case) -> ReportingFacts | None:
    """Of these reports the one that is furthest from being 報告済; None where there is none."""
    return min(reports_told(case), key=lambda report: _FURTHEST_FROM_DONE_FIRST.index(report.status), default=None)


def left_on_paper(case: Case) -> bool:
    """Whether what is left to do of these reports is done on paper, all of them where nothing is left (rule 7)."""
    return {report.on_paper for report in _open_first(case)} == {True}


def running_periods(case: Case) -> Sequence[tuple[ReportKey | None, ReportPeriod]]:
    """The reporting periods of these reports that run today; where there is no report, the usual one if it runs."""
    return [(key, period) for key, period in _periods(case, reports_told(case)) if _runs(period, case.today)]


def coming_periods(case: Case) -> Sequence[tuple[ReportKey | None, ReportPeriod]]:
    """The known reporting periods of what is left to do that are to begin; empty where one of them runs."""
    periods = _periods(case, _open_first(case))
    if any(_runs(period, case.today) for _, period in periods):
        return []
    return [(key, period) for key, period in periods if case.today < period.start]


def ended_periods(case: Case) -> Sequence[tuple[ReportKey | None, ReportPeriod]]:
    """The known reporting periods of what is left to do, if all of them are over; empty where one is not."""
    periods = _periods(case, _open_first(case))
    return periods if all(period.end < case.today for _, period in periods) else []


def states_text(case: Case) -> str | None:
    """医療機能情報提供制度は1月8日（金）時点で「報告済」, and so on for each report; one on paper is marked."""
    return "、".join(_state_text(report, case.today) for report in reports_told(case)) or None


def reminders_text(case: Case) -> str | None:
    """医療機能情報提供制度について1月5日（火）に s***@example.jp 宛, and so on for each reminder."""
    return "、".join(_reminder_text(mail, case.today) for mail in last_reminders(case)) or None


def starts_text(case: Case) -> str | None:
    """令和9年1月5日（火）, with the scheme before it where schemes start on different days."""
    return _days([(key, period.start) for key, period in coming_periods(case)])


def ends_text(case: Case) -> str | None:
    """The same of the ends of periods that run."""
    return _days([(key, period.end) for key, period in running_periods(case)])


def ended_text(case: Case) -> str | None:
    """The same of periods that are over."""
    return _days([(key, period.end) for key, period in ended_periods(case)])


def _reminded(case: Case, reports: Iterable[ReportingFacts]) -> Sequence[ReportingFacts]:
    return [report for report in reports if _last_reminder(case, report.key) is not None]


def _of_last_season(reports: Sequence[ReportingFacts]) -> Sequence[ReportingFacts]:
    last = max((report.key.fiscal_year for report in reports), default=None)
    return [report for report in reports if report.key.fiscal_year == last]


def _open_first(case: Case) -> Sequence[ReportingFacts]:
    """What is not 報告済 of these reports; all of them where nothing is left."""
    told = reports_told(case)
    return [report for report in told if report.status is not ReportStatus.REPORTED] or told


def _periods(case: Case, reports: Sequence[ReportingFacts]) -> Sequence[tuple[ReportKey | None, ReportPeriod]]:
    """The known periods of reports; without a report, the usual one."""
    told = [(report.key, report.period) for report in reports]
    periods: Iterable[tuple[ReportKey | None, ReportPeriod | None]] = told or [(None, case.prefecture.period)]
    return [(key, period) for key, period in periods if period is not None]


def _days(days: Sequence[tuple[ReportKey | None, date]]) -> str | None:
    if len({day for _, day in days}) > 1:
        return "、".join(f"{key.scheme.label}は{date_text(day)}" for key, day in days if key is not None)
    return next((date_text(day) for _, day in days), None)


def _last_reminder(case: Case, of: ReportKey) -> MessageFacts | None:
    mails = case.facts.all_messages if case.refused_mail is None else [case.refused_mail]
    left = [mail for mail in mails if mail.report == of and mail.status in _MAY_HAVE_ARRIVED]
    return max(left, key=lambda mail: mail.sent_at or mail.status_at, default=None)


def _runs(period: ReportPeriod, today: date) -> bool:
    return period.start <= today <= period.end


def _state_text(report: ReportingFacts, today: date) -> str:
    label = (report.status or ReportStatus.NOT_STARTED).label
    as_of = "" if report.as_of is None else f"{day_text(tokyo_date(report.as_of), today)}時点で"
    how = "（紙での報告）" if report.on_paper else ""
    return f"{report.key.scheme.label}{how}は{as_of}「{label}」"


def _reminder_text(mail: MessageFacts, today: date) -> str:
    sent_on = day_text(tokyo_date(mail.sent_at or mail.status_at), today)
    of = "" if mail.report is None else f"{mail.report.scheme.label}について"
    return f"{of}{sent_on}に {mail.email_masked} 宛"
