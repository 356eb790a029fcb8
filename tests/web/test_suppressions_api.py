"""Suppressions listed and released."""

from __future__ import annotations

from typing import Any

import pytest

from core.statuses import Status
from store.people import Role

NOBODY = "01a20b11-1a80-7001-baab-85f6d60193e4"


@pytest.fixture
async def blocked(api: Any) -> Any:
    """Three addresses of the institution that failed for good, an hour apart."""
    for number in range(3):
        [mail] = await api.publish(
            api.plain_job("application-complete", number, recipient__email=f"Box{number}@example.jp"),
        )
        hard = {"bounce_class": "hard", "reason": "userunknown"}
        await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, **hard)
        api.later(hours=1)
    return api


async def listed(api: Any, **params: Any) -> list[str]:
    return [item["email"] for item in (await api.get("/v1/suppressions", params=params))["items"]]


async def test_an_entry_says_what_and_why(blocked: Any) -> None:
    entry = (await blocked.get("/v1/suppressions"))["items"][-1]
    assert entry | {"id": "", "message_id": ""} == {
        "id": "",
        "email": "Box0@example.jp",
        "institution_code": "3510012345",
        "scope": "all",
        "reason": "userunknown",
        "message_id": "",
        "created_at": "2026-11-24T10:00:00+09:00",
        "released_at": None,
        "released_by": None,
        "released_why": None,
    }
    assert (await blocked.get(f"/v1/messages/{entry['message_id']}"))["status"] == "undelivered"
    assert (await blocked.audited())[0].action == "suppressions-listed"


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, ["Box2@example.jp", "Box1@example.jp", "Box0@example.jp"]),
        ({"email": "BOX1@EXAMPLE.JP"}, ["Box1@example.jp"]),
        ({"institution_code": "35"}, []),
        ({"scope": "reminder"}, []),
        ({"scope": "all", "limit": "1"}, ["Box2@example.jp"]),
        ({"state": "released"}, []),
    ],
)
async def test_the_list_is_narrowed(blocked: Any, params: dict[str, str], found: list[str]) -> None:
    assert await listed(blocked, **params) == found


async def test_the_list_comes_in_pages(blocked: Any) -> None:
    first = await blocked.get("/v1/suppressions", params={"limit": 2})
    rest = await listed(blocked, limit=2, cursor=first["next"])
    assert rest == ["Box0@example.jp"]


@pytest.mark.parametrize("in_query", [True, False])
async def test_an_address_is_released_with_a_reason(blocked: Any, in_query: bool) -> None:
    entry = (await blocked.get("/v1/suppressions"))["items"][0]
    how = {"params": {"reason": "開設を確認"}} if in_query else {"json": {"reason": "開設を確認"}}
    answer = await blocked.ask(Role.HELPDESK, "DELETE", f"/v1/suppressions/{entry['id']}", **how)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["released_by"], told["released_why"]) == ("helpdesk", "開設を確認")
    assert told["released_at"] == "2026-11-24T13:00:00+09:00"
    assert await listed(blocked) == ["Box1@example.jp", "Box0@example.jp"]
    assert await listed(blocked, state="released") == ["Box2@example.jp"]
    assert len(await listed(blocked, state="all")) == 3
    line = next(line for line in await blocked.audited() if line.action == "suppression-released")
    assert (line.subject, line.detail["why"]) == (entry["id"], "開設を確認")
    again = await blocked.ask(Role.HELPDESK, "DELETE", f"/v1/suppressions/{entry['id']}", **how)
    assert (again.status_code, again.json()["code"]) == (409, "already-released")
    assert "令和8年11月24日（火）13時00分、操作した人：helpdesk" in again.json()["detail"]
    elsewhere = await blocked.ask(Role.PREFECTURE, "DELETE", f"/v1/suppressions/{entry['id']}", who="13", **how)
    assert elsewhere.status_code == 404


@pytest.mark.parametrize(
    ("how", "field", "code"),
    [
        ({}, "reason", "required"),
        ({"params": {"reason": " "}}, "reason", "required"),
        ({"json": {"reason": ""}}, "reason", "empty"),
        ({"json": {"reason": "x" * 1001}}, "reason", "too-long"),
        ({"json": {"reason": "x", "by": "me"}}, "by", "unknown-field"),
        ({"json": []}, "", "type"),
        ({"params": {"why": "x"}}, "why", "unknown-field"),
    ],
)
async def test_nothing_is_released_without_a_reason(blocked: Any, how: dict[str, Any], field: str, code: str) -> None:
    entry = (await blocked.get("/v1/suppressions"))["items"][0]
    answer = await blocked.ask(Role.HELPDESK, "DELETE", f"/v1/suppressions/{entry['id']}", **how)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert len(await listed(blocked)) == 3


@pytest.mark.parametrize("entry", [NOBODY, "x", "%00"])
async def test_an_unknown_entry_is_not_found(api: Any, entry: str) -> None:
    answer = await api.ask(Role.HELPDESK, "DELETE", f"/v1/suppressions/{entry}?reason=x")
    assert answer.status_code == 404


@pytest.mark.parametrize("params", [{"scope": "some"}, {"state": "gone"}, {"email": "x"}, {"x": "y"}])
async def test_a_bad_parameter_is_named(sqlite_api: Any, params: dict[str, str]) -> None:
    answer = await sqlite_api.ask(Role.HELPDESK, "GET", "/v1/suppressions", params=params)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == list(params)
