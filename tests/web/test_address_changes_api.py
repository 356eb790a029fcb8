"""The whole life of a request to change an address: requested, approved, done."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from core.kinds import Kind
from core.statuses import Status
from scheduler.policies import LeavePolicy
from store.outbox import StoredOutbox
from store.people import Role
from store.tables import messages

URL = "/v1/address-changes"
NOBODY = "01a20b11-1a80-7001-baab-85f6d60193e4"
HARD = {"bounce_class": "hard", "reason": "userunknown"}
ASKED = {
    "institution_name": "周南みなと病院",
    "institution_code": "3510012345",
    "old_email": "soumu@example.jp",
    "new_email": "jimu@example.jp",
}


async def ask(api: Any, role: Role = Role.HELPDESK, who: str = "", **changes: Any) -> Any:
    body = {key: value for key, value in (ASKED | changes).items() if value is not ...}
    return await api.ask(role, "POST", URL, json=body, who=who)


async def step(api: Any, change_id: str, name: str, role: Role = Role.PREFECTURE, **more: Any) -> Any:
    body = {"login_id": "h3510012345"} if name == "done" else None
    return await api.ask(role, "POST", f"{URL}/{change_id}/{name}", **({"json": body} | more))


async def requested(api: Any, **changes: Any) -> str:
    answer = await ask(api, **changes)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def problem(answer: Any) -> str:
    return str(answer.json()["type"].rpartition("/")[2])


def fields(answer: Any) -> list[tuple[str, str]]:
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


async def mails_to(api: Any, address: str) -> list[Any]:
    async with api.wiring.db.read() as conn:
        return list((await conn.execute(select(messages).where(messages.c.email == address))).all())


async def test_a_request_is_taken_with_its_due_range_and_next_step(known: Any) -> None:
    answer = await ask(known)
    assert answer.status_code == 202
    told = answer.json()
    assert told | {"id": ""} == {
        "id": "",
        "state": "requested",
        "label": "依頼受付",
        "institution_code": "3510012345",
        "institution_name": "周南みなと病院",
        "registered_name": "周南みなと病院",
        "prefecture": "35",
        "old_email": "soumu@example.jp",
        "new_email": "jimu@example.jp",
        "due_from": "2026-12-01",
        "due_to": "2026-12-08",
        "next_step": "都道府県窓口で依頼の内容をご確認のうえ、承認してください。"
        "変更の完了は、12月1日（火）から12月8日（火）までの見込みです。",
        "requested_at": "2026-11-24T10:00:00+09:00",
        "requested_by": "helpdesk",
        "approved_at": None,
        "approved_by": None,
        "done_at": None,
        "done_by": None,
        "rejected_at": None,
        "rejected_by": None,
        "rejected_why": None,
        "login_id": None,
        "message": None,
    }
    assert await known.get(f"{URL}/{told['id']}") == told


async def test_the_due_range_counts_from_the_date_in_tokyo(known: Any) -> None:
    known.later(hours=15)  # 01:00 on the 25th in Tokyo, still the 24th in UTC
    assert (await ask(known)).json()["due_from"] == "2026-12-02"


async def test_the_due_range_names_business_days(known: Any) -> None:
    known.later(days=30)  # 24 December: one and two weeks later are 31 December and 7 January
    told = (await ask(known)).json()
    assert (told["due_from"], told["due_to"]) == ("2027-01-04", "2027-01-07")


async def test_the_whole_life(known: Any) -> None:
    change_id = await requested(known)
    known.later(days=1)
    approved = (await step(known, change_id, "approve")).json()
    assert (approved["state"], approved["label"]) == ("approved", "承認済")
    assert (approved["approved_at"], approved["approved_by"]) == ("2026-11-25T10:00:00+09:00", "prefecture")
    assert "完了を登録" in approved["next_step"]
    assert await mails_to(known, "jimu@example.jp") == []

    known.later(hours=8)  # after hours
    done = (await step(known, change_id, "done")).json()
    assert (done["state"], done["label"], done["login_id"]) == ("done", "変更完了", "h3510012345")
    assert (done["done_at"], done["done_by"]) == ("2026-11-25T18:00:00+09:00", "prefecture")
    assert "パスワードリセット" in done["next_step"]
    [mail] = await mails_to(known, "jimu@example.jp")
    assert done["message"] == {"id": mail.id, "status": "scheduled", "due_at": "2026-11-26T09:00:00+09:00"}
    assert mail.data == {"login_id": "h3510012345"}

    shown = await known.get(f"/v1/messages/{mail.id}", Role.PREFECTURE)
    assert (shown["kind"], shown["institution_code"]) == ("address-changed", "3510012345")
    assert (shown["rule"], shown["job_id"]) == ("business-hours", None)
    [accepted] = shown["events"]
    assert (accepted["type"], accepted["detail"]["address_change"]) == ("accepted", change_id)

    await known.send(mail.id)
    assert "送信しました" in (await known.get(f"{URL}/{change_id}"))["next_step"]


async def test_the_mail_that_leaves_tells_the_login_id_and_names_the_prefectures_desk(known: Any) -> None:
    change_id = await requested(known)
    await step(known, change_id, "approve")
    await step(known, change_id, "done")
    wiring = known.wiring
    prefectures = wiring.data.prefectures
    policy = LeavePolicy(wiring.timing, wiring.reminder_rules, lambda _: True, wiring.has_contact)
    outbox = StoredOutbox(wiring.db, wiring.ledger, wiring.cipher, policy, known.clock, wiring.spreading)
    found = await outbox.claim("a sender", 10)
    [claimed] = [message for message in found if message.kind is Kind.ADDRESS_CHANGED]
    content = wiring.renderer.render(claimed)
    assert claimed.recipient.email == "jimu@example.jp"
    assert "h3510012345" in content.text
    assert "周南みなと病院" in content.text
    assert prefectures.contact("35").phone in content.text


async def test_each_step_leaves_one_line_without_a_whole_address(known: Any) -> None:
    change_id = await requested(known)
    await step(known, change_id, "approve")
    await step(known, change_id, "done", Role.ADMIN)
    lines = [line for line in await known.audited() if line.subject == change_id]
    assert [(line.actor, line.action) for line in lines] == [
        ("helpdesk", "address-change-requested"),
        ("prefecture", "address-change-approved"),
        ("admin", "address-change-done"),
    ]
    what = {"institution_code": "3510012345", "old_email": "s***@example.jp", "new_email": "j***@example.jp"}
    assert lines[0].detail == lines[1].detail == what
    [mail] = await mails_to(known, "jimu@example.jp")
    assert lines[2].detail == what | {"message": mail.id}


async def test_showing_whole_addresses_is_audited(known: Any) -> None:
    change_id = await requested(known)
    await known.get(URL, Role.PREFECTURE, params={"state": "requested"})
    await known.get(f"{URL}/{change_id}")
    await known.get(URL, Role.ADMIN)
    lines = [(line.actor, line.action, line.subject, line.detail) for line in await known.audited()][1:]
    assert lines == [
        ("prefecture", "address-changes-listed", URL, {"state": "requested", "addresses": 2}),
        ("helpdesk", "address-change-shown", change_id, {"addresses": 2}),
    ]


async def test_steps_go_in_order_and_once(known: Any) -> None:
    change_id = await requested(known)
    early = await step(known, change_id, "done")
    assert (early.status_code, problem(early)) == (409, "change-not-approved")
    assert await mails_to(known, "jimu@example.jp") == []
    assert (await step(known, change_id, "approve")).status_code == 200
    twice = await step(known, change_id, "approve")
    assert (twice.status_code, problem(twice)) == (409, "change-not-requested")
    assert (await step(known, change_id, "done")).status_code == 200
    for name, code in (("approve", "change-not-requested"), ("done", "change-not-approved")):
        late = await step(known, change_id, name)
        assert (late.status_code, problem(late)) == (409, code)
    assert len(await mails_to(known, "jimu@example.jp")) == 1
    assert len([line for line in await known.audited() if line.subject == change_id]) == 3


async def test_two_at_once_send_one_mail(known: Any) -> None:
    change_id = await requested(known)
    await step(known, change_id, "approve")
    both = await asyncio.gather(*(step(known, change_id, "done") for _ in range(2)))
    assert sorted(answer.status_code for answer in both) == [200, 409]
    assert len(await mails_to(known, "jimu@example.jp")) == 1


async def test_the_same_request_again_is_the_one_on_record(known: Any) -> None:
    first = (await ask(known)).json()
    known.later(days=2)
    again = await ask(known, new_email="Ｊｉｍｕ@EXAMPLE.jp")
    assert (again.status_code, again.json()) == (202, first)
    await step(known, first["id"], "approve")
    assert (await ask(known)).json()["id"] == first["id"]
    await step(known, first["id"], "done")
    assert (await ask(known)).json()["id"] != first["id"]
    lines = [line.detail.get("again") for line in await known.audited() if line.action == "address-change-requested"]
    assert lines == [None, True, True, None]


async def test_the_same_new_address_in_place_of_another_is_refused(known: Any) -> None:
    change_id = await requested(known)
    answer = await ask(known, old_email="keiri@example.jp")
    assert (answer.status_code, problem(answer)) == (409, "already-requested")
    assert answer.json()["address_change_id"] == change_id
    assert len((await known.get(URL))["items"]) == 1
    assert (await ask(known, old_email="keiri@example.jp", new_email="other@example.jp")).status_code == 202


async def test_many_at_once_are_one_request(known: Any) -> None:
    await known.token(Role.HELPDESK)
    all_of_them = await asyncio.gather(*(ask(known) for _ in range(5)))
    assert {answer.status_code for answer in all_of_them} == {202}
    assert len({answer.json()["id"] for answer in all_of_them}) == 1


@pytest.mark.parametrize("path", [[Status.SENDING], [Status.SENDING, Status.SENT]])
async def test_a_guide_that_failed_asks_for_a_new_application(api: Any, path: list[Status]) -> None:
    pre_check, guide = await api.publish(api.job())
    await api.send(pre_check["id"])
    await api.move(guide["id"], *path, Status.UNDELIVERED, **HARD)
    for role in (Role.HELPDESK, Role.PREFECTURE):
        answer = await ask(api, role)
        assert (answer.status_code, problem(answer)) == (409, "reapply-instead")
        assert answer.json()["procedure"]["id"] == "reapply"
    assert (await api.get(URL))["items"] == []


async def test_a_new_application_in_review_changes_nothing_of_a_guide_that_failed(api: Any) -> None:
    pre_check, guide = await api.publish(api.job())
    await api.send(pre_check["id"])
    await api.move(guide["id"], Status.SENDING, Status.UNDELIVERED, **HARD)
    api.later(days=1)
    await api.publish(api.job(job_id="again", kind="application-complete", application__id="A-2", data={}))
    await _asks_to_apply_anew(api)


async def test_a_pre_check_that_failed_asks_for_a_new_application(api: Any) -> None:
    [pre_check, _] = await api.publish(api.job())
    await api.move(pre_check["id"], Status.SENDING, Status.UNDELIVERED, **HARD)
    await _asks_to_apply_anew(api)


async def _asks_to_apply_anew(api: Any) -> None:
    answer = await ask(api)
    assert (answer.status_code, problem(answer)) == (409, "reapply-instead")
    for symptom in ("person-left", "cannot-view"):
        told = await api.get("/v1/advice", params={"institution_code": "3510012345", "symptom": symptom})
        assert told["id"] == answer.json()["procedure"]["id"] == "reapply"


async def test_the_account_of_an_earlier_guide_can_change_its_address(known: Any) -> None:
    known.later(days=1)
    again = known.job(job_id="again", application__id="A-3", application__received_on="2026-11-20")
    [pre_check, _] = await known.publish(again)
    await known.move(pre_check["id"], Status.SENDING, Status.UNDELIVERED, **HARD)
    assert (await ask(known)).status_code == 202


async def test_a_guide_that_fails_meanwhile_stops_the_approval(known: Any) -> None:
    change_id = await requested(known)
    [guide] = (await known.get("/v1/messages", params={"kind": "guide", "status": "sent"}))["items"]
    await known.move(guide["id"], Status.UNDELIVERED, **HARD)
    answer = await step(known, change_id, "approve")
    assert (answer.status_code, problem(answer)) == (409, "reapply-instead")
    assert answer.json()["procedure"]["id"] == "reapply"
    assert (await known.get(f"{URL}/{change_id}"))["state"] == "requested"


async def test_a_held_mail_never_takes_the_new_address(api: Any) -> None:
    mails = await api.publish(api.job())
    before = [await api.get(f"/v1/messages/{mail['id']}") for mail in mails]
    change_id = await requested(api)
    await step(api, change_id, "approve")
    await step(api, change_id, "done")
    assert [await api.get(f"/v1/messages/{mail['id']}") for mail in mails] == before
    await api.send(mails[0]["id"])
    guide = await api.get(f"/v1/messages/{mails[1]['id']}")
    assert (guide["status"], guide["email"]) == ("scheduled", "soumu@example.jp")


async def test_a_suppressed_new_address_gets_no_mail_and_it_is_said(known: Any) -> None:
    [earlier] = await known.publish(known.plain_job("application-complete", recipient__email="JIMU@example.jp"))
    await known.move(earlier["id"], Status.SENDING, Status.UNDELIVERED, **HARD)
    change_id = await requested(known)
    await step(known, change_id, "approve")
    done = (await step(known, change_id, "done")).json()
    assert (done["state"], done["message"]["status"], done["message"]["due_at"]) == ("done", "suppressed", None)
    assert "送信停止" in done["next_step"]
    assert (await known.get(f"/v1/messages/{done['message']['id']}"))["reason"] == "suppressed"


async def test_without_a_contact_the_request_stays_approved(sqlite_api: Any) -> None:
    api = sqlite_api
    place = {"code": "0100000001", "name": "札幌薬局", "type": "pharmacy", "prefecture": "01"}
    report = {"institution": place, "status": "reported"}
    await api.ask(Role.PUBLISHER, "PUT", "/v1/reports/2026/0100000001", json=report)
    change_id = await requested(api, institution_code="0100000001", institution_name="札幌薬局")
    await step(api, change_id, "approve", Role.HELPDESK)
    answer = await step(api, change_id, "done", Role.HELPDESK)
    assert (answer.status_code, problem(answer)) == (422, "no-contact")
    assert (await api.get(f"{URL}/{change_id}"))["state"] == "approved"
    assert await mails_to(api, "jimu@example.jp") == []


async def test_another_prefectures_requests_are_invisible(known: Any) -> None:
    ours = await requested(known)
    theirs = await requested(known, institution_code="1300000001", institution_name="江東薬局")
    own = await known.get(URL, Role.PREFECTURE)
    assert [item["id"] for item in own["items"]] == [ours]
    assert (await known.get(URL, Role.PREFECTURE, params={"institution_code": "1300000001"}))["items"] == []
    for method, path in (("GET", ""), ("POST", "/approve"), ("POST", "/done")):
        body = {"login_id": "x"} if method == "POST" else None
        answer = await known.ask(Role.PREFECTURE, method, f"{URL}/{theirs}{path}", json=body)
        assert answer.status_code == 404
        assert answer.json() == (await known.ask(Role.PREFECTURE, "GET", f"{URL}/{NOBODY}")).json()
    hidden = await ask(known, Role.PREFECTURE, institution_code="1300000001")
    unknown = await ask(known, Role.PREFECTURE, institution_code="9999999999")
    assert (hidden.status_code, hidden.json()) == (404, unknown.json())
    assert (await step(known, theirs, "approve", who="13")).status_code == 200


async def test_the_list_is_narrowed_and_comes_in_pages(known: Any) -> None:
    made = []
    for number in range(3):
        made.append(await requested(known, new_email=f"new{number}@example.jp"))
        known.later(minutes=1)
    made.append(await requested(known, institution_code="1300000001"))
    await step(known, made[0], "approve")
    first = await known.get(URL, params={"limit": 2})
    rest = await known.get(URL, params={"limit": 2, "cursor": first["next"]})
    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    for params, found in [
        ({"state": "approved"}, [made[0]]),
        ({"state": "done"}, []),
        ({"institution_code": "1300000001"}, [made[3]]),
        ({"institution_code": "3510012345", "state": "requested"}, [made[2], made[1]]),
    ]:
        assert [item["id"] for item in (await known.get(URL, params=params))["items"]] == found


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "login_id", "required"),
        ({"login_id": ""}, "login_id", "empty"),
        ({"login_id": "a\nb"}, "login_id", "control-character"),
        ({"login_id": "x", "why": "y"}, "why", "unknown-field"),
        ([], "", "type"),
    ],
)
async def test_done_needs_a_login_id(sqlite_api: Any, body: Any, field: str, code: str) -> None:
    await sqlite_api.publish(sqlite_api.job())
    change_id = await requested(sqlite_api)
    await step(sqlite_api, change_id, "approve")
    answer = await step(sqlite_api, change_id, "done", json=body)
    assert (answer.status_code, fields(answer)) == (422, [(field, code)])
    assert (await sqlite_api.get(f"{URL}/{change_id}"))["state"] == "approved"


@pytest.mark.parametrize("change_id", [NOBODY, "x", "%00"])
async def test_an_id_that_is_none_names_no_request(sqlite_api: Any, change_id: str) -> None:
    assert (await sqlite_api.ask(Role.HELPDESK, "GET", f"{URL}/{change_id}")).status_code == 404
    for name in ("approve", "done"):
        assert (await step(sqlite_api, change_id, name)).status_code == 404
