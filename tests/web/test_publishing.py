"""POST /v1/jobs: one job, arrays, NDJSON, repetition, and bodies that are anything at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.people import Role

NDJSON = {"Content-Type": "application/x-ndjson"}


async def post(api: Any, **more: Any) -> Any:
    return await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", **more)


async def test_a_job_is_accepted_with_what_it_comes_to(api: Any) -> None:
    answer = await post(api, json=api.job())
    assert answer.status_code == 202
    told = answer.json()
    assert told["job_id"] == "reg-2026-000123"
    assert told["note"] is None
    pre_check, guide = told["messages"]
    assert (pre_check["kind"], pre_check["status"], pre_check["rule"]) == ("pre-check", "scheduled", "business-hours")
    assert pre_check["due_at"] == "2026-11-24T10:00:00+09:00"
    assert (guide["kind"], guide["status"], guide["waits_for"]) == ("guide", "held", pre_check["id"])


async def test_the_same_job_again_is_answered_the_same(api: Any) -> None:
    first = await post(api, json=api.job())
    again = await post(api, json=dict(reversed(api.job().items())))
    assert (again.status_code, again.json()) == (200, first.json())
    assert len((await api.get("/v1/messages"))["items"]) == 2


async def test_the_same_job_id_with_another_body_is_refused(api: Any) -> None:
    await api.publish(api.job())
    answer = await post(api, json=api.job(recipient__department="人事課"))
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/job-id-reused")


async def test_an_application_is_issued_once_and_the_answer_says_what_to_do(api: Any) -> None:
    await api.publish(api.job())
    answer = await post(api, json=api.job(job_id="another"))
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/already-issued")
    assert answer.json()["procedure"]["id"] == "wait"


async def test_an_array_answers_each_job_by_itself(api: Any) -> None:
    jobs = [api.job(), api.job(kind="nonsense"), 7, api.code_job(), api.job()]
    answer = await post(api, json=jobs)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [result["http_status"] for result in results] == [202, 422, 422, 202, 200]
    single = await post(api, json=api.code_job())
    assert results[3] == single.json() | {"http_status": 202}
    assert results[1]["errors"][0]["field"] == "kind"


async def test_an_empty_array_has_no_results(api: Any) -> None:
    answer = await post(api, json=[])
    assert (answer.status_code, answer.json()) == (207, {"results": []})


async def test_a_thousand_jobs_are_taken_and_one_more_is_not(sqlite_api: Any) -> None:
    jobs = [{"job_id": str(number)} for number in range(1001)]
    assert (await post(sqlite_api, json=jobs[:1000])).status_code == 207
    answer = await post(sqlite_api, json=jobs)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("/too-large")
    lines = "\n".join(map(json.dumps, jobs))
    assert (await post(sqlite_api, content=lines, headers=NDJSON)).status_code == 413


async def test_ndjson_loses_no_good_line_to_a_bad_one(api: Any) -> None:
    lines = [json.dumps(api.job()).encode(), b"", b"{oops", b"\xff\xfe", json.dumps(api.code_job()).encode(), b"  "]
    answer = await post(api, content=b"\r\n".join(lines), headers=NDJSON)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [result["http_status"] for result in results] == [202, 400, 400, 202]
    assert results[1]["type"].endswith("/unparsable")
    assert "line 3" in results[1]["detail"]


@pytest.mark.parametrize("url", ["/v1/jobs", "/v1/reports"])
async def test_too_many_are_told_how_many_they_may_be(sqlite_api: Any, url: str) -> None:
    answer = await sqlite_api.ask(Role.PUBLISHER, "POST", url, json=[{}] * 1001)
    assert answer.status_code == 413
    assert [error["detail"] for error in answer.json()["errors"]] == ["at most 1000 items in one request"]


@pytest.mark.parametrize("encoding", ["gzip", "br, gzip", "deflate"])
async def test_what_is_packed_is_not_unpacked(sqlite_api: Any, encoding: str) -> None:
    packed = gzip.compress(json.dumps(sqlite_api.job()).encode())
    answer = await post(sqlite_api, content=packed, headers={"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-encoding")
    assert answer.headers["accept-encoding"] == "identity"
    plain = await post(sqlite_api, json=sqlite_api.job(), headers={"Content-Encoding": "Identity"})
    assert plain.status_code == 202


async def test_several_values_for_one_are_told_what_they_are_sent_as(sqlite_api: Any) -> None:
    lines = b"\n".join(json.dumps(sqlite_api.code_job(number)).encode() for number in range(2))
    answer = await post(sqlite_api, content=lines, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith("; several items, one a line, are sent as application/x-ndjson")
    torn = await post(sqlite_api, content=b'{"job_id": ', headers={"Content-Type": "application/json"})
    assert "ndjson" not in torn.json()["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["Application/X-NDJSON; charset=utf-8", "application/ndjson", "application/jsonl", "application/x-jsonlines"],
)
async def test_ndjson_is_known_by_its_media_type(sqlite_api: Any, content_type: str) -> None:
    content = json.dumps(sqlite_api.code_job())
    assert (await post(sqlite_api, content=content, headers={"Content-Type": content_type})).status_code == 207


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/form-data", "nonsense"])
async def test_anything_else_is_taken_for_json(sqlite_api: Any, content_type: str) -> None:
    content = json.dumps(sqlite_api.code_job())
    assert (await post(sqlite_api, content=content, headers={"Content-Type": content_type})).status_code == 202


async def test_a_byte_order_mark_is_passed_over(sqlite_api: Any) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(sqlite_api.code_job()).encode()
    assert (await post(sqlite_api, content=content)).status_code == 202
    assert (await post(sqlite_api, content=content, headers=NDJSON)).json()["results"][0]["http_status"] == 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"{",
        b'{"job_id": "a" "kind": "b"}',
        b"\xff\xfe{}",
        b'{"job_id": "\xc3"}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"job_id": "a", "job_id": "b"}',
        b'{"data": {"code": "1", "code": "2"}}',
        b"[" * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 30_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"{} {}",
        json.dumps({"a": 1}).encode("utf-16"),
        json.dumps({"a": 1}).encode("utf-32"),
    ],
)
async def test_what_is_no_json_is_unparsable(sqlite_api: Any, content: bytes) -> None:
    answer = await post(sqlite_api, content=content)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith("/unparsable")


@pytest.mark.parametrize("content", ["null", "7", '"text"', "true", "1e999"])
async def test_json_that_is_no_job_is_refused(sqlite_api: Any, content: str) -> None:
    answer = await post(sqlite_api, content=content)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "type"


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "10000000"}], ids=["chunked", "content-length"])
async def test_of_a_body_that_is_too_large_no_more_is_read_than_is_worth_it(
    sqlite_api: Any, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr("web.lingering._LEAST_OCTETS", 0)
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 10_000_000:
            read += 50_000
            yield b" " * 50_000

    answer = await post(sqlite_api, content=endless(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert read <= 300_000 + 4 * 200_000


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=30)
    | st.sampled_from(["2026-11-02", "2026-11-24T09:00:00+09:00", "35", "self", "none", "guide", "https://x/"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_PATHS = st.sampled_from(
    [
        ("job_id",),
        ("kind",),
        ("not_before",),
        ("data",),
        ("data", "login_id"),
        ("data", "setup_url"),
        ("data", "expires_at"),
        ("data", "fiscal_year"),
        ("institution",),
        ("institution", "code"),
        ("institution", "name"),
        ("application",),
        ("application", "id"),
        ("application", "received_on"),
        ("recipient",),
        ("recipient", "email"),
        ("recipient", "family_name"),
    ],
)
_KINDS = st.sampled_from(["account-issue", "code", "guide", "reminder", "rejection", "password-reset", "pre-check"])


def _mutated(job: dict[str, Any], kind: str, changes: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    job["kind"] = kind
    for path, value in changes:
        place: Any = job
        for step in path[:-1]:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[path[-1]] = value
    return job


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=_KINDS, changes=st.lists(st.tuples(_PATHS, _VALUES), max_size=4))
async def test_no_job_makes_the_service_fail(api: Any, kind: str, changes: list[Any]) -> None:
    body = json.dumps(_mutated(api.job(), kind, changes))
    answer = await post(api, content=body)
    assert answer.status_code in (200, 202, 400, 409, 422), answer.text
    again = await post(api, content=f"[{body}]")
    assert again.status_code in (207, 400)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), lines=st.booleans())
async def test_no_octets_make_the_service_fail(sqlite_api: Any, content: bytes, lines: bool) -> None:
    answer = await post(sqlite_api, content=content, headers=NDJSON if lines else {})
    assert answer.status_code in ((207,) if lines else (400, 422, 207))
