"""What a caller is told of a change of address: of a request on record, and of the notice of one that is done."""

from __future__ import annotations

from datetime import date

from core.jst import tokyo_date
from core.kinds import Kind
from core.statuses import Status
from helpdesk.case import Case
from helpdesk.dates import day_text


def notice_text(case: Case) -> str | None:
    """1月4日（月）に変更後のメールアドレスへお知らせする予定です, and so on by the notice's state."""
    notice = case.message(Kind.ADDRESS_CHANGED)
    if notice is None:
        return None
    if notice.status is Status.SENT:
        sent_on = tokyo_date(notice.sent_at or notice.status_at)
        return f"{day_text(sent_on, case.today)}に変更後のメールアドレスへお知らせしています"
    if notice.waits_for_its_day and notice.due_at is not None:
        due_on = tokyo_date(notice.due_at)
        return f"{day_text(due_on, case.today)}に変更後のメールアドレスへお知らせする予定です"
    return f"変更後のメールアドレスへのお知らせは「{notice.status.label(settled=notice.settled)}」となっています"


def requested_on(case: Case) -> date | None:
    """When the open request was made."""
    return None if case.change_open is None else tokyo_date(case.change_open.requested_at)


def expected_text(case: Case) -> str | None:
    """1月12日（火）から1月18日（月）まで, or 1月12日（火） where both are the same."""
    if case.change_open is None:
        return None
    first, last = (day_text(day, case.today) for day in case.change_open.due)
    return first if first == last else f"{first}から{last}まで"
