"""From a raw job to a `Job`, or to the list of what is wrong with it (contract section 3)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import orjson

from core.errors import FieldError
from core.jobs import Application, Job
from core.jst import tokyo_date
from core.kinds import ACCOUNT_ISSUE, Account, InstitutionType, Kind, Route, Scheme
from core.mail import Institution, Recipient
from scheduler.addresses import AddressRefused, normalise_address
from scheduler.fields import Reader
from scheduler.links import link_problem

PREFECTURES = tuple(f"{number:02d}" for number in range(1, 48))

ACCOUNT_KINDS = frozenset({None, Kind.PRE_CHECK, Kind.GUIDE, Kind.EXISTING_USER_CONFIRM})
"""Kinds (None: account-issue) whose rule depends on the account."""

WITHOUT_APPLICATION = frozenset({Kind.CODE, Kind.REMINDER, Kind.PASSWORD_RESET, Kind.ADDRESS_CHANGED})
"""Kinds that may come without an application: none exists yet, or the account has outlived it."""

MAX_CODE = 100
MAX_REASON = 4000
FIRST_FISCAL_YEAR, LAST_FISCAL_YEAR = 1990, 2098


@dataclass(frozen=True, slots=True)
class InputRules:
    """What the settings say of input."""

    link_hosts: Collection[str]
    carrier_domains: Collection[str]


class JobRefused(ValueError):
    """A job with at least one error."""

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors
        super().__init__(", ".join(f"{error.field}: {error.code}" for error in errors))


def canonical(raw: Mapping[str, Any]) -> bytes:
    """The canonical JSON of a job: sorted keys, no white space, absent and null alike."""
    plain = _without_nulls(raw)
    try:
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits: what the fields say of it comes later
        return _in_ascii(plain)


def canonical_forms(raw: Mapping[str, Any]) -> Iterator[bytes]:
    """All that have been digested as a job's canonical JSON: today's form, then the first versions' ASCII alone."""
    yield canonical(raw)
    yield _in_ascii(_without_nulls(raw))


def _in_ascii(plain: Any) -> bytes:
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def parse_job(raw: object, now: datetime, rules: InputRules) -> Job:
    """A validated job. Raises JobRefused with every error found."""
    if not isinstance(raw, Mapping):
        raise JobRefused([FieldError("", "type", "a job must be a JSON object")])
    reader = Reader(raw)
    job = _JobParser(reader, now, rules).parse()
    reader.unknown()
    if job is None or reader.errors:
        raise JobRefused(reader.errors)
    return job


class _JobParser:
    def __init__(self, reader: Reader, now: datetime, rules: InputRules) -> None:
        self._reader = reader
        self._now = now
        self._rules = rules

    def parse(self) -> Job | None:
        reader = self._reader
        job_id = reader.identifier("job_id")
        kind_name = reader.one_of("kind", (*Kind, ACCOUNT_ISSUE), required=True)
        kind = None if kind_name in (None, ACCOUNT_ISSUE) else Kind(kind_name)
        application = self._application(kind, known_kind=kind_name is not None)
        institution = parse_institution(reader, required=kind_name is not None and kind is not Kind.CODE)
        recipient = parse_recipient(reader, self._rules.carrier_domains, required=True)
        not_before = reader.moment("not_before", required=False)
        data = reader.child("data", required=kind_name is not None and kind in _DATA_READERS)
        if kind_name is None:
            return None
        job = Job(job_id or "", kind, recipient or Recipient(""), application, institution, not_before=not_before)
        return _DataParser(data, self._now, self._rules).into(job) if data is not None else job

    def _application(self, kind: Kind | None, *, known_kind: bool) -> Application | None:
        required = known_kind and kind not in WITHOUT_APPLICATION
        reader = self._reader.child("application", required=required)
        if reader is None:
            return None
        application_id = reader.identifier("id")
        route = reader.choice("route", Route, required=True)
        account = reader.choice("account", Account, required=known_kind and kind in ACCOUNT_KINDS)
        received_on = reader.day("received_on", required=True)
        approved_on = reader.day("approved_on", required=False)
        self._refuse_future(reader, received_on)
        reader.unknown()
        if application_id is None or route is None or received_on is None:
            return None
        return Application(application_id, route, account, received_on, approved_on)

    def _refuse_future(self, reader: Reader, received_on: date | None) -> None:
        if received_on is not None and received_on > tokyo_date(self._now):
            reader.refuse("received_on", "future", "lies in the future")


def parse_institution(parent: Reader, *, required: bool) -> Institution | None:
    """The `institution` object."""
    reader = parent.child("institution", required=required)
    if reader is None:
        return None
    code = reader.institution_code("code")
    name = reader.name("name", required=True)
    kind = reader.choice("type", InstitutionType, required=True)
    prefecture = reader.one_of("prefecture", PREFECTURES, required=True)
    reader.unknown()
    if code is None or name is None or kind is None or prefecture is None:
        return None
    return Institution(code, name, kind, prefecture)


def parse_recipient(parent: Reader, carrier_domains: Collection[str], *, required: bool) -> Recipient | None:
    """The `recipient` object."""
    reader = parent.child("recipient", required=required)
    if reader is None:
        return None
    email = parse_address(reader, "email", carrier_domains)
    department = reader.name("department", required=False)
    family_name = reader.name("family_name", required=False)
    given_name = reader.name("given_name", required=False)
    reader.unknown()
    return None if email is None else Recipient(email, department, family_name, given_name)


def parse_address(reader: Reader, key: str, carrier_domains: Collection[str]) -> str | None:
    """A mail address, as it is sent to."""
    value = reader.string(key, required=True)
    if value is None:
        return None
    try:
        return normalise_address(value, carrier_domains)
    except AddressRefused as refused:
        reader.refuse(key, refused.code, str(refused))
        return None


class _DataParser:
    """The `data` object, by kind."""

    def __init__(self, reader: Reader, now: datetime, rules: InputRules) -> None:
        self._reader = reader
        self._now = now
        self._rules = rules

    def into(self, job: Job) -> Job:
        job = _DATA_READERS[job.kind](self, job) if job.kind in _DATA_READERS else job
        self._reader.unknown()
        return job

    def code(self, job: Job) -> Job:
        code = self._reader.line("code", required=True, most=MAX_CODE)
        return self._expiring(job, {"code": code}, required=True)

    def password_reset(self, job: Job) -> Job:
        return self._expiring(job, {"reset_url": self._link("reset_url", required=True)}, required=True)

    def guide(self, job: Job) -> Job:
        job = self.login_id(job)
        return self._expiring(job, {"setup_url": self._link("setup_url", required=True)}, required=False)

    def account_issue(self, job: Job) -> Job:
        account = None if job.application is None else job.application.account
        new = account is Account.NONE
        job = self.login_id(job, required=_mail_follows(job))
        link = self._link("setup_url", required=new)
        return self._expiring(job, {"setup_url": link} if new else {}, required=False)

    def rejection(self, job: Job) -> Job:
        reason = self._reader.line("reason", required=True, most=MAX_REASON, several=True)
        return replace(job, data={"reason": reason} if reason else {})

    def login_id(self, job: Job, *, required: bool = True) -> Job:
        login_id = self._reader.name("login_id", required=required)
        return replace(job, data={"login_id": login_id} if login_id else {})

    def reminder(self, job: Job) -> Job:
        return replace(
            job,
            fiscal_year=self._reader.integer("fiscal_year", FIRST_FISCAL_YEAR, LAST_FISCAL_YEAR, required=True),
            deadline=self._reader.day("deadline", required=True),
            scheme=self._reader.choice("scheme", Scheme, required=False),
        )

    def _link(self, key: str, *, required: bool) -> str | None:
        value = self._reader.string(key, required=required)
        if value is None:
            return None
        problem = link_problem(value, self._rules.link_hosts)
        if problem is not None:
            self._reader.refuse(key, *problem)
        return value

    def _expiring(self, job: Job, secret: Mapping[str, str | None], *, required: bool) -> Job:
        expires_at = self._reader.moment("expires_at", required=required)
        if expires_at is not None and expires_at <= self._now:
            self._reader.refuse("expires_at", "past", "lies in the past")
        kept = {key: value for key, value in secret.items() if value is not None}
        return replace(job, secret=kept, expires_at=expires_at)


def _mail_follows(job: Job) -> bool:
    """Whether an account-issue leads to any mail, so that a login ID must be named in it."""
    application = job.application
    if application is None or application.account is None:
        return True
    return application.account is Account.NONE or (
        application.route is Route.SELF and application.account is Account.UNPERMITTED
    )


_DATA_READERS = {
    None: _DataParser.account_issue,
    Kind.CODE: _DataParser.code,
    Kind.PASSWORD_RESET: _DataParser.password_reset,
    Kind.GUIDE: _DataParser.guide,
    Kind.REJECTION: _DataParser.rejection,
    Kind.EXISTING_USER_CONFIRM: _DataParser.login_id,
    Kind.ADDRESS_CHANGED: _DataParser.login_id,
    Kind.REMINDER: _DataParser.reminder,
}
"""Kinds that need data; application-complete and pre-check have none."""
