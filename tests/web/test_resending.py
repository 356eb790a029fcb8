"""A mail that is sent again: one copy at a time, told to whoever comes next, and none to an address that is stopped."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.statuses import Status
from store.people import Role

HTML = {"Accept": "text/html"}
HARD = {"bounce_class": "hard", "reason": "userunknown"}
FORM = "同じ内容を、同じ宛先に、新しいメールとして送信します。"
STOP = {"institution_code": "3510012345", "email": "soumu@example.jp", "scope": "all", "why": "申出"}


@pytest.fixture
async def sent(api: Any) -> Any:
    """A mail that was sent."""
    [api.first] = [mail["id"] for mail in await api.publish(api.plain_job("application-complete"))]
    await api.send(api.first)
    return api


async def resend(api: Any, message_id: str, who: str = "") -> Any:
    return await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{message_id}/resend", who=who)


async def again(api: Any, message_id: str) -> str:
    answer = await resend(api, message_id)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def statuses(api: Any) -> list[str]:
    return [mail["status"] for mail in (await api.get("/v1/messages"))["items"]]


async def shown(api: Any, message_id: str, more: str = "") -> str:
    answer = await api.ask(Role.HELPDESK, "GET", f"/messages/{message_id}{more}", headers=HTML)
    assert answer.status_code == 200
    return str(answer.text)


async def asked_on_the_page(api: Any, message_id: str) -> Any:
    place = f"/messages/{message_id}/resend"
    return await api.ask(Role.HELPDESK, "POST", place, data={"why": "届いていないとのこと"}, headers=HTML)


async def test_of_many_who_send_it_again_at_once_one_is_heard(sent: Any) -> None:
    who = [str(number) for number in range(8)]
    for name in who:
        await sent.token(Role.HELPDESK, name)
    answers = await asyncio.gather(*(resend(sent, sent.first, name) for name in who))
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 7]
    assert await statuses(sent) == ["scheduled", "sent"]


async def test_two_who_start_from_different_mails_of_the_family_meet_too(sent: Any) -> None:
    family = [sent.first, *[await _sent_again(sent, sent.first) for _ in range(3)]]
    sent.later(minutes=1)
    answers = await asyncio.gather(*(resend(sent, message_id) for message_id in family))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]


async def _sent_again(api: Any, message_id: str) -> str:
    api.later(minutes=1)
    copy = await again(api, message_id)
    await api.send(copy)
    return copy


async def test_the_refusal_says_when_and_by_whom_and_names_the_copy(sent: Any) -> None:
    copy = await again(sent, sent.first)
    answer = await resend(sent, sent.first, "other")
    told = answer.json()
    assert (answer.status_code, told["code"], told["message_id"]) == (409, "resend-impossible", copy)
    assert told["detail"].startswith(
        "このメールは、令和8年11月24日（火）10時00分に再送されており（操作した人：helpdesk）、"
    )
    assert told["procedure"]["id"]


@pytest.mark.parametrize("last", [Status.SENDING, Status.DEFERRED, Status.IN_DOUBT])
async def test_a_copy_that_has_not_come_to_an_end_stands_in_the_way(sent: Any, last: Status) -> None:
    copy = await again(sent, sent.first)
    await sent.move(copy, *([last] if last is Status.SENDING else [Status.SENDING, last]))
    assert (await resend(sent, sent.first)).status_code == 409
    own = (await resend(sent, copy)).json()
    assert "message_id" not in own
    assert own["detail"].startswith("このメールはまだ送信が終わっていません。")


async def test_once_the_copy_has_come_to_an_end_another_is_made(sent: Any) -> None:
    copy = await again(sent, sent.first)
    await sent.send(copy)
    sent.later(minutes=1)
    third = await again(sent, copy)
    assert (await resend(sent, sent.first)).json()["message_id"] == third
    assert (await resend(sent, copy)).json()["message_id"] == third
    await sent.ask(Role.HELPDESK, "POST", f"/v1/messages/{third}/cancel")
    sibling = await again(sent, sent.first)
    assert (await resend(sent, third)).json()["message_id"] == sibling


async def test_who_asks_on_when_the_copy_has_just_left_is_led_to_it(sent: Any) -> None:
    copy = await again(sent, sent.first)
    sent.later(minutes=90)
    await sent.send(copy)
    sent.later(seconds=59)
    told = (await resend(sent, sent.first)).json()
    assert (told["code"], told["message_id"]) == ("resend-impossible", copy)
    assert told["detail"].startswith(
        "このメールは、令和8年11月24日（火）10時00分に再送されており（操作した人：helpdesk）、"
    )
    assert "直前に送信したところです" in told["detail"]
    own = (await resend(sent, copy)).json()
    assert "message_id" not in own
    assert "直前に送信したところです" in own["detail"]
    sent.later(seconds=1)
    await again(sent, sent.first)


async def test_a_copy_that_reached_nobody_does_not_stand_in_the_way(sent: Any) -> None:
    copy = await again(sent, sent.first)
    await sent.send(copy)
    assert (await resend(sent, sent.first)).status_code == 409
    await sent.move(copy, Status.UNDELIVERED, bounce_class="soft", reason="mailboxfull")
    await again(sent, sent.first)


async def test_of_a_burst_in_which_copies_leave_at_once_one_is_heard(sent: Any) -> None:
    answers = []
    for _ in range(5):
        answers.append(await resend(sent, sent.first))
        for mail in (await sent.get("/v1/messages?status=scheduled"))["items"]:
            await sent.send(mail["id"])
    assert [answer.status_code for answer in answers] == [202, 409, 409, 409, 409]


async def test_another_mail_of_the_same_kind_is_no_copy(sent: Any) -> None:
    [other] = await sent.publish(sent.plain_job("application-complete", 2))
    await sent.send(other["id"])
    await again(sent, sent.first)
    await again(sent, other["id"])


async def test_the_page_tells_of_the_copy_instead_of_offering_another(sent: Any) -> None:
    assert FORM in await shown(sent, sent.first)
    copy = await again(sent, sent.first)
    page = await shown(sent, sent.first)
    assert FORM not in page
    assert "令和8年11月24日（火）10:00に再送されています（操作した人：helpdesk）" in page
    assert f'<a href="/messages/{copy}">再送したメール</a>の現在の状態：送信予約' in page
    assert "再送されています" not in await shown(sent, copy)
    await sent.send(copy)
    page = await shown(sent, sent.first)
    assert FORM in page
    assert "再送したメール</a>の現在の状態：送信完了（確認中）" in page


async def test_who_comes_second_is_led_to_the_copy(sent: Any) -> None:
    copy = await again(sent, sent.first)
    refused = await asked_on_the_page(sent, sent.first)
    assert refused.status_code == 409
    assert "に再送されており（操作した人：helpdesk）" in refused.text
    assert f'href="/messages/{copy}">再送したメールを表示</a>' in refused.text
    assert "もう一度お試しください" not in refused.text
    assert "代わりの対応方法" not in refused.text


async def test_to_an_address_that_is_stopped_no_copy_is_offered(sent: Any) -> None:
    await sent.move(sent.first, Status.UNDELIVERED, **HARD)
    [entry] = (await sent.get("/v1/suppressions"))["items"]
    page = await shown(sent, sent.first)
    assert FORM not in page
    assert "令和8年11月24日（火）10:00から送信停止となっています" in page
    assert f'href="/suppressions?institution_code=3510012345#suppression-{entry["id"]}"' in page
    await sent.ask(Role.HELPDESK, "DELETE", f"/v1/suppressions/{entry['id']}", json={"reason": "開設を確認"})
    assert FORM in await shown(sent, sent.first)


async def test_what_stops_reminders_alone_stops_no_copy(sent: Any) -> None:
    form = STOP | {"scope": "reminder"}
    await sent.ask(Role.HELPDESK, "POST", "/suppressions/new", data=form, headers=HTML)
    assert FORM in await shown(sent, sent.first)


async def test_where_the_address_was_stopped_meanwhile_the_page_says_that_nothing_is_sent(sent: Any) -> None:
    await sent.ask(Role.HELPDESK, "POST", "/suppressions/new", data=STOP, headers=HTML)
    answer = await asked_on_the_page(sent, sent.first)
    assert answer.status_code == 303
    place = answer.headers["location"]
    page = (await sent.ask(Role.HELPDESK, "GET", place, headers=HTML)).text
    assert "宛先が送信停止となっているため、メールは送信されませんでした。" in page
    assert "再送を受け付けました" not in page
    assert await statuses(sent) == ["suppressed", "sent"]
