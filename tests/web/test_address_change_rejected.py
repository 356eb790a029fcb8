"""A request that is not to be carried out: rejected for a reason, by API and page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from store.people import Role
from tests.web.test_address_changes_api import ask, fields, mails_to, problem, requested, step

URL = "/v1/address-changes"
HTML = {"Accept": "text/html"}
WHY = "依頼していないとのこと"


async def reject(api: Any, change_id: str, role: Role = Role.PREFECTURE, **more: Any) -> Any:
    return await api.ask(role, "POST", f"{URL}/{change_id}/reject", **({"json": {"why": WHY}} | more))


@pytest.mark.parametrize("steps", [[], ["approve"]])
@pytest.mark.parametrize("role", [Role.PREFECTURE, Role.HELPDESK])
async def test_it_ends_with_its_reason_and_no_mail(known: Any, steps: list[str], role: Role) -> None:
    change_id = await requested(known)
    for name in steps:
        await step(known, change_id, name)
    known.later(days=1)
    answer = await reject(known, change_id, role)
    told = answer.json()
    assert (answer.status_code, told["state"], told["label"]) == (200, "rejected", "却下")
    assert (told["rejected_at"], told["rejected_by"]) == ("2026-11-25T10:00:00+09:00", role.value)
    assert told["rejected_why"] == WHY
    assert "却下の理由をお知らせください" in told["next_step"]
    assert await mails_to(known, "jimu@example.jp") == []
    assert await known.get(f"{URL}/{change_id}") == told
    assert [item["id"] for item in (await known.get(URL, params={"state": "rejected"}))["items"]] == [change_id]


async def test_it_leaves_one_line_with_the_reason(known: Any) -> None:
    change_id = await requested(known)
    await reject(known, change_id)
    line = (await known.audited())[-1]
    assert (line.actor, line.action, line.subject) == ("prefecture", "address-change-rejected", change_id)
    assert line.detail == {
        "institution_code": "3510012345",
        "old_email": "s***@example.jp",
        "new_email": "j***@example.jp",
        "why": WHY,
    }


async def test_nothing_follows_it_and_it_follows_nothing_that_is_over(known: Any) -> None:
    change_id = await requested(known)
    assert (await reject(known, change_id)).status_code == 200
    again, approved, done = (
        await reject(known, change_id),
        await step(known, change_id, "approve"),
        await step(known, change_id, "done"),
    )
    assert [problem(answer) for answer in (again, approved, done)] == [
        "change-not-open",
        "change-not-requested",
        "change-not-approved",
    ]
    finished = await requested(known, new_email="other@example.jp")
    await step(known, finished, "approve")
    await step(known, finished, "done")
    late = await reject(known, finished)
    assert (late.status_code, problem(late)) == (409, "change-not-open")
    assert (await known.get(f"{URL}/{finished}"))["state"] == "done"


async def test_the_same_may_be_asked_again_afterwards(known: Any) -> None:
    change_id = await requested(known)
    await reject(known, change_id)
    again = await ask(known)
    assert (again.status_code, again.json()["state"]) == (202, "requested")
    assert again.json()["id"] != change_id


async def test_done_and_rejected_at_once_end_one_way(known: Any) -> None:
    change_id = await requested(known)
    await step(known, change_id, "approve")
    both = await asyncio.gather(step(known, change_id, "done"), reject(known, change_id))
    assert sorted(answer.status_code for answer in both) == [200, 409]
    state = (await known.get(f"{URL}/{change_id}"))["state"]
    assert len(await mails_to(known, "jimu@example.jp")) == (1 if state == "done" else 0)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "why", "required"),
        ({"why": " "}, "why", "empty"),
        ({"why": "x" * 1001}, "why", "too-long"),
        ({"why": "x", "reason": "y"}, "reason", "unknown-field"),
    ],
)
async def test_it_needs_a_reason(sqlite_api: Any, body: Any, field: str, code: str) -> None:
    await sqlite_api.publish(sqlite_api.job())
    change_id = await requested(sqlite_api)
    answer = await reject(sqlite_api, change_id, json=body)
    assert (answer.status_code, fields(answer)) == (422, [(field, code)])
    assert (await sqlite_api.get(f"{URL}/{change_id}"))["state"] == "requested"


async def test_another_prefectures_is_not_found(known: Any) -> None:
    theirs = await requested(known, institution_code="1300000001", institution_name="江東薬局")
    assert (await reject(known, theirs)).status_code == 404
    assert (await known.get(f"{URL}/{theirs}"))["state"] == "requested"
    assert (await reject(known, theirs, who="13")).status_code == 200


async def test_the_page_rejects_and_shows_why(known: Any) -> None:
    change_id = await requested(known)
    place = f"/address-changes/{change_id}"
    bare = await known.ask(Role.PREFECTURE, "POST", f"{place}/reject", data={"why": " "}, headers=HTML)
    assert (bare.status_code, "入力してください。" in bare.text) == (422, True)
    sent = await known.ask(Role.PREFECTURE, "POST", f"{place}/reject", data={"why": WHY}, headers=HTML)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{place}?done=rejected")
    page = await known.ask(Role.PREFECTURE, "GET", sent.headers["location"], headers=HTML)
    assert "メールアドレスの変更依頼を却下しました。" in page.text
    assert WHY in page.text
    assert f'action="{place}/' not in page.text.replace(f'action="{place}/addresses"', "")
    institution = await known.ask(Role.PREFECTURE, "GET", "/institutions/3510012345", headers=HTML)
    assert "メールアドレスの変更依頼があります" not in institution.text
