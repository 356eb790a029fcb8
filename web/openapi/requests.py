"""What goes in: the bodies of requests."""

from __future__ import annotations

from collections.abc import Mapping

from core.kinds import InstitutionType, Scheme
from scheduler.report_parsing import CHANNELS, STATUSES
from web.openapi.job import APPLICATION, DATA, FISCAL_YEAR, JOB, data_name
from web.openapi.parts import (
    BOOLEAN,
    CODE,
    MOMENT,
    NAME,
    PREFECTURE,
    REASON,
    Schema,
    nullable,
    ref,
    taken,
    words,
)

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
_REPORT = taken(
    {
        "fiscal_year": FISCAL_YEAR,
        "institution": ref("Institution"),
        "recipient": nullable(ref("Recipient")),
        "status": words(STATUSES),
        "as_of": nullable(MOMENT),
        "channel": nullable(words(CHANNELS)),
        "last_year_data": nullable(BOOLEAN),
        "scheme": nullable(words(list(Scheme))),
    },
    ["institution", "status"],
)

REQUESTS: Mapping[str, Schema] = {
    "Job": JOB,
    **{data_name(kind): schema for kind, schema in DATA.items()},
    "Application": APPLICATION,
    "Institution": _INSTITUTION,
    "Recipient": _RECIPIENT,
    "Report": _REPORT,
    "Resolution": taken(
        {
            "outcome": words(["sent", "undelivered"]),
            "why": REASON,
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
        {"why": REASON},
        ["why"],
        examples=[{"why": "報告機関に確認したところ、依頼していないとのこと"}],
    ),
    "Release": taken(
        {"reason": {**REASON, "description": "required, here or as a parameter of the query"}},
        ["reason"],
        examples=[{"reason": "新しいメールボックスの開設を確認した"}],
    ),
}
