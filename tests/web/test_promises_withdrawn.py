"""A pre-check says that the guide will follow: where that guide ends unsent, it does not leave any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.statuses import Status
from scheduler.policies import LeavePolicy
from store.chores import StoredChores
from store.outbox import StoredOutbox
from store.people import Role

CODE = "3510012345"


async def published(api: Any, **changes: Any) -> tuple[str, str]:
    """A pre-check and its guide, whose link is good until tomorrow at noon."""
    expiring = {"data__expires_at": "2026-11-25T12:00:00+09:00"} | changes
    pre_check, guide = await api.publish(api.job(**expiring))
    return pre_check["id"], guide["id"]


async def tick(api: Any) -> None:
    await StoredChores(api.wiring.db, api.wiring.ledger).expire_due(api.clock.now())


async def claim(api: Any) -> list[Any]:
    wiring = api.wiring
    policy = LeavePolicy(wiring.timing, wiring.reminder_rules, lambda _: True, wiring.has_contact)
    outbox = StoredOutbox(wiring.db, wiring.ledger, wiring.cipher, policy, wiring.clock, wiring.spreading)
    return list(await outbox.claim("a sender", 10))


async def outcome(api: Any, message_id: str) -> tuple[str, str | None]:
    message = await api.get(f"/v1/messages/{message_id}")
    return message["status"], message["reason"]


@pytest.mark.parametrize("way", [[], [Status.SENDING, Status.DEFERRED]])
async def test_an_expired_guide_takes_its_pre_check_along(api: Any, way: list[Status]) -> None:
    pre_check, guide = await published(api)
    if way:
        await api.move(pre_check, *way, ready_at=api.clock.now() + timedelta(days=1, hours=4))
    api.later(days=1, hours=4)  # 14:00 of the day
    await tick(api)
    assert await outcome(api, guide) == ("expired", None)
    assert await outcome(api, pre_check) == ("cancelled", "guide-expired")
    *_, event = (await api.get(f"/v1/messages/{pre_check}"))["events"]
    assert event["type"] == "promise-withdrawn"
    assert event["detail"] == {"guide": guide, "reason": "guide-expired"}
    assert await claim(api) == []


async def test_so_does_one_that_is_cancelled_by_hand(api: Any) -> None:
    pre_check, guide = await published(api)
    assert (await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{guide}/cancel")).status_code == 200
    assert await outcome(api, guide) == ("cancelled", "withdrawn")
    assert await outcome(api, pre_check) == ("cancelled", "guide-cancelled")


async def test_a_job_that_is_withdrawn_is_so_as_a_whole(api: Any) -> None:
    pre_check, guide = await published(api)
    answer = await api.ask(Role.PUBLISHER, "POST", f"/v1/jobs/{api.job()['job_id']}/cancel")
    assert answer.status_code == 200
    assert [await outcome(api, one) for one in (pre_check, guide)] == [("cancelled", "withdrawn")] * 2


async def test_one_that_is_just_being_sent_is_left_and_asked_before_its_next_try(api: Any) -> None:
    pre_check, _ = await published(api)
    await api.move(pre_check, Status.SENDING)
    api.later(days=1, hours=4)
    await tick(api)
    assert (await outcome(api, pre_check))[0] == "sending"
    await api.move(pre_check, Status.DEFERRED, ready_at=api.clock.now())
    assert await claim(api) == []
    assert await outcome(api, pre_check) == ("cancelled", "guide-expired")


async def test_one_that_may_have_arrived_is_not_sent_again(api: Any) -> None:
    pre_check, _ = await published(api)
    await api.move(pre_check, Status.SENDING, Status.IN_DOUBT, ready_at=api.clock.now() + timedelta(days=1))
    api.later(days=1, hours=4)
    await tick(api)
    assert await claim(api) == []
    assert (await outcome(api, pre_check))[0] == "in-doubt"


async def test_a_pre_check_that_has_left_stays_sent(api: Any) -> None:
    pre_check, guide = await published(api)
    await api.send(pre_check)
    assert (await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{guide}/cancel")).status_code == 200
    assert (await outcome(api, pre_check))[0] == "sent"


async def test_callers_are_told_that_this_application_brings_no_guide(api: Any) -> None:
    await published(api)
    api.later(days=1, hours=4)
    await tick(api)
    told = await api.get("/v1/advice", params={"institution_code": CODE, "symptom": "not-arrived"})
    assert told["id"] == "reapply"
    assert told["summary"] == "G-MIS利用案内メールは、期限内に送信できませんでした（期限切れ）。"


async def test_callers_are_told_of_a_guide_that_was_taken_back(api: Any) -> None:
    _, guide = await published(api)
    await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{guide}/cancel")
    told = await api.get("/v1/advice", params={"institution_code": CODE, "symptom": "not-arrived"})
    assert told["id"] == "contact-prefecture"
    assert told["summary"] == "11月2日（月）の申請によるアカウント発行のメールは、取り消されました。"
    answer = await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{guide}/resend")
    assert answer.json()["procedure"]["id"] == "reapply"
