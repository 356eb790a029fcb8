"""Who comes second is told what somebody else did, and led to it: never that there is nothing, nor to try again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from core.statuses import Status
from store.people import Role
from tests.web.test_address_changes_api import requested, step

HTML = {"Accept": "text/html"}
AT = "令和8年11月24日（火）10時00分、操作した人："


async def post(api: Any, place: str, form: Mapping[str, str], role: Role = Role.HELPDESK, who: str = "") -> Any:
    return await api.ask(role, "POST", place, data=dict(form), headers=HTML, who=who)


async def second(api: Any, place: str, form: Mapping[str, str]) -> str:
    """The answer to somebody who does what the helpdesk has done before."""
    assert (await post(api, place, form)).status_code == 303
    api.later(hours=1)
    refused = await post(api, place, form, Role.PREFECTURE)
    assert refused.status_code == 409, refused.text
    assert "もう一度お試しください" not in refused.text
    assert "画面を開き直して、現在の状態をご確認ください。" in refused.text
    return str(refused.text)


def links(page: str) -> list[str]:
    return re.findall(r'<a class="button first" href="([^"]*)"', page)


async def test_cancelling_what_was_cancelled(known: Any) -> None:
    [mail] = await known.publish(known.plain_job("rejection", data={"reason": "重複"}))
    page = await second(known, f"/messages/{mail['id']}/cancel", {"why": "取下げ"})
    assert f"このメールの現在の状態は「取消」です（{AT}helpdesk）。" in page
    assert links(page) == [f"/messages/{mail['id']}"]


async def test_cancelling_what_has_left(known: Any) -> None:
    [mail] = await known.publish(known.plain_job("rejection", data={"reason": "重複"}))
    await known.send(mail["id"])
    refused = await post(known, f"/messages/{mail['id']}/cancel", {"why": "取下げ"})
    told = "このメールの現在の状態は「送信完了（確認中）」です（令和8年11月24日（火）10時00分）。"
    assert (refused.status_code, told in refused.text) == (409, True)


@pytest.mark.parametrize(("outcome", "label"), [("sent", "送信完了（確認中）"), ("undelivered", "不達")])
async def test_settling_what_was_settled(known: Any, outcome: str, label: str) -> None:
    [mail] = await known.publish(known.plain_job("rejection", data={"reason": "重複"}))
    await known.move(mail["id"], Status.SENDING, Status.IN_DOUBT)
    page = await second(known, f"/messages/{mail['id']}/resolve", {"outcome": outcome, "why": "電話で確認"})
    assert f"このメールの現在の状態は「{label}」です（{AT}helpdesk）。" in page
    assert links(page) == [f"/messages/{mail['id']}"]


@pytest.mark.parametrize(
    ("before", "name", "form", "told"),
    [
        ([], "approve", {}, "この変更依頼は、承認されています"),
        (["approve"], "done", {"login_id": "h1"}, "この変更依頼は、完了が登録されています"),
        ([], "reject", {"why": "取下げ"}, "この変更依頼は、却下されています"),
    ],
)
async def test_moving_a_request_on_that_was_moved_on(
    known: Any, before: list[str], name: str, form: dict[str, str], told: str
) -> None:
    change_id = await requested(known)
    for earlier in before:
        await step(known, change_id, earlier)
    page = await second(known, f"/address-changes/{change_id}/{name}", form)
    assert f"{told}（{AT}helpdesk）。" in page
    assert links(page) == [f"/address-changes/{change_id}"]


async def test_completing_a_request_that_nobody_approved(known: Any) -> None:
    change_id = await requested(known)
    answer = await step(known, change_id, "done")
    assert (answer.status_code, answer.json()["code"]) == (409, "change-not-approved")
    assert answer.json()["detail"] == "この変更依頼は、まだ承認されていません。"


async def test_releasing_what_was_released(known: Any) -> None:
    form = {"institution_code": "3510012345", "email": "soumu@example.jp", "scope": "all", "why": "申出"}
    await post(known, "/suppressions/new", form)
    [entry] = (await known.get("/v1/suppressions"))["items"]
    page = await second(known, f"/suppressions/{entry['id']}/release", {"why": "開設を確認"})
    assert "この送信停止は既に解除されています" in page
    assert f"（{AT}helpdesk）。" in page
    place = f"/suppressions?state=all&amp;institution_code=3510012345#suppression-{entry['id']}"
    assert links(page) == [place]
    listed = await known.ask(Role.PREFECTURE, "GET", place.replace("&amp;", "&"), headers=HTML)
    assert f'<tr id="suppression-{entry["id"]}">' in listed.text


async def test_what_cannot_be_seen_is_not_found_and_not_released(known: Any) -> None:
    form = {"institution_code": "3510012345", "email": "soumu@example.jp", "scope": "all", "why": "申出"}
    await post(known, "/suppressions/new", form)
    [entry] = (await known.get("/v1/suppressions"))["items"]
    place = f"/suppressions/{entry['id']}/release"
    assert (await post(known, place, {"why": "x"}, Role.PREFECTURE, "13")).status_code == 404
    await post(known, place, {"why": "x"})
    assert (await post(known, place, {"why": "x"}, Role.PREFECTURE, "13")).status_code == 404
