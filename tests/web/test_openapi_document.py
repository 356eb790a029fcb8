"""The OpenAPI document and the pages: complete, consistent, and true of what is answered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from core.problems import TITLES
from core.statuses import Status
from scheduler.file_columns import JOB_COLUMNS, REPORT_COLUMNS
from store.people import Role
from web.app import ROUTERS
from web.csrf import HEADER
from web.openapi.operations import OPERATIONS
from web.tabular import Format


@pytest.fixture
async def document(sqlite_api: Any) -> Any:
    return (await sqlite_api.client.get("/openapi.json")).json()


def test_every_call_is_described_and_nothing_else() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    assert {route.name for route in routes if route.include_in_schema} == set(OPERATIONS)


async def test_every_reference_leads_somewhere(document: Any) -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named <= set(document["components"]["schemas"])
    assert set(document["components"]["schemas"]) - named == set()


async def test_every_call_is_documented_whole(document: Any) -> None:
    for path, calls in document["paths"].items():
        for call in calls.values():
            assert call["summary"]
            assert not call["summary"].endswith(".")
            assert call["description"]
            in_path = {each["name"] for each in call.get("parameters", []) if each["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
            assert any(status.startswith("2") for status in call["responses"])
            assert ("security" in call) == ("401" in call["responses"]) == path.startswith("/v1")


async def test_the_problems_that_are_told_exist(document: Any) -> None:
    for calls in document["paths"].values():
        for call in calls.values():
            for status, answer in call["responses"].items():
                for code in answer["description"].split(", ") if int(status) >= 400 else []:
                    assert TITLES[code][0] == int(status)


async def test_csv_files_have_a_column_for_every_key(document: Any) -> None:
    schemas = document["components"]["schemas"]

    def columns(name: str) -> set[str]:
        found: set[str] = set()
        for key, value in schemas[name]["properties"].items():
            inner = value.get("anyOf", [value])[0]
            below = columns(inner["$ref"].rpartition("/")[2]) if "$ref" in inner else ()
            found |= {f"{key}.{each}" for each in below} or {key}
        return found

    keys = {f"data.{key}" for name in schemas if name.startswith("DataOf") for key in schemas[name]["properties"]}
    assert columns("Job") - {"data"} | keys == JOB_COLUMNS
    assert columns("Report") == REPORT_COLUMNS


async def test_headers_that_go_with_a_refusal_are_told(document: Any) -> None:
    for calls in document["paths"].values():
        for call in calls.values():
            named = {status: list(answer.get("headers", ())) for status, answer in call["responses"].items()}
            assert named.get("401", ["WWW-Authenticate"]) == ["WWW-Authenticate"]
            assert named.get("503", ["Retry-After"]) == ["Retry-After"]


async def test_whoever_changes_something_with_a_session_sends_a_token_of_our_pages(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["csrf"]["name"] == HEADER
    for path, calls in document["paths"].items():
        for method, call in calls.items() if path.startswith("/v1") else ():
            ways = [set(each) for each in call["security"]]
            assert ways == [{"token"}, {"session"} if method == "get" else {"session", "csrf"}]
            assert set().union(*ways) <= set(schemes)


def conforms(value: Any, schema: Any, schemas: Any) -> None:
    """Whether an answer has the keys and types that its schema tells, and no other key."""
    if "$ref" in schema:
        conforms(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    elif "anyOf" in schema:
        if value is not None:
            conforms(value, schema["anyOf"][0], schemas)
    elif schema["type"] == "array":
        for item in value:
            conforms(item, schema["items"], schemas)
    elif schema["type"] == "object" and "properties" in schema:
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for key, item in value.items():
            conforms(item, schema["properties"][key], schemas)
    else:
        kinds = {"string": str, "integer": int, "boolean": bool, "object": dict}
        assert isinstance(value, kinds[schema["type"]])
        assert value in schema.get("enum", [value])
        assert re.search(schema.get("pattern", ""), str(value))


async def test_answers_are_what_the_document_tells(document: Any, sqlite_api: Any) -> None:
    api, schemas = sqlite_api, document["components"]["schemas"]
    [mail] = await api.publish(api.plain_job("application-complete"))
    await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, bounce_class="hard", reason="userunknown")
    await api.report(state="applied", message_id=mail["id"], type="bounce")
    await api.report(state="refused", reason="bad-token")
    at = "2026-11-24T10:00:00%2B09:00"
    for url, name in [
        ("/v1/messages", "Messages"),
        (f"/v1/messages/{mail['id']}", "MessageStory"),
        ("/v1/jobs/application-complete-1", "JobState"),
        ("/v1/institutions/3510012345", "InstitutionPage"),
        ("/v1/search?q=soumu@example.jp", "SearchResult"),
        ("/v1/advice?symptom=not-arrived", "Procedure"),
        (f"/v1/plan?kind=guide&at={at}", "Plan"),
        ("/v1/suppressions", "Suppressions"),
        ("/v1/bounces/unmatched", "UnmatchedReports"),
        ("/readyz", "Alive"),
    ]:
        conforms(await api.get(url), schemas[name], schemas)
    conforms(await api.get("/v1/audit", Role.AUDITOR), schemas["AuditTrail"], schemas)
    job = (await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=api.job())).json()
    conforms(job, schemas["JobAnswer"], schemas)
    cancelled = (await api.ask(Role.PUBLISHER, "POST", "/v1/jobs/reg-2026-000123/cancel")).json()
    conforms(cancelled, schemas["JobCancelled"], schemas)
    report = {"institution": api.job()["institution"], "status": "reported"}
    put = await api.ask(Role.PUBLISHER, "PUT", "/v1/reports/2026/3510012345", json=report)
    conforms(put.json(), schemas["ReportAnswer"], schemas)
    change: dict[str, Any] = {}
    [example] = schemas["AddressChangeRequest"]["examples"]
    for url, body in (("", example), ("/approve", None), ("/done", {"login_id": "h3510012345"})):
        place = f"/v1/address-changes/{change['id']}{url}" if change else "/v1/address-changes"
        change = (await api.ask(Role.HELPDESK, "POST", place, json=body)).json()
        conforms(change, schemas["AddressChange"], schemas)
    conforms(await api.get("/v1/address-changes"), schemas["AddressChanges"], schemas)
    refused = (await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=api.job(job_id="again"))).json()
    conforms(refused, schemas["Problem"], schemas)


async def test_files_are_of_the_media_types_that_the_document_tells(document: Any, sqlite_api: Any) -> None:
    exports = [path for path in document["paths"] if path.startswith("/v1/exports/")]
    assert len(exports) == 5
    for path in exports:
        told = document["paths"][path]["get"]["responses"]["200"]["content"]
        answers = [await sqlite_api.ask(Role.ADMIN, "GET", path, params={"format": each}) for each in Format]
        assert [each.status_code for each in answers] == [200, 200]
        assert [each.headers["content-type"].partition(";")[0] for each in answers] == list(told)


async def test_the_page_lists_every_call_and_brings_nothing_foreign(document: Any, sqlite_api: Any) -> None:
    page = await sqlite_api.client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path, calls in document["paths"].items():
        assert f"<code>{path}</code>" in page.text
        assert all(f'id="{call["operationId"]}"' in page.text for call in calls.values())
    assert "<script" not in page.text
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page.text)


async def test_the_style_sheet_is_the_one_that_the_policy_allows(sqlite_api: Any) -> None:
    import base64
    import hashlib

    page = await sqlite_api.client.get("/docs")
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in page.headers["content-security-policy"]


@pytest.mark.parametrize("code", TITLES)
async def test_a_problems_type_leads_to_its_meaning(sqlite_api: Any, code: str) -> None:
    page = await sqlite_api.client.get(f"/problems/{code}")
    assert page.status_code == 200
    assert TITLES[code][1] in page.text


async def test_a_problem_that_is_none_has_no_page(sqlite_api: Any) -> None:
    assert (await sqlite_api.client.get("/problems/<script>")).status_code == 404
