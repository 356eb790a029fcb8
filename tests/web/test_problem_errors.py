"""Every problem has `errors`, a list: empty where no field is to blame (contract section 4)."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import FieldError
from core.problems import TITLES, Problem
from core.statuses import Status
from store.people import Role

CODE = "3510012345"
UNKNOWN = "019ab3c4-0000-7000-8000-000000000000"


@pytest.mark.parametrize("code", TITLES)
def test_no_field_to_blame_is_an_empty_list(code: str) -> None:
    assert Problem(code).as_dict()["errors"] == []


def test_a_field_to_blame_is_told_by_path_code_and_detail() -> None:
    error = FieldError("recipient.email", "required", "is required")
    told = Problem("invalid", errors=[error]).as_dict()["errors"]
    assert told == [{"field": "recipient.email", "code": "required", "detail": "is required"}]


@pytest.mark.parametrize(
    ("role", "method", "url", "body", "status"),
    [
        (Role.PUBLISHER, "POST", "/v1/jobs", b"{", 400),
        (Role.AUDITOR, "GET", "/v1/messages", None, 403),
        (Role.HELPDESK, "GET", f"/v1/messages/{UNKNOWN}", None, 404),
        (Role.HELPDESK, "GET", "/v1/nothing", None, 404),
        (Role.HELPDESK, "PUT", "/v1/jobs", None, 405),
    ],
)
async def test_a_call_refused_as_a_whole_blames_no_field(
    sqlite_api: Any, role: Role, method: str, url: str, body: bytes | None, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await sqlite_api.ask(role, method, url, content=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"]) == (status, [])


async def test_nobody_blames_no_field(sqlite_api: Any) -> None:
    answer = await sqlite_api.client.get("/v1/messages")
    assert (answer.status_code, answer.json()["errors"]) == (401, [])


async def test_a_command_that_comes_too_late_blames_no_field(sqlite_api: Any) -> None:
    [mail] = await sqlite_api.publish(sqlite_api.plain_job("application-complete"))
    await sqlite_api.move(mail["id"], Status.SENDING, Status.SENT)
    answer = await sqlite_api.ask(Role.HELPDESK, "POST", f"/v1/messages/{mail['id']}/cancel")
    assert (answer.status_code, answer.json()["errors"]) == (409, [])


async def test_a_result_of_an_array_is_the_answer_to_the_single_job(sqlite_api: Any) -> None:
    await sqlite_api.publish(sqlite_api.job())
    refused = [
        sqlite_api.job(data__login_id="another"),  # 409 job-id-reused
        sqlite_api.job(job_id="again"),  # 409 already-issued, with the procedure
        sqlite_api.job(job_id="bad", recipient__email="nobody"),  # 422 invalid
    ]
    single = [await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=job) for job in refused]
    together = await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=refused)
    assert [len(answer.json()["errors"]) for answer in single] == [0, 0, 1]
    assert together.json()["results"] == [{**answer.json(), "http_status": answer.status_code} for answer in single]


async def test_a_line_that_cannot_be_read_is_answered_as_the_single_job_would_be(sqlite_api: Any) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", content=b"{\n", headers=headers)
    [told] = answer.json()["results"]
    assert (told["http_status"], told["code"], told["errors"]) == (400, "unparsable", [])


async def test_the_description_tells_that_it_is_always_there(sqlite_api: Any) -> None:
    document = (await sqlite_api.client.get("/openapi.json")).json()
    assert "errors" in document["components"]["schemas"]["Problem"]["required"]
