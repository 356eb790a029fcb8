"""What a rehearsal assumes of the world, as data that people can change."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from config.datafile import merged
from core.errors import ConfigurationError
from core.kinds import Account, InstitutionType

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]
Span = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
"""Least and most."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Institutions:
    """Who has to report."""

    __pydantic_config__ = _STRICT

    types: Mapping[InstitutionType, Weight]
    prefectures: Mapping[str, Weight]
    paper: Share
    no_address: Share
    no_last_year_data: Share
    chain_pharmacies: Share
    chain_size: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Domain:
    """A mail domain; `per_minute` 0 is without a limit."""

    __pydantic_config__ = _STRICT

    share: Share
    per_minute: Count


@dataclass(frozen=True, slots=True)
class Relay:
    """How the relay behaves."""

    __pydantic_config__ = _STRICT

    reply_seconds: Span
    greylisting: Share
    greylisting_minutes: Weight
    trouble: Share
    reply_lost: Share
    outages: Count
    outage_minutes: Span


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """How mailboxes behave."""

    __pydantic_config__ = _STRICT

    unknown: Share
    host_unknown: Share
    closes: Share
    refused_at_once: Share
    full: Share
    full_days: Span
    delayed: Share
    auto_reply: Share
    complaint: Share
    late_report: Share
    report_minutes: Span


@dataclass(frozen=True, slots=True)
class Reporting:
    """When institutions report, and when the registration system tells it."""

    __pydantic_config__ = _STRICT

    never: Share
    unasked: Share
    answer: Share
    answer_days: Annotated[float, Field(gt=0)]
    not_pressed: Share
    told_every_minutes: Annotated[int, Field(ge=1, le=240)]
    first_told_days_before: Count


@dataclass(frozen=True, slots=True)
class Applications:
    """Who applies for an account, and how long that takes. Days are business days but for `link_days`."""

    __pydantic_config__ = ConfigDict(extra="forbid", populate_by_name=True)

    share: Share
    by_self: Annotated[float, Field(ge=0, le=1, alias="self")]
    account: Mapping[Account, Weight]
    rejected: Share
    approval_days: Span
    issue_days: Span
    link_days: Annotated[int, Field(ge=1)]
    lost_password: Share
    told_every_minutes: Annotated[int, Field(ge=1, le=240)]


@dataclass(frozen=True, slots=True)
class Calling:
    """How many of a hundred mails lead to a call, and where."""

    __pydantic_config__ = _STRICT

    percent: Annotated[float, Field(ge=0, le=100)]
    desk: Literal["prefecture", "secretariat"]


@dataclass(frozen=True, slots=True)
class Calls:
    """Telephone calls that mails lead to; `hours` are shares of the business hours after the mail."""

    __pydantic_config__ = ConfigDict(extra="forbid", populate_by_name=True)

    reminder: Calling
    guide: Calling
    pre_check: Annotated[Calling, Field(alias="pre-check")]
    undelivered: Calling
    hours: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Everything that is assumed; `table` is the same as written."""

    __pydantic_config__ = _STRICT

    institutions: Institutions
    domains: Mapping[str, Domain]
    relay: Relay
    mailboxes: Mailboxes
    reporting: Reporting
    applications: Applications
    calls: Calls


@dataclass(frozen=True, slots=True)
class Assumed:
    """The assumptions, and as they are written: what a report repeats."""

    world: Assumptions
    table: Mapping[str, Any]


def load_assumptions(path: Path | None) -> Assumed:
    """The shipped assumptions with the file's over them. Raises ConfigurationError."""
    table = tomllib.loads((files("todoke") / "rehearsal" / "assumptions.toml").read_text("utf-8"))
    if path is not None:
        table = merged(table, _read(path))
    try:
        return Assumed(TypeAdapter(Assumptions).validate_python(table), table)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        lines = (f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
        raise ConfigurationError("\n".join(lines)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as TOML: {error}") from error
