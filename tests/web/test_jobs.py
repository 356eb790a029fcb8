"""GET /v1/jobs/{job_id} and its cancelling."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from core.statuses import Status
from store.people import Role

HOSTILE_IDS = [
    "a/b",
    "x/cancel",
    "cancel",
    "a b",
    "100%",
    "%2F",
    "a?b#c",
    "/leading",
    "trailing/",
    "~!@$&'()*+,;=:[]{}|\\^`<>\"",
    "j" * 200,
]


@pytest.mark.parametrize("job_id", HOSTILE_IDS)
async def test_any_job_id_can_be_asked_for_and_cancelled(sqlite_api: Any, job_id: str) -> None:
    await sqlite_api.publish(sqlite_api.job(job_id=job_id))
    url = f"/v1/jobs/{quote(job_id, safe='')}"
    assert (await sqlite_api.get(url, Role.PUBLISHER))["job_id"] == job_id
    answer = await sqlite_api.ask(Role.PUBLISHER, "POST", f"{url}/cancel")
    assert answer.status_code == 200
    assert answer.json()["job_id"] == job_id


async def test_a_job_shows_its_messages_as_they_stand(api: Any) -> None:
    pre_check, guide = await api.publish(api.job())
    await api.send(pre_check["id"])
    job = await api.get("/v1/jobs/reg-2026-000123", Role.PUBLISHER)
    assert (job["kind"], job["application_id"], job["note"]) == ("account-issue", "A-1001", None)
    assert [(m["id"], m["status"]) for m in job["messages"]] == [
        (pre_check["id"], "sent"),
        (guide["id"], "scheduled"),
    ]
    assert {m["email"] for m in job["messages"]} == {"s***@example.jp"}


async def test_a_job_without_mail_says_by_which_rule(api: Any) -> None:
    await api.publish(api.job(application__account="permitted"))
    job = await api.get("/v1/jobs/reg-2026-000123")
    assert (job["messages"], job["note"]) == ([], "no-mail-permitted")


async def test_a_publisher_sees_its_own_jobs_alone(api: Any) -> None:
    await api.publish(api.job())
    for method, url in [("GET", "/v1/jobs/reg-2026-000123"), ("POST", "/v1/jobs/reg-2026-000123/cancel")]:
        assert (await api.ask(Role.PUBLISHER, method, url, who=" two")).status_code == 404
    assert (await api.get("/v1/messages"))["items"][0]["status"] == "held"


@pytest.mark.parametrize("job_id", ["nothing", "", "%00", "%FF", "%E7%94%B3", "j" * 201])
async def test_an_id_that_is_none_names_no_job(api: Any, job_id: str) -> None:
    answer = await api.ask(Role.PUBLISHER, "GET", f"/v1/jobs/{job_id}")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/not-found")


async def test_cancelling_a_job_withdraws_all_that_has_not_left(api: Any) -> None:
    pre_check, guide = await api.publish(api.job())
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs/reg-2026-000123/cancel")
    assert answer.status_code == 200
    told = answer.json()
    assert [(m["status"], m["reason"]) for m in told["messages"]] == [("cancelled", "withdrawn")] * 2
    assert sorted(told["cancelled"]) == sorted([pre_check["id"], guide["id"]])
    assert told["left"] == []
    event = (await api.get(f"/v1/messages/{guide['id']}"))["events"][-1]
    assert (event["type"], event["detail"]["by"]) == ("cancelled", "publisher")


async def test_what_has_left_is_told(api: Any) -> None:
    pre_check, guide = await api.publish(api.job())
    await api.send(pre_check["id"])
    told = (await api.ask(Role.PUBLISHER, "POST", "/v1/jobs/reg-2026-000123/cancel")).json()
    assert (told["cancelled"], told["left"]) == ([guide["id"]], [pre_check["id"]])


async def test_a_lone_guide_follows_its_withdrawn_pre_check(api: Any) -> None:
    pre = api.job(job_id="pre", kind="pre-check", data={})
    lone = api.job(job_id="lone", kind="guide")
    await api.publish(pre, lone)
    told = (await api.ask(Role.PUBLISHER, "POST", "/v1/jobs/pre/cancel")).json()
    assert [m["reason"] for m in told["messages"]] == ["withdrawn"]
    guide = (await api.get("/v1/jobs/lone"))["messages"][0]
    assert (guide["status"], guide["reason"]) == ("cancelled", "pre-check-cancelled")


async def test_withdrawing_twice_comes_to_the_same(api: Any) -> None:
    await api.publish(api.job())
    first = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs/reg-2026-000123/cancel")
    again = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs/reg-2026-000123/cancel")
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(await api.audited()) == 1


@pytest.mark.parametrize("last", [Status.SENDING, Status.SENT, Status.UNDELIVERED, Status.IN_DOUBT])
async def test_a_job_whose_mail_has_left_cannot_be_cancelled(api: Any, last: Status) -> None:
    [mail] = await api.publish(api.code_job())
    await api.move(mail["id"], *dict.fromkeys([Status.SENDING, last]))
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs/code-1/cancel")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/nothing-to-cancel")
    assert answer.json()["left"] == [mail["id"]]
    assert (await api.get("/v1/messages"))["items"][0]["status"] == last


async def test_a_job_without_mail_has_nothing_to_cancel(api: Any) -> None:
    await api.publish(api.job(application__account="permitted"))
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs/reg-2026-000123/cancel")
    assert (answer.status_code, answer.json()["left"]) == (409, [])
