"""Which procedure a case gets: the symptom names it, the state of delivery may overrule it (contract section 9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from core.kinds import Kind
from helpdesk.case import NOBODY_READS_THE_MAIL, Case
from helpdesk.desks import desk_for
from helpdesk.reports import left_on_paper
from helpdesk.standing import BRINGS_ACCOUNT, UNDER_WAY, Standing
from helpdesk.vocabulary import Desk, ProcedureId, Symptom

_NAMED: Mapping[Symptom, ProcedureId] = {
    Symptom.MAILBOX_FULL: ProcedureId.FREE_MAILBOX,  # rules 82-85
    Symptom.IN_SPAM: ProcedureId.CHECK_SPAM_FOLDER,  # rules 86-88
    Symptom.PERSON_LEFT: ProcedureId.CHANGE_ADDRESS,  # rules 74, 89
    Symptom.CANNOT_VIEW: ProcedureId.CHANGE_ADDRESS,  # rules 81, 90
    Symptom.URL_UNREACHABLE: ProcedureId.CHECK_URL_ACCESS,  # rules 92-95
    Symptom.URL_SHOWS_LOGIN: ProcedureId.CHECK_URL_ACCESS,  # rules 103-105
    Symptom.LOST_GUIDE: ProcedureId.ASK_LOGIN_ID_AND_RESET_PASSWORD,  # rule 102
    Symptom.UNKNOWN_LOGIN_ID: ProcedureId.ASK_LOGIN_ID_AND_RESET_PASSWORD,  # rule 115
    Symptom.UNKNOWN_PASSWORD: ProcedureId.RESET_PASSWORD,  # rules 110-113, 157
    Symptom.RESET_MAIL_NOT_ARRIVED: ProcedureId.CONTACT_PREFECTURE,  # rule 112, where it answers for these itself
    Symptom.NO_PERMISSION: ProcedureId.CONFIRM_PERMISSION,  # rules 13, 37, 58
    Symptom.SSO_ERROR: ProcedureId.USE_LOGIN_URL,  # rules 139, 151
    Symptom.HOME_SCREEN_NOT_SHOWN: ProcedureId.ALLOW_POPUPS,  # rule 152
    Symptom.WHICH_SYSTEM: ProcedureId.CHOOSE_GMIS,  # rule 153
    Symptom.BUTTON_MISSING: ProcedureId.USE_REPORT_ACCOUNT,  # rule 155
    Symptom.UNKNOWN_INSTITUTION_CODE: ProcedureId.ASK_INSTITUTION_CODE,  # rule 142
    Symptom.WRONG_INSTITUTION_CODE: ProcedureId.REAPPLY,  # rules 99-100
    Symptom.NO_MAIL_ADDRESS: ProcedureId.GET_MAIL_ADDRESS,  # rule 8
}

_NOT_ARRIVED: Mapping[Standing, ProcedureId] = {
    Standing.REJECTED: ProcedureId.REAPPLY,  # rule 25
    Standing.REJECTED_ACCOUNT_EXISTS: ProcedureId.FIND_EXISTING_ACCOUNT,  # rules 14, 98
    Standing.ACCOUNT_KNOWN: ProcedureId.ASK_LOGIN_ID_AND_RESET_PASSWORD,
    Standing.NO_MAIL: ProcedureId.CONFIRM_PERMISSION,
    Standing.PRE_CHECK_UNDELIVERED: ProcedureId.REAPPLY,
    Standing.GUIDE_UNDELIVERED: ProcedureId.REAPPLY,
    Standing.GUIDE_MAILBOX_FULL: ProcedureId.REAPPLY,
    Standing.SPENT: ProcedureId.REAPPLY,
    Standing.GUIDE_SENT: ProcedureId.CHECK_SPAM_FOLDER,
    Standing.CONFIRM_SENT: ProcedureId.CONFIRM_PERMISSION,  # an account is there: no guide will come (rule 35)
    Standing.CONFIRM_FAILED: ProcedureId.CONFIRM_PERMISSION,
    Standing.NOTHING_KNOWN: ProcedureId.CONTACT_PREFECTURE,
    Standing.WITHDRAWN: ProcedureId.CONTACT_PREFECTURE,
}
"""Other standings: a matter of age."""

_NO_USABLE_ACCOUNT: Mapping[Standing, ProcedureId] = {
    Standing.PRE_CHECK_UNDELIVERED: ProcedureId.REAPPLY,
    Standing.GUIDE_UNDELIVERED: ProcedureId.REAPPLY,
    Standing.SPENT: ProcedureId.REAPPLY,
}
"""The registered address takes no mail: a password reset would not arrive either (rules 38, 73).

A full mailbox takes it once there is room (rule 85).
"""

_NOTHING_WILL_COME = frozenset(_NOT_ARRIVED) - {
    Standing.ACCOUNT_KNOWN,
    Standing.GUIDE_MAILBOX_FULL,
    Standing.GUIDE_SENT,
    Standing.CONFIRM_SENT,
    Standing.CONFIRM_FAILED,
    Standing.NOTHING_KNOWN,
}
"""Making room in the mailbox alone helps nobody here."""

_UNDELIVERED = (Standing.PRE_CHECK_UNDELIVERED, Standing.GUIDE_UNDELIVERED, Standing.GUIDE_MAILBOX_FULL)
"""Only a new application brings an account that can be opened (rules 60, 73, 80, 108)."""

_ABOUT_AN_ACCOUNT = frozenset({Symptom.LOST_GUIDE, Symptom.UNKNOWN_LOGIN_ID, Symptom.UNKNOWN_PASSWORD})

_OVERRULED: Mapping[Symptom, Mapping[Standing, ProcedureId]] = {
    Symptom.NOT_ARRIVED: _NOT_ARRIVED,
    Symptom.MAILBOX_FULL: {standing: _NOT_ARRIVED[standing] for standing in _NOTHING_WILL_COME},
    **dict.fromkeys(_ABOUT_AN_ACCOUNT, _NO_USABLE_ACCOUNT),
    **dict.fromkeys(NOBODY_READS_THE_MAIL, dict.fromkeys(_UNDELIVERED, ProcedureId.REAPPLY)),
}

_MOVED: Mapping[Symptom, ProcedureId] = {Symptom.NOT_ARRIVED: ProcedureId.ASK_LOGIN_ID_AND_RESET_PASSWORD}
"""A password reset reaches the new address (rules 65, 109); applying anew would bring no second account (rule 14)."""


def choose(symptom: Symptom, case: Case) -> ProcedureId:
    """The procedure for what the caller complains of."""
    return _by_desk(_chosen(symptom, case), symptom, case)


def _by_desk(chosen: ProcedureId, symptom: Symptom, case: Case) -> ProcedureId:
    """Where the secretariat answers the question, that is who is called (rules 112, 126)."""
    question = Symptom.NOT_ARRIVED if symptom is Symptom.MAILBOX_FULL else symptom  # they share these answers
    if chosen is ProcedureId.CONTACT_PREFECTURE and desk_for(question, case.prefecture) is Desk.SECRETARIAT:
        return ProcedureId.CONTACT_SECRETARIAT
    return chosen


def _chosen(symptom: Symptom, case: Case) -> ProcedureId:
    overruled = _OVERRULED.get(symptom, {}).get(case.standing)
    if case.guide_moved:
        overruled = _MOVED.get(symptom)
    if overruled is not None and not _asks_for_open_account(symptom, case):
        return overruled
    judged = _JUDGED.get(symptom)
    return judged(case) if judged is not None else _NAMED[symptom]


def _asks_for_open_account(symptom: Symptom, case: Case) -> bool:
    """It can be opened: that of an earlier guide, or one with another address by now, or whose address takes mail."""
    if symptom in _ABOUT_AN_ACCOUNT | {Symptom.MAILBOX_FULL} and case.taken_since is not None:
        return True
    known = case.reading.earlier_guide is not None or case.account_moved
    return symptom in _ABOUT_AN_ACCOUNT | NOBODY_READS_THE_MAIL and known


def _by_age(case: Case) -> ProcedureId:
    """Rule 64: the trouble procedure begins three weeks after the application."""
    return ProcedureId.CONTACT_PREFECTURE if case.long_overdue else ProcedureId.WAIT


def _by_period(case: Case) -> ProcedureId:
    """Rules 70, 156: within the period the one cause left is that last year's data are missing, whatever was told."""
    period = case.prefecture.period
    within = period is not None and period.start <= case.today <= period.end
    return ProcedureId.USE_NEW_REPORT if within else ProcedureId.CHECK_PERIOD


def _by_paper(case: Case) -> ProcedureId:
    """Rule 7: paper, where the prefecture takes it."""
    refused = case.prefecture.paper_accepted is False
    return ProcedureId.CONTACT_PREFECTURE if refused else ProcedureId.REPORT_ON_PAPER


def _by_channel(case: Case) -> ProcedureId:
    """Rules 7, 117-120: a report that is made on paper has no button to press."""
    return _by_paper(case) if left_on_paper(case) else ProcedureId.PRESS_REPORT_BUTTON


_JUDGED: Mapping[Symptom, Callable[[Case], ProcedureId]] = {
    Symptom.NOT_ARRIVED: _by_age,
    Symptom.REPORT_BUTTON_GREYED: _by_period,
    Symptom.NO_INTERNET: _by_paper,
    Symptom.REMINDED_THOUGH_REPORTED: _by_channel,
}

_INSTEAD_OF_GUIDE: Mapping[Standing, ProcedureId] = {
    **_NO_USABLE_ACCOUNT,
    Standing.WITHDRAWN: ProcedureId.REAPPLY,  # an application id is good for one account-issue
    Standing.REJECTED: ProcedureId.REAPPLY,
    Standing.REJECTED_ACCOUNT_EXISTS: ProcedureId.FIND_EXISTING_ACCOUNT,
    Standing.NO_MAIL: ProcedureId.CONFIRM_PERMISSION,
    Standing.CONFIRM_SENT: ProcedureId.CONFIRM_PERMISSION,
    Standing.CONFIRM_FAILED: ProcedureId.CONFIRM_PERMISSION,
    Standing.IN_REVIEW: ProcedureId.WAIT,
    Standing.WAITING: ProcedureId.WAIT,
    Standing.CONFIRM_WAITING: ProcedureId.WAIT,
}


def instead_of_guide(case: Case) -> ProcedureId:
    """What helps somebody who wants the guide a second time (rules 32, 85, 102)."""
    if case.guide_moved or case.taken_since is not None or _has_newer_account(case):
        return ProcedureId.ASK_LOGIN_ID_AND_RESET_PASSWORD
    return _INSTEAD_OF_GUIDE.get(case.standing, ProcedureId.ASK_LOGIN_ID_AND_RESET_PASSWORD)


def _has_newer_account(case: Case) -> bool:
    """Applying once more would bring none, as a later application told of an account (rule 14)."""
    return case.reading.newer_account and case.standing not in BRINGS_ACCOUNT | UNDER_WAY


def instead_of_resending(kind: Kind, case: Case) -> ProcedureId | None:
    """What helps instead of sending a mail of this kind again; None where that is allowed (contract section 4)."""
    match kind:
        case Kind.GUIDE:
            return instead_of_guide(case)
        case Kind.CODE | Kind.PRE_CHECK:
            return ProcedureId.REAPPLY
        case Kind.PASSWORD_RESET:
            return ProcedureId.RESET_PASSWORD
        case Kind.REMINDER:
            return ProcedureId.PRESS_REPORT_BUTTON
        case Kind.APPLICATION_COMPLETE | Kind.REJECTION | Kind.EXISTING_USER_CONFIRM | Kind.ADDRESS_CHANGED:
            return None
    assert_never(kind)
