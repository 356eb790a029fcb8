"""Jobs in: what is accepted and how it is normalised; what is refused, by field, without an echo of its value."""

from __future__ import annotations

import contextlib
import copy
import json
import unicodedata
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import FieldError
from core.kinds import Account, Kind
from scheduler import addresses
from scheduler.job_parsing import InputRules, JobRefused, canonical, canonical_forms, parse_job

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
RULES = InputRules(
    link_hosts=("www.g-mis.mhlw.go.jp", "www.med-login.mhlw.go.jp"),
    carrier_domains=("docomo.ne.jp", "ezweb.ne.jp", "au.com"),
)
LINK = "https://www.g-mis.mhlw.go.jp/s/abc"


def issue(**changes: Any) -> dict[str, Any]:
    """A good account-issue; `changes` are dotted keys, None deletes."""
    job: dict[str, Any] = {
        "job_id": "reg-1",
        "kind": "account-issue",
        "application": {
            "id": "A-1",
            "route": "self",
            "account": "none",
            "received_on": "2026-11-02",
            "approved_on": "2026-11-10",
        },
        "institution": {"code": "3510012345", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": {"email": "soumu@example.jp", "department": "総務課", "family_name": "田中", "given_name": "花子"},
        "data": {"login_id": "h3510012345", "setup_url": LINK, "expires_at": None},
        "not_before": None,
    }
    return change(job, changes)


def code(**changes: Any) -> dict[str, Any]:
    job = {
        "job_id": "c-1",
        "kind": "code",
        "recipient": {"email": "a@example.jp"},
        "data": {"code": "123456", "expires_at": "2026-11-24T13:00:00+09:00"},
    }
    return change(job, changes)


def change(job: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    job = copy.deepcopy(job)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = job
        for key in parents:
            place = place[key]
        if value is ...:
            place.pop(last, None)
        else:
            place[last] = value
    return job


def errors(raw: object) -> list[FieldError]:
    with pytest.raises(JobRefused) as refused:
        parse_job(raw, NOW, RULES)
    return refused.value.errors


def errors_of(raw: object) -> dict[str, str]:
    return {error.field: error.code for error in errors(raw)}


def test_the_contracts_example_is_good() -> None:
    job = parse_job(issue(), NOW, RULES)
    assert job.kind is None
    assert job.application is not None
    assert job.application.account is Account.NONE
    assert job.secret == {"setup_url": LINK}
    assert job.data == {"login_id": "h3510012345"}


def test_a_code_needs_an_address_and_data_only() -> None:
    job = parse_job(code(), NOW, RULES)
    assert (job.kind, job.institution, job.application) == (Kind.CODE, None, None)
    assert job.secret == {"code": "123456"}


BAD = [
    (issue(job_id=...), "job_id", "required"),
    (issue(job_id=""), "job_id", "empty"),
    (issue(job_id="x" * 201), "job_id", "format"),
    (issue(job_id="ジョブ"), "job_id", "format"),
    (issue(job_id=7), "job_id", "type"),
    (issue(kind="gude"), "kind", "choice"),
    (issue(kind=...), "kind", "required"),
    (issue(extra=1), "extra", "unknown-field"),
    (issue(application=...), "application", "required"),
    (issue(application="A-1"), "application", "type"),
    (issue(application__id=...), "application.id", "required"),
    (issue(application__route="post"), "application.route", "choice"),
    (issue(application__account=...), "application.account", "required"),
    (issue(application__account="some"), "application.account", "choice"),
    (issue(application__received_on=...), "application.received_on", "required"),
    (issue(application__received_on="2026-11-25"), "application.received_on", "future"),
    (issue(application__received_on="24.11.2026"), "application.received_on", "format"),
    (issue(application__approved_on="2026-02-30"), "application.approved_on", "format"),
    (issue(application__received_on="0001-01-01"), "application.received_on", "range"),
    (issue(application__received_on="1900-01-01"), "application.received_on", "range"),
    (issue(application__received_on="1970-01-01"), "application.received_on", "range"),
    (issue(application__received_on="1999-12-31"), "application.received_on", "range"),
    (issue(application__received_on="9999-12-31"), "application.received_on", "range"),
    (issue(application__approved_on="1999-12-31"), "application.approved_on", "range"),
    (issue(application__approved_on="2100-01-01"), "application.approved_on", "range"),
    (issue(kind="reminder", data={"fiscal_year": 2026, "deadline": "1999-12-31"}), "data.deadline", "range"),
    (issue(kind="reminder", data={"fiscal_year": 2026, "deadline": "2100-01-01"}), "data.deadline", "range"),
    (issue(application__colour="red"), "application.colour", "unknown-field"),
    (issue(institution=...), "institution", "required"),
    (issue(institution__code="35/1"), "institution.code", "format"),
    (issue(institution__code="1" * 21), "institution.code", "format"),
    (issue(institution__name=""), "institution.name", "empty"),
    (issue(institution__name="名" * 201), "institution.name", "too-long"),
    (issue(institution__name="病院\r\nBcc: x@example.com"), "institution.name", "control-character"),
    (issue(institution__name="\ud800病院"), "institution.name", "format"),
    (issue(institution__type="school"), "institution.type", "choice"),
    (issue(institution__prefecture="48"), "institution.prefecture", "choice"),
    (issue(institution__prefecture=35), "institution.prefecture", "type"),
    (issue(recipient=...), "recipient", "required"),
    (issue(recipient__email=...), "recipient.email", "required"),
    (issue(recipient__email="no-at-sign"), "recipient.email", "format"),
    (issue(recipient__email="a@b@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="Tanaka <a@example.jp>"), "recipient.email", "format"),
    (issue(recipient__email="a@example.jp, b@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="a\r\n@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="a..b@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="利用者@example.jp"), "recipient.email", "local-part"),
    (issue(recipient__email="a\u200b@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="a\u2060b@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="a@exam\ufeffple.jp"), "recipient.email", "format"),
    (issue(recipient__email="a@intranet"), "recipient.email", "domain"),
    (issue(recipient__email="a@192.0.2.1"), "recipient.email", "domain"),
    (issue(recipient__email="a" * 250 + "@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="a" * 65 + "@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="a." * 32 + "a@example.jp"), "recipient.email", "format"),
    (issue(recipient__email="!" + "a" * 64 + "@例え.jp"), "recipient.email", "format"),
    (issue(recipient__email="." + "a" * 64 + "@docomo.ne.jp"), "recipient.email", "format"),
    (issue(recipient__department="総務\n課"), "recipient.department", "control-character"),
    (issue(recipient__family_name="田" * 201), "recipient.family_name", "too-long"),
    (issue(data=...), "data", "required"),
    (issue(data__login_id=...), "data.login_id", "required"),
    (issue(data__login_id=" "), "data.login_id", "empty"),
    (issue(data__setup_url=...), "data.setup_url", "required"),
    (issue(data__setup_url="http://www.g-mis.mhlw.go.jp/s/abc"), "data.setup_url", "scheme"),
    (issue(data__setup_url="https://evil.example/s/abc"), "data.setup_url", "host"),
    (issue(data__setup_url="https://www.g-mis.mhlw.go.jp.evil.example/"), "data.setup_url", "host"),
    (issue(data__setup_url="https://www.g-mis.mhlw.go.jp@evil.example/"), "data.setup_url", "user-part"),
    (issue(data__setup_url="https://www.g-mis.mhlw.go.jp:8443/"), "data.setup_url", "host"),
    (issue(data__setup_url="https://www.g-mis.mhlw.go.jp/a b"), "data.setup_url", "format"),
    (issue(data__setup_url="https://www.g-mis.mhlw.go.jp/\nx"), "data.setup_url", "format"),
    (issue(data__setup_url="javascript:alert(1)"), "data.setup_url", "scheme"),
    (issue(data__setup_url="https://[::1/"), "data.setup_url", "format"),
    (issue(data__expires_at="2026-11-24T11:59:59+09:00"), "data.expires_at", "past"),
    (issue(data__expires_at="2026-12-01T00:00:00"), "data.expires_at", "format"),
    (issue(data__expires_at="9999-12-31T00:00:00Z"), "data.expires_at", "range"),
    (issue(data__expires_at="9999-12-31T23:59:59-12:00"), "data.expires_at", "range"),
    (issue(data__expires_at="9999-13-31T23:59:59-12:00"), "data.expires_at", "format"),
    (issue(not_before="0001-01-01T00:00:00+09:00"), "not_before", "range"),
    (issue(data__reason="x"), "data.reason", "unknown-field"),
    (issue(not_before="tomorrow"), "not_before", "format"),
    (issue(not_before=5), "not_before", "type"),
    (code(data__code=...), "data.code", "required"),
    (code(data__code=""), "data.code", "empty"),
    (code(data__code="12\n34"), "data.code", "control-character"),
    (code(data__expires_at=...), "data.expires_at", "required"),
    (issue(kind="rejection", data={}), "data.reason", "required"),
    (issue(kind="rejection", data={"reason": "a\x00b"}), "data.reason", "control-character"),
    (issue(kind="rejection", data={"reason": "機関コード\n\u202e誤り"}), "data.reason", "control-character"),
    (issue(institution__name="\u200b\ufeff"), "institution.name", "empty"),
    (issue(recipient__family_name="\u3164"), "recipient.family_name", "empty"),
    (issue(recipient__department="総務\u2066課"), "recipient.department", "control-character"),
    (issue(kind="reminder", data={"deadline": "2027-03-31"}), "data.fiscal_year", "required"),
    (issue(kind="reminder", data={"fiscal_year": "2026", "deadline": "2027-03-31"}), "data.fiscal_year", "type"),
    (issue(kind="reminder", data={"fiscal_year": 2026, "deadline": "soon"}), "data.deadline", "format"),
    (issue(kind="password-reset", data={"expires_at": "2026-12-01T00:00:00Z"}), "data.reset_url", "required"),
    (issue(kind="existing-user-confirm", data={}), "data.login_id", "required"),
    (issue(kind="address-changed", data={}), "data.login_id", "required"),
    (issue(kind="pre-check", data={"login_id": "x"}), "data.login_id", "unknown-field"),
]


@pytest.mark.parametrize(("raw", "field", "error_code"), BAD)
def test_a_bad_job_is_refused_by_its_field(raw: dict[str, Any], field: str, error_code: str) -> None:
    assert errors_of(raw) == {field: error_code}


def test_dates_up_to_the_ends_of_their_range_are_good() -> None:
    job = parse_job(issue(application__received_on="2000-01-01", application__approved_on="2099-12-31"), NOW, RULES)
    assert job.application is not None
    assert (job.application.received_on, job.application.approved_on) == (date(2000, 1, 1), date(2099, 12, 31))


def test_a_date_out_of_range_is_told_the_range() -> None:
    (error,) = errors(issue(application__received_on="0001-01-01"))
    assert error.detail == "must lie between 2000-01-01 and 2099-12-31"


@pytest.mark.parametrize("raw", ["text", 5, None, [], True])
def test_a_job_is_an_object(raw: object) -> None:
    assert errors_of(raw) == {"": "type"}


def test_every_error_is_named_at_once() -> None:
    raw = issue(job_id=..., recipient__email="bad", data__setup_url="bad", institution__prefecture="00")
    assert set(errors_of(raw)) == {"job_id", "recipient.email", "data.setup_url", "institution.prefecture"}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ｓｏｕｍｕ＠ｅｘａｍｐｌｅ．ｊｐ", "soumu@example.jp"),
        ("  Info@Example.JP　", "Info@example.jp"),
        ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp"),
        (".a.@ezweb.ne.jp", ".a.@ezweb.ne.jp"),
        ("a.@AU.com", "a.@au.com"),
        ("user@例え.jp", "user@xn--r8jz45g.jp"),
        ("\ufeffa@example.jp\u200b", "a@example.jp"),
        (" \u2060\u3000a@example.jp\u200b\r\n", "a@example.jp"),
        ("a+b/c?d@example.jp", "a+b/c?d@example.jp"),
        ("bounce-5.1.1+x@sink.test", "bounce-5.1.1+x@sink.test"),
    ],
)
def test_addresses_are_normalised(typed: str, stored: str) -> None:
    assert parse_job(issue(recipient__email=typed), NOW, RULES).recipient.email == stored


def test_names_are_never_changed() -> None:
    name = "㈱髙﨑①薬局　…㋿"
    job = parse_job(issue(institution__name=name, recipient__family_name="﨑"), NOW, RULES)
    assert job.institution is not None
    assert job.institution.name == name
    assert job.recipient.family_name == "﨑"


def test_the_institution_code_is_normalised() -> None:
    job = parse_job(issue(institution__code=" ３５－1 "), NOW, RULES)
    assert job.institution is not None
    assert job.institution.code == "35-1"


def test_optional_names_may_be_null_or_absent() -> None:
    job = parse_job(issue(recipient__department=..., recipient__given_name=None), NOW, RULES)
    assert (job.recipient.department, job.recipient.given_name) == (None, None)


@pytest.mark.parametrize("key", ["department", "family_name", "given_name"])
@pytest.mark.parametrize("blank", ["", " ", "　 ", "\t"])
def test_a_name_is_never_blank(key: str, blank: str) -> None:
    assert errors_of(issue(**{f"recipient__{key}": blank})) == {f"recipient.{key}": "empty"}


def test_a_login_id_that_is_not_needed_is_not_blank_either() -> None:
    without_mail = {"application__account": "permitted", "data": {"login_id": "　"}}
    assert errors_of(issue(**without_mail)) == {"data.login_id": "empty"}


def test_an_account_that_exists_needs_no_link() -> None:
    job = parse_job(issue(application__account="unpermitted", data={"login_id": "h1"}), NOW, RULES)
    assert job.secret == {}


def test_a_long_link_is_whole() -> None:
    link = LINK + "x" * 1500
    assert parse_job(issue(data__setup_url=link), NOW, RULES).secret == {"setup_url": link}


def test_errors_never_echo_a_value() -> None:
    raw = issue(recipient__email="geheim wort@example.jp", data__setup_url="https://geheim.example/wort")
    with pytest.raises(JobRefused) as refused:
        parse_job(raw, NOW, RULES)
    assert "geheim" not in json.dumps([str(error) for error in refused.value.errors])


@pytest.mark.parametrize(
    ("email", "blamed"),
    [
        ("soumu@tanaka-hanako☃.example.jp", "after the @"),
        ("soumu@xn--tanakahanako.jp", "after the @"),
        ("soumu@hanako_tanaka.example.jp", "after the @"),
        ("soumu@tanaka.invalid", "after the @"),
        ("hanako..tanaka@example.jp", "before the @"),
        ("hanako@tanaka@example.jp", "before the @"),
    ],
)
def test_the_side_that_is_to_blame_is_named(email: str, blamed: str) -> None:
    (error,) = errors(issue(recipient__email=email))
    assert (error.code, blamed in error.detail) == ("format", True)


@pytest.mark.parametrize("letter", "tT")
def test_an_address_that_is_too_long_is_told_so(letter: str) -> None:
    email = f"{'h' * 61}@{'.'.join([letter * 60] * 3)}.example.jp"
    assert errors_of(issue(recipient__email=email)) == {"recipient.email": "too-long"}


# None of these letters stand four in a row in what is answered.
_PLAIN = st.from_regex("[xzqkXZQ0179]([xzqkvw0179-]{0,20}[xzqkvw0179])?", fullmatch=True)
_ODD = st.sampled_from(["", "", *'☃ー№ﬁ例ßÄ\u0301\u0345\u200dא_.()<>,;:[]\\"!#$%'])
_PART = st.one_of(_PLAIN, st.builds("{}{}{}".format, _PLAIN, _ODD, _PLAIN), st.builds("xn--{}".format, _PLAIN))


@example("soumu", ["tanaka-hanako☃", "example", "jp"])
@example("soumu", ["hanako", "xn--tanakahanako", "jp"])
@given(_PLAIN | _PART, st.lists(_PART, min_size=1, max_size=4))
def test_no_part_of_an_address_stands_in_what_is_answered(local: str, labels: list[str]) -> None:
    email = f"{local}@{'.'.join(labels)}"
    with contextlib.suppress(JobRefused):
        parse_job(issue(recipient__email=email), NOW, RULES)
        return
    (error,) = errors(issue(recipient__email=email))
    forms = {email, unicodedata.normalize("NFKC", email)}
    parts = {form[place : place + 4] for form in forms for place in range(len(form) - 3)}
    assert [part for part in parts if part in error.detail] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=6),
    max_leaves=20,
)
PATHS = st.sampled_from(
    ["job_id", "kind", "application", "application__id", "application__received_on", "institution", "institution__code",
     "institution__name", "recipient", "recipient__email", "recipient__department", "data", "data__login_id",
     "data__setup_url", "data__expires_at", "not_before"],
)  # fmt: skip


@given(JSON)
def test_any_json_is_refused_in_good_order(raw: object) -> None:
    with pytest.raises(JobRefused):
        parse_job(raw, NOW, RULES)


@given(PATHS, JSON)
def test_any_value_anywhere_is_accepted_or_refused(path: str, value: object) -> None:
    with contextlib.suppress(JobRefused):
        parse_job(issue(**{path: value}), NOW, RULES)


def test_the_canonical_form_ignores_order_and_nulls_only() -> None:
    assert canonical({"a": 1, "b": {"c": None, "d": [1]}}) == canonical({"b": {"d": [1]}, "a": 1})
    assert canonical({"a": 1}) != canonical({"a": "1"})
    assert canonical({"a": "Ａ"}) != canonical({"a": "A"})


@pytest.mark.parametrize("odd", ["\ud800", 2**70, -(2**70)])
def test_what_few_can_write_has_a_canonical_form_too(odd: Any) -> None:
    assert canonical({"b": odd, "a": None}) == canonical({"b": odd})
    assert canonical({"b": odd}) != canonical({"b": odd, "c": odd})


def test_the_form_that_the_first_versions_digested_is_known() -> None:
    """As they wrote it."""
    job = {"job_id": "c-1", "data": {"reason": "周南\n\x7f"}, "recipient": {"family_name": "𠮷田", "given_name": None}}
    now, then = canonical_forms(job)
    assert now == canonical(job)
    assert then == (
        rb'{"data":{"reason":"\u5468\u5357\n\u007f"},"job_id":"c-1","recipient":{"family_name":"\ud842\udfb7\u7530"}}'
    )


_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_LOCAL = st.from_regex(r"[A-Za-z0-9_+.-]{1,70}", fullmatch=True)
_TOP = st.one_of(st.sampled_from(["jp", "com", "test", "local", "invalid", "arpa", "onion", "localhost"]), _LABEL)


@given(_LOCAL, st.lists(_LABEL, min_size=1, max_size=3), _TOP)
def test_ordinary_addresses_are_taken_as_email_validator_takes_them(local: str, labels: list[str], top: str) -> None:
    address = f"{local}@{'.'.join([*labels, top])}"
    taken = addresses._ordinary(address)
    assert taken is None or taken == addresses._validated(address)
