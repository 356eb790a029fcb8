"""A doubt that is settled later: the mail was sent when it was tried, while its gate counts from the settling."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from core.messages import Change
from core.statuses import Status
from scheduler.policies import LeavePolicy
from store.outbox import StoredOutbox
from store.people import Role
from store.tables import messages

HTML = {"Accept": "text/html"}
SENT = {"outcome": "sent", "why": "電話で確認"}


async def tried(api: Any, message_id: str, **detail: Any) -> None:
    """A try of which nobody knows whether it arrived."""
    lease = {"lease": "a sender", "ready_at": None}
    claimed = Change(message_id, Status.SENDING, "claimed", api.clock.now(), {}, lease)
    assert await api.wiring.ledger.record([claimed]) == [True]
    api.later(minutes=1)
    doubt = Change(message_id, Status.IN_DOUBT, "in-doubt", api.clock.now(), detail, {})
    assert await api.wiring.ledger.record([doubt]) == [True]


async def settle(api: Any, message_id: str) -> Any:
    answer = await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{message_id}/resolve", json=SENT)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_it_was_sent_with_the_last_try_that_was_in_doubt(api: Any) -> None:
    [mail] = await api.publish(api.plain_job("application-complete"))
    await tried(api, mail["id"])
    api.later(days=1)
    await tried(api, mail["id"])  # until 10:02 of the 25th
    api.later(hours=1)
    await api.move(mail["id"], Status.SENDING)
    refused = Change(mail["id"], Status.IN_DOUBT, "deferred", api.clock.now(), {"smtp_code": 451}, {})
    assert await api.wiring.ledger.record([refused]) == [True]
    api.later(days=10)
    told = await settle(api, mail["id"])
    assert told["sent_at"] == told["delivery"]["sent_at"] == "2026-11-25T10:02:00+09:00"
    assert (told["events"][-1]["type"], told["events"][-1]["at"]) == ("resolved", "2026-12-05T11:02:00+09:00")


async def test_what_a_dead_sender_held_was_sent_when_it_was_claimed(api: Any) -> None:
    """That it died may be found out much later, by the next one to start."""
    [mail] = await api.publish(api.plain_job("application-complete"))
    await api.move(mail["id"], Status.SENDING, Status.DEFERRED, ready_at=api.clock.now())
    claimed = Change(mail["id"], Status.SENDING, "claimed", api.clock.now(), {}, {"lease": "x", "ready_at": None})
    await api.wiring.ledger.record([claimed])
    api.later(days=3)
    found = Change(mail["id"], Status.IN_DOUBT, "in-doubt", api.clock.now(), {"sender": "x"}, {})
    await api.wiring.ledger.record([found])
    assert (await settle(api, mail["id"]))["sent_at"] == "2026-11-24T10:00:00+09:00"


async def test_its_window_to_settle_runs_from_the_try(api: Any) -> None:
    mails = await api.publish(api.plain_job("application-complete"), api.plain_job("application-complete", 2))
    for mail in mails:
        await tried(api, mail["id"])
    soon = await settle(api, mails[0]["id"])
    assert (soon["label"], soon["delivery"]["settles_at"]) == ("送信完了（確認中）", "2026-11-27T10:01:00+09:00")
    api.later(days=14)
    late = await settle(api, mails[1]["id"])
    assert (late["label"], late["settled"]) == ("送信完了", True)


async def test_a_guide_leaves_on_the_business_day_after_the_settling(api: Any) -> None:
    pre_check, guide = (mail["id"] for mail in await api.publish(api.job()))
    await tried(api, pre_check)
    api.later(days=2)  # Thursday
    await settle(api, pre_check)
    assert (await api.get(f"/v1/messages/{guide}"))["due_at"] == "2026-11-27T09:00:00+09:00"
    for place in (f"/messages/{guide}", "/institutions/3510012345"):
        page = (await api.ask(Role.HELPDESK, "GET", place, headers=HTML)).text
        assert "事前確認メールが令和8年11月26日（木）10時01分に送信完了となった場合の予定です。" in page
    # Asked again when it is claimed, whatever made it ready before its time.
    async with api.wiring.db.write() as conn:
        await conn.execute(update(messages).where(messages.c.id == guide).values(ready_at=api.clock.now()))
    wiring = api.wiring
    leave = LeavePolicy(wiring.timing, wiring.reminder_rules, wiring.settings.may_mail, wiring.has_contact)
    outbox = StoredOutbox(wiring.db, wiring.ledger, wiring.cipher, leave, wiring.clock, wiring.spreading)
    assert await outbox.claim("s", 10) == []
    assert (await api.get(f"/v1/messages/{guide}"))["due_at"] == "2026-11-27T09:00:00+09:00"


async def test_a_guide_that_is_published_by_itself_waits_as_long(api: Any) -> None:
    [pre_check] = await api.publish(api.plain_job("pre-check"))
    await tried(api, pre_check["id"])
    api.later(days=2)
    await settle(api, pre_check["id"])
    data = {"login_id": "h1", "setup_url": "https://www.g-mis.mhlw.go.jp/s/7Q2m"}
    [guide] = await api.publish(api.job(job_id="g", kind="guide", application__id="A-pre-check-1", data=data))
    assert guide["due_at"] == "2026-11-27T09:00:00+09:00"


async def test_the_helpdesk_tells_callers_the_day_of_the_try(api: Any) -> None:
    pre_check, guide = (mail["id"] for mail in await api.publish(api.job()))
    await api.send(pre_check)
    api.later(days=1)
    await tried(api, guide)  # 25 November
    api.later(days=12)  # 7 December
    await settle(api, guide)
    told = await api.get("/v1/institutions/3510012345")
    assert "11月25日" in told["summary"]
    assert "12月7日" not in told["summary"] + "".join(told["procedure"]["steps"])
