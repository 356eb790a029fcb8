"""Who may call what (contract section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto

from store.people import Role


class Call(StrEnum):
    """Groups of calls that a role may use or not."""

    PUBLISH_JOBS = auto()
    READ_JOBS = auto()
    CANCEL_JOBS = auto()
    SET_REPORTS = auto()
    PLAN = auto()
    READ_MESSAGES = auto()
    COMMAND_MESSAGES = auto()
    ADVISE = auto()
    ADDRESS_CHANGES = auto()
    SUPPRESSIONS = auto()
    UNMATCHED_REPORTS = auto()
    AUDIT = auto()


_OF_A_PREFECTURE = frozenset(
    {
        Call.READ_JOBS,
        Call.PLAN,
        Call.READ_MESSAGES,
        Call.COMMAND_MESSAGES,
        Call.ADVISE,
        Call.ADDRESS_CHANGES,
        Call.SUPPRESSIONS,
    },
)

GRANTS: Mapping[Role, frozenset[Call]] = {
    Role.PUBLISHER: frozenset(
        {Call.PUBLISH_JOBS, Call.READ_JOBS, Call.CANCEL_JOBS, Call.SET_REPORTS, Call.PLAN},
    ),
    Role.PREFECTURE: _OF_A_PREFECTURE,
    Role.HELPDESK: _OF_A_PREFECTURE | {Call.UNMATCHED_REPORTS},
    Role.AUDITOR: frozenset({Call.AUDIT}),
    Role.ADMIN: frozenset(Call),
}

SEES_WHOLE_ADDRESSES = frozenset({Role.HELPDESK, Role.PREFECTURE, Role.ADMIN})

ADDRESSES_AUDITED = frozenset({Role.HELPDESK, Role.PREFECTURE})
"""Showing them whole addresses leaves a line in the audit trail."""
