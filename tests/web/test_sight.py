"""What a prefecture office sees: its own institutions and nothing of the others, nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from core.statuses import Status
from store.people import Role

THEIRS = {"institution__code": "1300000001", "institution__name": "江東薬局", "institution__type": "pharmacy"}


@pytest.fixture
async def both(api: Any) -> Any:
    """An institution here (35) and one in Tokyo (13), each with a pre-check, a guide and a suppression."""
    there = api.job(job_id="theirs", application__id="A-2", **THEIRS)
    there["institution"]["prefecture"] = "13"
    mails = await api.publish(api.job(), there)
    for mail in (mails[0], mails[2]):
        await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, bounce_class="hard", reason="userunknown")
    api.ours, api.theirs = mails[0]["id"], mails[2]["id"]
    return api


async def test_lists_hold_the_prefectures_own(both: Any) -> None:
    own = await both.get("/v1/messages", Role.PREFECTURE)
    assert {item["institution_code"] for item in own["items"]} == {"3510012345"}
    assert {item["email"] for item in own["items"]} == {"soumu@example.jp"}
    theirs = await both.get("/v1/messages", Role.PREFECTURE, who="13")
    assert {item["institution_code"] for item in theirs["items"]} == {"1300000001"}
    assert len((await both.get("/v1/messages"))["items"]) == 4


@pytest.mark.parametrize(
    "params",
    [
        {"institution_code": "1300000001"},
        {"application_id": "A-2"},
        {"email": "soumu@example.jp"},
        {"kind": "guide"},
        {"limit": "1"},
    ],
)
async def test_no_filter_reaches_beyond(both: Any, params: dict[str, str]) -> None:
    page = await both.get("/v1/messages", Role.PREFECTURE, params=params)
    assert {item["institution_code"] for item in page["items"]} <= {"3510012345"}


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "/v1/messages/{theirs}"),
        ("POST", "/v1/messages/{theirs}/cancel"),
        ("POST", "/v1/messages/{theirs}/resend"),
        ("POST", "/v1/messages/{theirs}/resolve"),
        ("GET", "/v1/jobs/theirs"),
        ("GET", "/v1/institutions/1300000001"),
        ("GET", "/v1/advice?institution_code=1300000001&symptom=not-arrived"),
    ],
)
async def test_another_prefectures_things_are_not_found(both: Any, method: str, url: str) -> None:
    place = url.format(theirs=both.theirs)
    body = {"outcome": "sent", "why": "x"} if method == "POST" else None
    answer = await both.ask(Role.PREFECTURE, method, place, json=body)
    assert answer.status_code == 404
    assert "江東" not in answer.text
    assert answer.json() == (await both.ask(Role.PREFECTURE, "GET", "/v1/institutions/unknown")).json()


@pytest.mark.parametrize("url", ["/v1/messages/{ours}", "/v1/jobs/reg-2026-000123", "/v1/institutions/3510012345"])
async def test_its_own_it_sees_whole_and_one_line_is_kept_of_it(both: Any, url: str) -> None:
    before = len(await both.audited())
    answer = await both.ask(Role.PREFECTURE, "GET", url.format(ours=both.ours))
    assert "soumu@example.jp" in answer.text
    lines = (await both.audited())[before:]
    assert [(line.actor, line.prefecture) for line in lines] == [("prefecture", "35")]
    assert lines[0].detail["addresses"] == (1 if "messages" in url else 2)


async def test_code_mails_are_none_of_a_prefectures_business(both: Any) -> None:
    own = both.code_job() | {"institution": both.job()["institution"]}
    [mail] = await both.publish(own)
    page = await both.get("/v1/messages", Role.PREFECTURE)
    assert "code" not in {item["kind"] for item in page["items"]}
    for url in (f"/v1/messages/{mail['id']}", "/v1/jobs/code-1"):
        assert (await both.ask(Role.PREFECTURE, "GET", url)).status_code == 404
        assert (await both.ask(Role.HELPDESK, "GET", url)).status_code == 200
    institution = await both.get("/v1/institutions/3510012345", Role.PREFECTURE)
    assert "code" not in {item["kind"] for item in institution["messages"]}
    assert (await both.ask(Role.PREFECTURE, "POST", f"/v1/messages/{mail['id']}/cancel")).status_code == 404


async def test_suppressions_are_the_prefectures_own(both: Any) -> None:
    [own] = (await both.get("/v1/suppressions", Role.PREFECTURE))["items"]
    [theirs] = (await both.get("/v1/suppressions", Role.PREFECTURE, who="13"))["items"]
    assert (own["institution_code"], theirs["institution_code"]) == ("3510012345", "1300000001")
    answer = await both.ask(Role.PREFECTURE, "DELETE", f"/v1/suppressions/{theirs['id']}?reason=x")
    assert answer.status_code == 404
    assert len((await both.get("/v1/suppressions"))["items"]) == 2


async def test_an_institution_is_seen_by_the_prefecture_it_lies_in_now(both: Any) -> None:
    moved = both.plain_job("application-complete", institution__prefecture="13")
    await both.publish(moved)
    assert (await both.get("/v1/messages", Role.PREFECTURE))["items"] == []
    assert len((await both.get("/v1/messages", Role.PREFECTURE, who="13"))["items"]) == 5


async def test_addresses_shown_to_nobody_leave_no_line(both: Any) -> None:
    before = len(await both.audited())
    await both.get("/v1/messages", params={"kind": "code"})
    await both.get("/v1/messages", Role.ADMIN)
    await both.get("/v1/jobs/theirs", Role.PUBLISHER)
    await both.get("/v1/plan?kind=code&at=2026-11-24T10:00:00Z")
    await both.get("/v1/advice?institution_code=3510012345&symptom=not-arrived")
    assert len(await both.audited()) == before


async def test_the_line_tells_what_was_asked_for_but_no_address(both: Any) -> None:
    await both.get("/v1/messages", params={"email": "soumu@example.jp", "kind": "guide"})
    line = (await both.audited())[-1]
    assert (line.actor, line.role, line.action) == ("helpdesk", "helpdesk", "messages-listed")
    assert line.detail == {"email": "s***@example.jp", "kind": "guide", "addresses": 2}


async def test_a_publisher_sees_no_address_in_a_servers_words_either(api: Any) -> None:
    [mail] = await api.publish(api.code_job())
    words = "550 5.1.1 <SOUMU@example.jp>: forwarded to taro.yamada@example.com"
    await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, diagnostic=words)
    [shown] = (await api.get("/v1/jobs/code-1", Role.PUBLISHER))["messages"]
    assert shown["diagnostic"] == "550 5.1.1 <S***@example.jp>: forwarded to t***@example.com"
    [whole] = (await api.get("/v1/jobs/code-1", Role.ADMIN))["messages"]
    assert (whole["diagnostic"], whole["email"]) == (words, "soumu@example.jp")


async def test_the_audit_trail_is_the_auditors(api: Any) -> None:
    await api.publish(api.job())
    await api.get("/v1/messages", params={"limit": "1"})
    await api.get("/v1/messages", Role.PREFECTURE)
    lines = (await api.get("/v1/audit", Role.AUDITOR, params={"action": "messages-listed"}))["items"]
    assert [(line["actor"], line["action"]) for line in lines] == [
        ("prefecture", "messages-listed"),
        ("helpdesk", "messages-listed"),
    ]
    assert "soumu@" not in str(lines)
    one = await api.get("/v1/audit", Role.AUDITOR, params={"actor": "prefecture", "limit": "1"})
    assert ([line["actor"] for line in one["items"]], one["next"]) == (["prefecture"], None)


async def test_the_audit_trail_comes_in_pages(api: Any) -> None:
    await api.publish(api.code_job())
    for _ in range(3):
        await api.get("/v1/messages")
    wanted = {"action": "messages-listed", "limit": "2"}
    first = await api.get("/v1/audit", Role.AUDITOR, params=wanted)
    rest = await api.get("/v1/audit", Role.AUDITOR, params=wanted | {"cursor": first["next"]})
    numbers = [int(line["id"]) for line in first["items"] + rest["items"]]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == 3
    messages_cursor = {"cursor": "WyIyMDI2LTExLTI0VDAxOjAwOjAwKzAwOjAwIiwiYWJjIl0"}
    assert (await api.ask(Role.AUDITOR, "GET", "/v1/audit", params=messages_cursor)).status_code == 422
