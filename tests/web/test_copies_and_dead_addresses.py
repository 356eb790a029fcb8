"""Mails sent again, and addresses under 送信停止, as the API and the pages tell of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core.statuses import Status
from store.people import Role
from tests.web.test_address_changes_api import requested, step

CODE = "3510012345"
HTML = {"Accept": "text/html"}
HARD = {"bounce_class": "hard", "reason": "userunknown"}
DEAD = "登録のメールアドレス（s***@example.jp）は不達となっています（送信停止）。"
STOPPED = "登録のメールアドレス（s***@example.jp）は送信停止となっています。"
RESETTING = ["not-arrived", "lost-guide", "unknown-login-id", "unknown-password", "reset-mail-not-arrived"]


async def command(api: Any, message_id: str, name: str) -> Any:
    answer = await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{message_id}/{name}")
    assert answer.status_code in (200, 202), answer.text
    return answer.json()


async def told_everywhere(api: Any, symptom: str = "not-arrived") -> dict[str, Any]:
    """The procedure, which stands the same in the advice, on the institution's page and in the page's piece."""
    query = {"institution_code": CODE, "symptom": symptom}
    told = await api.get("/v1/advice", params=query)
    for place, params in ((f"/institutions/{CODE}", {"symptom": symptom}), ("/advice/procedure", query)):
        page = (await api.ask(Role.HELPDESK, "GET", place, params=params, headers=HTML)).text
        assert f'data-procedure="{told["id"]}"' in page
        assert plain(told["steps"][0]) in plain(page)
    return dict(told)


def plain(text: str) -> str:
    """Without markup, to be compared with a step."""
    return re.sub(r"<[^>]*>|\s", "", text)


@pytest.mark.parametrize("kind", ["existing-user-confirm", "rejection"])
async def test_a_copy_that_never_leaves_takes_nothing_back(api: Any, kind: str) -> None:
    data = {"login_id": "x"} if kind == "existing-user-confirm" else {"reason": "重複"}
    account = "unpermitted" if kind == "existing-user-confirm" else "none"
    [first] = await api.publish(api.plain_job(kind, data=data, application__account=account))
    await api.send(first["id"])
    before = await told_everywhere(api)
    api.later(hours=8)  # after hours: the copy waits for the next morning
    copy = await command(api, first["id"], "resend")
    waiting = await told_everywhere(api)
    assert waiting["id"] == before["id"]
    assert "11月24日（火）に送信し" in waiting["summary"]
    assert "11月25日（水）にもう一度送信する予定です" in waiting["summary"]
    page = await api.get(f"/v1/institutions/{CODE}")
    assert (page["summary"], page["procedure"]) == (waiting["summary"], waiting)
    await command(api, copy["id"], "cancel")
    assert await told_everywhere(api) == before


async def test_a_mail_that_came_back_is_told_and_marked_so_while_its_copy_is_stopped(api: Any) -> None:
    data = {"login_id": "x"}
    [first] = await api.publish(api.plain_job("existing-user-confirm", data=data, application__account="unpermitted"))
    await api.move(first["id"], Status.SENDING, Status.UNDELIVERED, **HARD)
    before = await api.ask(Role.HELPDESK, "GET", f"/institutions/{CODE}/now", headers=HTML)
    assert (await command(api, first["id"], "resend"))["status"] == "suppressed"
    after = await api.ask(Role.HELPDESK, "GET", f"/institutions/{CODE}/now", headers=HTML)
    assert "11月24日（火）に不達になりました" in (await api.get(f"/v1/institutions/{CODE}"))["summary"]
    assert after.text.partition("</p>")[0] == before.text.partition("</p>")[0]  # the sentence, its mark and its tone


async def suppression(api: Any) -> str:
    [entry] = (await api.get("/v1/suppressions", params={"institution_code": CODE, "state": "active"}))["items"]
    return str(entry["id"])


async def release(api: Any) -> None:
    place = f"/v1/suppressions/{await suppression(api)}"
    answer = await api.ask(Role.HELPDESK, "DELETE", place, json={"reason": "本人確認済み"})
    assert answer.status_code == 200, answer.text


async def test_a_pre_check_that_came_back_after_its_guide_left_is_told_until_released(known: Any) -> None:
    before = {symptom: await told_everywhere(known, symptom) for symptom in RESETTING}
    [pre_check] = (await known.get("/v1/messages", params={"institution_code": CODE, "kind": "pre-check"}))["items"]
    await known.move(pre_check["id"], Status.UNDELIVERED, **HARD)
    for symptom in RESETTING:
        told = await told_everywhere(known, symptom)
        assert told["id"] == before[symptom]["id"]
        assert told["steps"][0].startswith(DEAD)
    await release(known)
    for symptom in RESETTING[1:]:
        assert (await told_everywhere(known, symptom))["steps"] == before[symptom]["steps"]


async def test_a_reset_mail_that_came_back_is_told_until_the_address_is_changed(known: Any) -> None:
    reset = {"reset_url": "https://www.g-mis.mhlw.go.jp/r", "expires_at": "2026-12-24T10:00:00+09:00"}
    known.later(days=1)
    [mail] = await known.publish(known.plain_job("password-reset", data=reset) | {"application": None})
    await known.move(mail["id"], Status.SENDING, Status.UNDELIVERED, **HARD)
    for symptom in RESETTING:
        assert (await told_everywhere(known, symptom))["steps"][0].startswith(DEAD)
    change_id = await requested(known)
    for name in ("approve", "done"):
        known.later(days=1)
        assert (await step(known, change_id, name)).status_code in (200, 202)
    for symptom in RESETTING:
        assert not any("登録のメールアドレス（" in line for line in (await told_everywhere(known, symptom))["steps"])


async def test_an_entry_by_hand_counts_for_its_own_scope(known: Any) -> None:
    form = {"institution_code": CODE, "email": "Soumu@example.jp", "why": "申出"}
    for scope, says in (("reminder", False), ("all", True)):
        entered = form | {"scope": scope}
        answer = await known.ask(Role.HELPDESK, "POST", "/suppressions/new", data=entered, headers=HTML)
        assert answer.status_code == 303
        told = await told_everywhere(known, "unknown-password")
        assert told["steps"][0].startswith(STOPPED) is says
        assert "不達" not in told["steps"][0]
