"""What goes in: the bodies of requests."""

from __future__ import annotations

from collections.abc import Mapping

from core.kinds import ACCOUNT_ISSUE, Account, InstitutionType, Kind, Route, Scheme
from scheduler.fields import FIRST_DAY, LAST_DAY
from web.openapi.parts import (
    BOOLEAN,
    CODE,
    DATE,
    IDENTIFIER,
    MOMENT,
    NAME,
    PREFECTURE,
    Schema,
    nullable,
    ref,
    taken,
    words,
)

_JOB_EXAMPLE = {
    "job_id": "reg-2026-000123",
    "kind": "account-issue",
    "application": {
        "id": "A-1001",
        "route": "self",
        "account": "none",
        "received_on": "2026-11-02",
        "approved_on": "2026-11-10",
    },
    "institution": {
        "code": "3510012345",
        "name": "周南みなと病院",
        "type": "hospital",
        "prefecture": "35",
    },
    "recipient": {
        "email": "soumu@example.jp",
        "department": "総務課",
        "family_name": "田中",
        "given_name": "花子",
    },
    "data": {
        "login_id": "h3510012345",
        "setup_url": "https://www.g-mis.mhlw.go.jp/s/7Q2m",
        "expires_at": None,
    },
    "not_before": None,
}

_INSTITUTION = taken(
    {"code": CODE, "name": NAME, "type": words(list(InstitutionType)), "prefecture": PREFECTURE},
    ["code", "name", "type", "prefecture"],
)
_RECIPIENT = taken(
    {
        "email": {"type": "string", "maxLength": 254, "examples": ["soumu@example.jp"]},
        "department": nullable(NAME),
        "family_name": nullable(NAME),
        "given_name": nullable(NAME),
    },
    ["email"],
)
_DAY = {**DATE, "description": f"of {FIRST_DAY} to {LAST_DAY}"}
_APPLICATION = taken(
    {
        "id": IDENTIFIER,
        "route": words(list(Route)),
        "account": nullable(words(list(Account))),
        "received_on": _DAY,
        "approved_on": nullable(_DAY),
    },
    ["id", "route", "received_on"],
)
_DATA = {
    "type": "object",
    "description": "By kind: `code` {code, expires_at}; `rejection` {reason}; `guide` and `account-issue` {login_id, "
    "setup_url, expires_at?}; `existing-user-confirm` and `address-changed` {login_id}; `reminder` {fiscal_year, "
    "deadline (not over), scheme?}; `password-reset` {reset_url, expires_at}; none for `application-complete` and "
    "`pre-check`.",
}
_JOB = taken(
    {
        "job_id": IDENTIFIER,
        "kind": words([*Kind, ACCOUNT_ISSUE]),
        "application": nullable(ref("Application")),
        "institution": nullable(ref("Institution")),
        "recipient": ref("Recipient"),
        "data": nullable(_DATA),
        "not_before": nullable(MOMENT),
    },
    ["job_id", "kind", "recipient"],
    examples=[_JOB_EXAMPLE],
)
_REPORT = taken(
    {
        "fiscal_year": {"type": "integer", "minimum": 1990, "maximum": 2098, "examples": [2026]},
        "institution": ref("Institution"),
        "recipient": nullable(ref("Recipient")),
        "status": words(["not-started", "in-progress", "reported"]),
        "as_of": nullable(MOMENT),
        "channel": nullable(words(["online", "paper"])),
        "last_year_data": nullable(BOOLEAN),
        "scheme": nullable(words(list(Scheme))),
    },
    ["institution", "status"],
)

REQUESTS: Mapping[str, Schema] = {
    "Job": _JOB,
    "Application": _APPLICATION,
    "Institution": _INSTITUTION,
    "Recipient": _RECIPIENT,
    "Report": _REPORT,
    "Resolution": taken(
        {
            "outcome": words(["sent", "undelivered"]),
            "why": {"type": "string", "minLength": 1, "maxLength": 1000},
        },
        ["outcome", "why"],
        examples=[{"outcome": "sent", "why": "受信者に電話で確認した"}],
    ),
    "AddressChangeRequest": taken(
        {
            "institution_name": NAME,
            "institution_code": {**nullable(CODE), "description": "absent: looked up by name and prefecture"},
            "prefecture": {
                **nullable(PREFECTURE),
                "description": "required without institution_code, but for a prefecture office: its own",
            },
            "old_email": {"type": "string", "maxLength": 254},
            "new_email": {"type": "string", "maxLength": 254},
        },
        ["institution_name", "old_email", "new_email"],
        examples=[
            {
                "institution_name": "周南みなと病院",
                "prefecture": "35",
                "old_email": "soumu@example.jp",
                "new_email": "jimu@example.jp",
            }
        ],
    ),
    "AddressChangeDone": taken({"login_id": NAME}, ["login_id"], examples=[{"login_id": "h3510012345"}]),
    "AddressChangeRejected": taken(
        {"why": {"type": "string", "minLength": 1, "maxLength": 1000}},
        ["why"],
        examples=[{"why": "報告機関に確認したところ、依頼していないとのこと"}],
    ),
    "Release": taken(
        {"reason": {"type": "string", "minLength": 1, "maxLength": 1000}},
        ["reason"],
        examples=[{"reason": "新しいメールボックスの開設を確認した"}],
    ),
}
