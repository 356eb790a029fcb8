"""What a job holds, kind by kind (contract section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.kinds import ACCOUNT_ISSUE, Account, Kind, Route, Scheme
from scheduler.fields import FIRST_DAY, LAST_DAY
from scheduler.job_parsing import (
    ACCOUNT_KINDS,
    FIRST_FISCAL_YEAR,
    LAST_FISCAL_YEAR,
    MAX_CODE,
    MAX_REASON,
    WITHOUT_APPLICATION,
)
from web.openapi.parts import DATE, IDENTIFIER, MOMENT, NAME, Schema, nullable, ref, taken, words

_DAY = {**DATE, "description": f"of {FIRST_DAY} to {LAST_DAY}"}
_EXPIRES_AT = {**MOMENT, "description": "in the future"}
_LINK = {
    "type": "string",
    "format": "uri",
    "description": "https, a host of `TODOKE_LINK_HOSTS`; a longer one than 74 characters is answered with a note",
}
FISCAL_YEAR = {"type": "integer", "minimum": FIRST_FISCAL_YEAR, "maximum": LAST_FISCAL_YEAR, "examples": [2026]}

_LOGIN_ID = taken({"login_id": NAME}, ["login_id"])
_GUIDE_KEYS = {"login_id": NAME, "setup_url": _LINK, "expires_at": nullable(_EXPIRES_AT)}
DATA: Mapping[str, Schema] = {
    ACCOUNT_ISSUE: taken(
        {key: nullable(schema) for key, schema in _GUIDE_KEYS.items()},
        [],
        description="`login_id` is required where a mail follows (not for `permitted`, nor for `unpermitted` of the "
        "route `prefecture`), `setup_url` where `account` is `none`",
    ),
    Kind.CODE: taken(
        {"code": {"type": "string", "minLength": 1, "maxLength": MAX_CODE}, "expires_at": _EXPIRES_AT},
        ["code", "expires_at"],
    ),
    Kind.GUIDE: taken(_GUIDE_KEYS, ["login_id", "setup_url"]),
    Kind.EXISTING_USER_CONFIRM: _LOGIN_ID,
    Kind.REJECTION: taken(
        {
            "reason": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_REASON,
                "description": "may have several lines",
            }
        },
        ["reason"],
    ),
    Kind.REMINDER: taken(
        {
            "fiscal_year": FISCAL_YEAR,
            "deadline": {**_DAY, "description": "not over when the reminder leaves"},
            "scheme": {**nullable(words(list(Scheme))), "description": "default: by the institution's type"},
        },
        ["fiscal_year", "deadline"],
    ),
    Kind.PASSWORD_RESET: taken({"reset_url": _LINK, "expires_at": _EXPIRES_AT}, ["reset_url", "expires_at"]),
    Kind.ADDRESS_CHANGED: _LOGIN_ID,
}
"""`data` of the kinds that need it."""

APPLICATION = taken(
    {
        "id": IDENTIFIER,
        "route": words(list(Route)),
        "account": {
            **nullable(words(list(Account))),
            "description": "required for `account-issue`, `pre-check`, `guide` and `existing-user-confirm`",
        },
        "received_on": {**_DAY, "description": f"of {FIRST_DAY} to {LAST_DAY}, not in the future"},
        "approved_on": nullable(_DAY),
    },
    ["id", "route", "received_on"],
)

_BASE: Mapping[str, Any] = {
    "application": {
        "id": "A-1001",
        "route": "self",
        "account": "none",
        "received_on": "2026-11-02",
        "approved_on": "2026-11-10",
    },
    "institution": {"code": "3510012345", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
    "recipient": {
        "email": "soumu@example.jp",
        "department": "総務課",
        "family_name": "田中",
        "given_name": "花子",
    },
}
_GUIDE_DATA = {"login_id": "h3510012345", "setup_url": "https://www.g-mis.mhlw.go.jp/s/7Q2m", "expires_at": None}


def _example(number: int, kind: str, data: Mapping[str, Any] | None = None, **application: Any) -> Mapping[str, Any]:
    """A job of this kind; `application` is what is different in it."""
    made = {"job_id": f"reg-2026-{number:06}", "kind": kind, **_BASE}
    made["application"] = {**_BASE["application"], **application}
    if kind in WITHOUT_APPLICATION:
        del made["application"]
    if kind == Kind.CODE:
        del made["institution"]
    return made if data is None else {**made, "data": data}


EXAMPLES = (
    {**_example(123, ACCOUNT_ISSUE, _GUIDE_DATA), "not_before": None},
    _example(124, Kind.PRE_CHECK, id="A-1002"),
    _example(125, Kind.GUIDE, _GUIDE_DATA, id="A-1002"),
    _example(
        126, Kind.EXISTING_USER_CONFIRM, {"login_id": "h3510012345"}, id="A-1003", account=Account.UNPERMITTED.value
    ),
    _example(127, Kind.APPLICATION_COMPLETE, id="A-1004"),
    _example(128, Kind.REJECTION, {"reason": "機関コードに誤りがあります。"}, id="A-1004"),
    _example(129, Kind.CODE, {"code": "123456", "expires_at": "2099-01-31T10:00:00+09:00"}),
    _example(130, Kind.REMINDER, {"fiscal_year": 2026, "deadline": "2027-03-31"}),
    _example(
        131,
        Kind.PASSWORD_RESET,
        {"reset_url": "https://www.med-login.mhlw.go.jp/r/9Kd3", "expires_at": "2099-01-31T10:00:00+09:00"},
    ),
    _example(132, Kind.ADDRESS_CHANGED, {"login_id": "h3510012345"}),
)
"""One of each kind; published in this order, each is accepted."""


def _needs(kind: str) -> list[str]:
    """The keys that a job of this kind needs beside those that all need."""
    needed = [] if kind in WITHOUT_APPLICATION else ["application"]
    needed += [] if kind == Kind.CODE else ["institution"]
    return needed + (["data"] if kind in DATA else [])


def _of_kind(kind: str) -> Schema:
    """What holds for jobs of one kind."""
    needed = _needs(kind)
    there: dict[str, Any] = {key: {"type": "object"} for key in needed}
    if kind in _WITH_ACCOUNT:
        there["application"] = {
            "type": "object",
            "required": ["account"],
            "properties": {"account": {"type": "string"}},
        }
    there["data"] = ref(data_name(kind)) if kind in DATA else nullable(taken({}, []))
    return {
        "if": {"properties": {"kind": {"const": kind}}},
        "then": {"required": needed, "properties": there},
    }


def data_name(kind: str) -> str:
    """How the schema of a kind's `data` is called."""
    return "DataOf" + "".join(word.capitalize() for word in kind.split("-"))


_WITH_ACCOUNT = frozenset(ACCOUNT_ISSUE if kind is None else kind.value for kind in ACCOUNT_KINDS)
_KINDS = tuple(str(kind) for kind in (ACCOUNT_ISSUE, *Kind))


def _told(kind: str) -> str:
    """The needs of a kind, and what its data holds."""
    needed = [f"`{key}`" + _ACCOUNT * (key == "application" and kind in _WITH_ACCOUNT) for key in _needs(kind)]
    if kind in DATA:
        required = DATA[kind]["required"]
        keys = ", ".join(key if key in required else f"{key}?" for key in DATA[kind]["properties"])
        needed[-1] = f"`data` {{{keys}}}"
    return f"`{kind}`: {', '.join(needed)}"


_ACCOUNT = " with `account`"
_NEEDED = "; ".join(map(_told, _KINDS))

JOB = taken(
    {
        "job_id": {
            **IDENTIFIER,
            "description": "not `.` or `..`, if it is to be read: clients leave these out of paths",
        },
        "kind": words(_KINDS),
        "application": nullable(ref("Application")),
        "institution": nullable(ref("Institution")),
        "recipient": ref("Recipient"),
        "data": {"description": "by kind, see `allOf`; a code, a link and their `expires_at` stand here"},
        "not_before": {**nullable(MOMENT), "description": "the earliest due time of the first mail; past: now"},
    },
    ["job_id", "kind", "recipient"],
    description=f"Every job needs `job_id`, `kind` and `recipient`; besides, by kind: {_NEEDED}.",
    allOf=[_of_kind(kind) for kind in _KINDS],
    examples=list(EXAMPLES),
)
