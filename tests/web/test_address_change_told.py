"""A finished change of an address tells what became of its mail: the newest one, where it was sent again."""

from __future__ import annotations

from typing import Any

import pytest

from core.statuses import Status
from store.people import Role
from tests.web.test_address_changes_api import requested, step

HTML = {"Accept": "text/html"}
STOP = {"institution_code": "3510012345", "email": "jimu@example.jp", "scope": "all", "why": "申出"}
STOPPED = "変更後のメールアドレスが送信停止となっていたため、ログインIDをお知らせするメールは送信していません。"
PROMISED = "変更後のメールアドレス宛に、ログインIDをお知らせするメールを送信します。"
TOLD = "変更後のメールアドレス宛に、ログインIDをお知らせするメールを送信しました。"


@pytest.fixture
async def stopped(known: Any) -> Any:
    """A finished change to an address that gets no mail."""
    await known.ask(Role.HELPDESK, "POST", "/suppressions/new", data=STOP, headers=HTML)
    known.change = await requested(known)
    await step(known, known.change, "approve")
    place, form = f"/address-changes/{known.change}/done", {"login_id": "h1"}
    known.done = await known.ask(Role.PREFECTURE, "POST", place, data=form, headers=HTML)
    return known


async def shown(api: Any, place: str) -> str:
    answer = await api.ask(Role.PREFECTURE, "GET", place, headers=HTML)
    assert answer.status_code == 200
    return str(answer.text)


async def change(api: Any) -> Any:
    return await api.get(f"/v1/address-changes/{api.change}")


async def resend(api: Any, message_id: str) -> str:
    answer = await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{message_id}/resend")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def release(api: Any) -> None:
    [entry] = (await api.get("/v1/suppressions"))["items"]
    how = {"json": {"reason": "開設を確認"}}
    assert (await api.ask(Role.HELPDESK, "DELETE", f"/v1/suppressions/{entry['id']}", **how)).status_code == 200


async def test_the_notice_promises_no_mail_that_is_not_sent(stopped: Any) -> None:
    page = await shown(stopped, stopped.done.headers["location"])
    assert "変更の完了を登録しました。" in page
    assert STOPPED in page
    assert "お知らせします。" not in page
    assert PROMISED not in page


async def test_the_page_follows_the_mail_that_was_sent_again(stopped: Any) -> None:
    first = (await change(stopped))["message"]
    assert first["status"] == "suppressed"
    await release(stopped)
    copy = await resend(stopped, first["id"])
    told = await change(stopped)
    assert (told["message"]["id"], told["message"]["status"]) == (copy, "scheduled")
    assert told["next_step"].startswith(PROMISED)
    await stopped.send(copy)
    page = await shown(stopped, f"/address-changes/{stopped.change}")
    assert TOLD in page
    assert "送信停止" not in page.partition("<main")[2]
    assert f'href="/messages/{copy}"' in page
    [listed] = (await stopped.get("/v1/address-changes"))["items"]
    assert listed["message"] == (await change(stopped))["message"]


async def test_whichever_mail_was_sent_again_the_newest_one_counts(stopped: Any) -> None:
    first = (await change(stopped))["message"]["id"]
    await release(stopped)
    second = await resend(stopped, first)
    for origin in (first, second, first):
        await stopped.send((await change(stopped))["message"]["id"])
        stopped.later(minutes=1)
        copy = await resend(stopped, origin)
        assert (await change(stopped))["message"]["id"] == copy


async def test_another_change_is_not_told_by_it(stopped: Any) -> None:
    await release(stopped)
    other = await requested(stopped, new_email="kanri@example.jp")
    await step(stopped, other, "approve")
    done = (await step(stopped, other, "done")).json()["message"]
    await resend(stopped, (await change(stopped))["message"]["id"])
    assert (await stopped.get(f"/v1/address-changes/{other}"))["message"]["id"] == done["id"]


async def test_a_mail_that_came_back_is_told_as_such(known: Any) -> None:
    known.change = await requested(known)
    await step(known, known.change, "approve")
    mail = (await step(known, known.change, "done")).json()["message"]["id"]
    await known.move(mail, Status.SENDING, Status.UNDELIVERED, bounce_class="soft", reason="mailboxfull")
    copy = await resend(known, mail)
    await known.send(copy)
    assert (await change(known))["next_step"].startswith(TOLD)


LISTED = "メールアドレスの変更依頼があります（"


async def advised(api: Any, symptom: str) -> Any:
    return await api.get(f"/v1/advice?institution_code=3510012345&symptom={symptom}")


async def test_the_institution_tells_of_a_change_from_the_request_until_its_notice_was_sent(known: Any) -> None:
    page = "/institutions/3510012345"
    known.later(hours=1)
    known.change = await requested(known)
    assert f"{LISTED}依頼受付）" in await shown(known, page)
    assert (await advised(known, "person-left"))["title"] == "メールアドレスの変更依頼を受け付けています"
    await step(known, known.change, "approve")
    assert f"{LISTED}承認済）" in await shown(known, page)
    notice = (await step(known, known.change, "done")).json()["message"]["id"]
    assert f"{LISTED}変更完了、お知らせは送信予約）" in await shown(known, page)
    assert "メールアドレスの変更が完了し" in (await known.get("/v1/institutions/3510012345"))["summary"]
    assert "変更後の" in "".join((await advised(known, "unknown-password"))["steps"])
    await known.send(notice)
    assert LISTED not in await shown(known, page)


async def test_a_notice_that_came_back_is_marked(known: Any) -> None:
    known.later(hours=1)
    known.change = await requested(known)
    await step(known, known.change, "approve")
    notice = (await step(known, known.change, "done")).json()["message"]["id"]
    await known.move(notice, Status.SENDING, Status.UNDELIVERED, bounce_class="hard", reason="userunknown")
    page = await shown(known, "/institutions/3510012345")
    assert f"{LISTED}変更完了、お知らせは不達）" in page
    assert "メールアドレスは変更されましたが" in page
    assert '<p class="lead" role="status"><span aria-hidden="true">△</span>' in page


async def test_a_request_that_was_rejected_is_not_told(known: Any) -> None:
    change_id = await requested(known)
    form = {"json": {"why": "取下げ"}}
    answer = await known.ask(Role.PREFECTURE, "POST", f"/v1/address-changes/{change_id}/reject", **form)
    assert answer.status_code == 200, answer.text
    assert (await advised(known, "person-left"))["title"] != "メールアドレスの変更依頼を受け付けています"
