"""PUT and POST of reporting statuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from store.people import Role

CODE = "3510012345"


def report(api: Any, **changes: Any) -> dict[str, Any]:
    """One institution's word."""
    return {
        "institution": api.job()["institution"],
        "recipient": {"email": "soumu@example.jp"},
        "status": "not-started",
    } | changes


async def put(api: Any, item: Any, url: str = f"/v1/reports/2026/{CODE}") -> Any:
    return await api.ask(Role.PUBLISHER, "PUT", url, json=item)


async def shown(api: Any) -> list[tuple[int, str, str]]:
    reports = (await api.get(f"/v1/institutions/{CODE}"))["reports"]
    return [(each["fiscal_year"], each["scheme"], each["status"]) for each in reports]


async def test_a_status_is_put(api: Any) -> None:
    answer = await put(api, report(api))
    assert answer.status_code == 200
    assert answer.json()["institution_code"] == CODE
    assert await shown(api) == [(2026, "medical-function", "not-started")]
    reminders = (await api.get("/v1/messages", params={"kind": "reminder"}))["items"]
    assert len(reminders) == 4
    assert {item["application_id"] for item in reminders} == {None}


async def test_the_path_and_the_body_may_both_name_year_and_code(api: Any) -> None:
    wide = report(api, fiscal_year=2026) | {
        "institution": api.job(institution__code="３５１００１２３４５")["institution"]
    }
    assert (await put(api, wide)).status_code == 200


@pytest.mark.parametrize(
    ("url", "changes", "field"),
    [
        (f"/v1/reports/2026/{CODE}9", {}, "institution.code"),
        (f"/v1/reports/2025/{CODE}", {"fiscal_year": 2026}, "fiscal_year"),
        (f"/v1/reports/next/{CODE}", {}, "fiscal_year"),
        (f"/v1/reports/99999/{CODE}", {}, "fiscal_year"),
        (f"/v1/reports/0001/{CODE}", {}, "fiscal_year"),
        (f"/v1/reports/2026/{CODE}", {"status": "done"}, "status"),
        (f"/v1/reports/2026/{CODE}", {"institution": None}, "institution"),
        (f"/v1/reports/2026/{CODE}", {"channel": "fax"}, "channel"),
        (f"/v1/reports/2026/{CODE}", {"surprise": 1}, "surprise"),
        (f"/v1/reports/2026/{CODE}?scheme=tax", {}, "scheme"),
        (f"/v1/reports/2026/{CODE}?schema=x", {}, "schema"),
    ],
)
async def test_a_bad_status_is_refused_by_its_field(
    sqlite_api: Any, url: str, changes: dict[str, Any], field: str
) -> None:
    answer = await put(sqlite_api, report(sqlite_api, **changes), url)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_what_is_no_object_is_refused(sqlite_api: Any) -> None:
    assert (await put(sqlite_api, [])).status_code == 422
    answer = await sqlite_api.ask(Role.PUBLISHER, "PUT", f"/v1/reports/2026/{CODE}", content=b"{")
    assert answer.status_code == 400


async def test_the_querys_scheme_is_for_items_that_name_none(api: Any) -> None:
    assert (await put(api, report(api), f"/v1/reports/2026/{CODE}?scheme=primary-care")).status_code == 200
    own = report(api, scheme="medical-function", status="reported")
    assert (await put(api, own, f"/v1/reports/2026/{CODE}?scheme=primary-care")).status_code == 200
    assert sorted(await shown(api)) == [
        (2026, "medical-function", "reported"),
        (2026, "primary-care", "not-started"),
    ]


async def test_many_are_answered_one_by_one(api: Any) -> None:
    items = [report(api, fiscal_year=2026), report(api), 7, report(api, fiscal_year=2025, status="reported")]
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/reports", json=items)
    assert answer.status_code == 207
    assert [result["http_status"] for result in answer.json()["results"]] == [200, 422, 422, 200]
    assert sorted(await shown(api)) == [
        (2025, "medical-function", "reported"),
        (2026, "medical-function", "not-started"),
    ]


async def test_ndjson_loses_no_good_line(api: Any) -> None:
    good = json.dumps(report(api, fiscal_year=2026))
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/reports", content=f"{good}\n\noops\n", headers=headers)
    assert [result["http_status"] for result in answer.json()["results"]] == [200, 400]
    empty = await api.ask(Role.PUBLISHER, "POST", "/v1/reports", content="", headers=headers)
    assert (empty.status_code, empty.json()) == (207, {"results": []})
