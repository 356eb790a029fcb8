"""Bad jobs: each 422, naming its field, and never what stood in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from store.people import Role

SECRET = "himitsu-7Q2m"

BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no job_id": ({"job_id": ...}, "job_id", "required"),
    "job_id null": ({"job_id": None}, "job_id", "required"),
    "job_id empty": ({"job_id": ""}, "job_id", "empty"),
    "job_id a number": ({"job_id": 12}, "job_id", "type"),
    "job_id with a line end": ({"job_id": f"{SECRET}\n"}, "job_id", "format"),
    "job_id too long": ({"job_id": SECRET * 20}, "job_id", "format"),
    "job_id Japanese": ({"job_id": "申請-1"}, "job_id", "format"),
    "job_id half a character": ({"job_id": "\ud800"}, "job_id", "format"),
    "no kind": ({"kind": ...}, "kind", "required"),
    "kind unknown": ({"kind": SECRET}, "kind", "choice"),
    "kind a list": ({"kind": ["guide"]}, "kind", "type"),
    "no application": ({"application": ...}, "application", "required"),
    "application a text": ({"application": SECRET}, "application", "type"),
    "application id empty": ({"application__id": ""}, "application.id", "empty"),
    "no route": ({"application__route": ...}, "application.route", "required"),
    "route unknown": ({"application__route": SECRET}, "application.route", "choice"),
    "no account": ({"application__account": ...}, "application.account", "required"),
    "received_on in the future": ({"application__received_on": "2026-11-25"}, "application.received_on", "future"),
    "received_on no date": ({"application__received_on": "2026-02-30"}, "application.received_on", "format"),
    "approved_on a time": ({"application__approved_on": "2026-11-10T00:00:00Z"}, "application.approved_on", "format"),
    "no institution": ({"institution": None}, "institution", "required"),
    "code empty after trimming": ({"institution__code": "　 "}, "institution.code", "empty"),
    "code with a slash": ({"institution__code": "35/1"}, "institution.code", "format"),
    "code too long": ({"institution__code": "1" * 21}, "institution.code", "format"),
    "name empty": ({"institution__name": " "}, "institution.name", "empty"),
    "name of two lines": ({"institution__name": f"{SECRET}\r\nBcc: x@y.jp"}, "institution.name", "control-character"),
    "name too long": ({"institution__name": "病" * 201}, "institution.name", "too-long"),
    "type unknown": ({"institution__type": "vet"}, "institution.type", "choice"),
    "prefecture 48": ({"institution__prefecture": "48"}, "institution.prefecture", "choice"),
    "prefecture a number": ({"institution__prefecture": 35}, "institution.prefecture", "type"),
    "no recipient": ({"recipient": ...}, "recipient", "required"),
    "no email": ({"recipient__email": ...}, "recipient.email", "required"),
    "email with a display name": ({"recipient__email": f"{SECRET} <a@example.jp>"}, "recipient.email", "format"),
    "email without a domain": ({"recipient__email": SECRET}, "recipient.email", "format"),
    "email with a Japanese local part": ({"recipient__email": "総務@example.jp"}, "recipient.email", "local-part"),
    "email too long": ({"recipient__email": "a" * 250 + "@example.jp"}, "recipient.email", "*"),
    "email two addresses": ({"recipient__email": "a@example.jp,b@example.jp"}, "recipient.email", "format"),
    "email with NUL": ({"recipient__email": "a\x00@example.jp"}, "recipient.email", "format"),
    "email with a hidden character": ({"recipient__email": "himitsu\u200b@example.jp"}, "recipient.email", "format"),
    "department blank": ({"recipient__department": "　 "}, "recipient.department", "empty"),
    "given name empty": ({"recipient__given_name": ""}, "recipient.given_name", "empty"),
    "family name of two lines": ({"recipient__family_name": "田\n中"}, "recipient.family_name", "control-character"),
    "no data": ({"data": ...}, "data", "required"),
    "no login_id": ({"data__login_id": ...}, "data.login_id", "required"),
    "login_id blank": ({"data__login_id": " "}, "data.login_id", "empty"),
    "no setup_url": ({"data__setup_url": None}, "data.setup_url", "required"),
    "setup_url by http": ({"data__setup_url": "http://www.g-mis.mhlw.go.jp/s"}, "data.setup_url", "scheme"),
    "setup_url elsewhere": ({"data__setup_url": f"https://{SECRET}.example.jp/"}, "data.setup_url", "host"),
    "setup_url with a user": (
        {"data__setup_url": "https://www.g-mis.mhlw.go.jp@example.jp/"},
        "data.setup_url",
        "user-part",
    ),
    "setup_url with a space": ({"data__setup_url": "https://www.g-mis.mhlw.go.jp/s s"}, "data.setup_url", "format"),
    "expires_at in the past": ({"data__expires_at": "2026-11-24T09:59:59+09:00"}, "data.expires_at", "past"),
    "expires_at without offset": ({"data__expires_at": "2026-12-24T10:00:00"}, "data.expires_at", "format"),
    "not_before without offset": ({"not_before": "2026-12-24T10:00:00"}, "not_before", "format"),
    "not_before beyond the years": ({"not_before": "2100-01-01T00:00:00Z"}, "not_before", "range"),
    "an unknown key": ({"himitsu": 1}, "himitsu", "unknown-field"),
    "an unknown key below": ({"recipient__mobile": SECRET}, "recipient.mobile", "unknown-field"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_job_is_refused_by_its_field(sqlite_api: Any, case: str) -> None:
    changes, field, code = BAD[case]
    answer = await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", content=json.dumps(sqlite_api.job(**changes)))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert [error["field"] for error in told["errors"]] == [field]
    assert code in ("*", told["errors"][0]["code"])
    assert told["type"].endswith("/unknown-field" if code == "unknown-field" else "/invalid")
    assert SECRET not in answer.text


async def test_all_that_is_wrong_is_told_at_once(sqlite_api: Any) -> None:
    bad = sqlite_api.job(institution__code="", recipient__email="x", data__setup_url="x", surprise=1)
    answer = await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=bad)
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields == {"institution.code", "recipient.email", "data.setup_url", "surprise"}
    assert answer.json()["type"].endswith("/invalid")


async def test_a_refused_job_leaves_its_id_free(api: Any) -> None:
    bad = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=api.job(institution__type="vet"))
    assert bad.status_code == 422
    assert len(await api.publish(api.job())) == 2
