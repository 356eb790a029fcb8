"""GET /v1/messages: filters, pages, and what a parameter may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from core.statuses import Status
from store.people import Role

KEYS = {
    *("id", "job_id", "kind", "status", "label", "settled", "application_id", "institution_code", "email"),
    *("created_at", "due_at", "sent_at", "attempts", "next_attempt_at", "reason", "smtp_code", "enhanced_code"),
    *("diagnostic", "bounce_class", "rule", "expires_at", "waits_for"),
}


async def listed(api: Any, **params: Any) -> list[str]:
    """Job ids of what is found, newest first."""
    return [item["job_id"] for item in (await api.get("/v1/messages", params=params))["items"]]


async def some_mails(api: Any) -> None:
    """A code and, an hour later each, an application-complete and a rejection of another institution."""
    await api.publish(api.code_job())
    api.later(hours=1)
    await api.publish(api.plain_job("application-complete"))
    api.later(hours=1)
    elsewhere = {"institution__code": "1300000001", "recipient__email": "Kanri@Example.JP"}
    await api.publish(api.plain_job("rejection", data={"reason": "重複"}, **elsewhere))


async def test_every_key_is_there_and_null_where_it_does_not_apply(api: Any) -> None:
    await api.publish(api.code_job())
    [item] = (await api.get("/v1/messages"))["items"]
    assert set(item) == KEYS
    absent = {key for key, value in item.items() if value is None}
    assert absent == KEYS - {
        *("id", "job_id", "kind", "status", "label", "settled", "email", "created_at", "due_at", "attempts"),
        *("rule", "expires_at"),
    }
    assert item["expires_at"] == "2026-11-24T11:00:00+09:00"


async def test_newest_come_first(api: Any) -> None:
    await some_mails(api)
    assert await listed(api) == ["rejection-1", "application-complete-1", "code-1"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"institution_code": "1300000001"}, ["rejection-1"]),
        ({"institution_code": "　１３００００００01 "}, ["rejection-1"]),
        ({"institution_code": "9999"}, []),
        ({"application_id": "A-application-complete-1"}, ["application-complete-1"]),
        ({"email": "KANRI@example.jp"}, ["rejection-1"]),
        ({"email": "ｋａｎｒｉ＠ｅｘａｍｐｌｅ．ｊｐ"}, ["rejection-1"]),
        ({"email": "nobody@example.jp"}, []),
        ({"kind": "code"}, ["code-1"]),
        ({"status": "scheduled", "kind": "rejection"}, ["rejection-1"]),
        ({"status": "sent"}, []),
        ({"since": "2026-11-24T11:00:00+09:00"}, ["rejection-1", "application-complete-1"]),
        ({"until": "2026-11-24T11:00:00+09:00"}, ["code-1"]),
        ({"since": "2026-11-24T02:00:00Z", "until": "2026-11-24T03:00:00Z"}, ["application-complete-1"]),
        ({"kind": "", "status": "", "cursor": "", "limit": ""}, ["rejection-1", "application-complete-1", "code-1"]),
    ],
)
async def test_each_filter_narrows(api: Any, params: dict[str, str], found: list[str]) -> None:
    await some_mails(api)
    assert await listed(api, **params) == found


async def test_a_plus_sign_that_was_not_encoded_is_understood(sqlite_api: Any) -> None:
    await sqlite_api.publish(sqlite_api.job(recipient__email="bounce-5.1.1+a@example.jp"))
    found = await sqlite_api.get("/v1/messages?email=bounce-5.1.1+a@example.jp&since=2026-11-24T10:00:00+09:00")
    assert len(found["items"]) == 2


async def test_an_international_domain_is_found_as_it_is_typed(sqlite_api: Any) -> None:
    await sqlite_api.publish(sqlite_api.job(recipient__email="soumu@病院.example.jp"))
    found = (await sqlite_api.get("/v1/messages", params={"email": "soumu@病院.EXAMPLE.jp"}))["items"]
    assert {item["email"] for item in found} == {f"soumu@{'病院'.encode('idna').decode()}.example.jp"}


@pytest.mark.parametrize(
    ("params", "field", "code"),
    [
        ({"colour": "red"}, "colour", "unknown-field"),
        ({"institution": "35"}, "institution", "unknown-field"),
        ({"institution_code": "no/code"}, "institution_code", "format"),
        ({"application_id": "申請"}, "application_id", "format"),
        ({"email": "nobody"}, "email", "format"),
        ({"email": "a\x00@example.jp"}, "email", "format"),
        ({"kind": "account-issue"}, "kind", "choice"),
        ({"status": "lost"}, "status", "choice"),
        ({"since": "yesterday"}, "since", "format"),
        ({"since": "2026-11-24T10:00:00"}, "since", "format"),
        ({"until": "1948-01-01T00:00:00Z"}, "until", "range"),
        ({"until": "2099-12-31T23:59:59Z"}, "until", "range"),
        ({"until": "9999-12-31T23:59:59-09:00"}, "until", "range"),
        ({"limit": "0"}, "limit", "range"),
        ({"limit": "251"}, "limit", "range"),
        ({"limit": "-1"}, "limit", "range"),
        ({"limit": "ten"}, "limit", "range"),
        ({"limit": "９"}, "limit", "range"),
        ({"cursor": "x"}, "cursor", "format"),
        ({"cursor": "WyIyMDI2LTExLTI0VDAxOjAwOjAwKzAwOjAwIiwiMSJd"}, "cursor", "format"),
        ({"cursor": "日本"}, "cursor", "format"),
        ({"kind": ["code", "guide"]}, "kind", "repeated"),
    ],
)
async def test_a_bad_parameter_is_named(sqlite_api: Any, params: dict[str, Any], field: str, code: str) -> None:
    answer = await sqlite_api.ask(Role.HELPDESK, "GET", "/v1/messages", params=params)
    assert answer.status_code == 422
    told = answer.json()
    assert [(error["field"], error["code"]) for error in told["errors"]] == [(field, code)]
    assert told["type"].endswith("/unknown-field" if code == "unknown-field" else "/invalid")


async def test_pages_are_stable_while_mails_come_in(api: Any) -> None:
    await api.publish(*(api.code_job(number) for number in range(7)))
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    for number in range(10, 14):
        page = await api.get("/v1/messages", params=params)
        seen += [item["job_id"] for item in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
        await api.publish(api.code_job(number))
    assert seen == [f"code-{number}" for number in reversed(range(7))]


@pytest.mark.parametrize(
    ("role", "status"), [(Role.PREFECTURE, None), (Role.HELPDESK, "held"), (Role.PREFECTURE, "held")]
)
async def test_lists_that_are_put_together_from_kinds_are_as_stable(api: Any, role: Role, status: str | None) -> None:
    jobs = [api.job(job_id=f"j-{n}", application__id=f"A-{n}") for n in range(3)]
    await api.publish(*jobs, *(api.plain_job("application-complete", n) for n in range(4)))
    params: dict[str, Any] = {} if status is None else {"status": status}
    whole = [item["id"] for item in (await api.get("/v1/messages", role, params=params))["items"]]
    assert len(whole) == (10 if status is None else 3)
    seen: list[str] = []
    params["limit"] = 2
    for number in range(10, 20):
        page = await api.get("/v1/messages", role, params=params)
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
        await api.publish(api.job(job_id=f"j-{number}", application__id=f"A-{number}"))
    assert seen == whole == sorted(whole, reverse=True)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 12), steps=st.lists(st.sampled_from([0.0, 1e-6, 1.0]), min_size=1, max_size=3))
async def test_pages_hold_everything_once_and_in_order(api: Any, limit: int, steps: list[float]) -> None:
    have = len((await api.get("/v1/messages", params={"limit": 250}))["items"])
    for number, step in enumerate(steps):
        await api.publish(api.code_job(have + number))
        api.clock.leap_to(api.clock.now() + timedelta(seconds=step))
    whole = [item["id"] for item in (await api.get("/v1/messages", params={"limit": 250}))["items"]]
    paged: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api.get("/v1/messages", params={"limit": limit, "cursor": cursor})
        assert len(page["items"]) <= limit
        paged += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert paged == whole
    assert len(set(paged)) == have + len(steps)


async def test_the_default_page_has_fifty(sqlite_api: Any) -> None:
    await sqlite_api.publish(*(sqlite_api.code_job(number) for number in range(51)))
    page = await sqlite_api.get("/v1/messages")
    assert (len(page["items"]), page["next"] is None) == (50, False)


async def test_a_list_costs_the_same_few_statements_however_long_it_is(api: Any) -> None:
    await api.publish(*(api.code_job(number) for number in range(60)))
    await api.token(Role.ADMIN)
    statements: list[str] = []
    engine = api.wiring.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: statements.append(statement))
    await api.get("/v1/messages", Role.ADMIN, params={"limit": 250})
    assert len([text for text in statements if text.startswith("SELECT")]) == 2  # the token, the page


async def test_a_sent_mail_settles_when_its_window_has_passed(api: Any) -> None:
    [mail] = await api.publish(api.code_job())
    await api.send(mail["id"])
    [item] = (await api.get("/v1/messages"))["items"]
    assert (item["settled"], item["label"]) == (False, "送信完了（確認中）")
    api.later(days=3)
    [item] = (await api.get("/v1/messages"))["items"]
    assert (item["settled"], item["label"]) == (True, "送信完了")


@pytest.mark.parametrize(
    ("target", "label"), [(Status.DEFERRED, "再送待ち"), (Status.IN_DOUBT, "送信結果不明"), (Status.SENT, None)]
)
async def test_the_next_attempt_is_told_while_there_is_one(api: Any, target: Status, label: str | None) -> None:
    [mail] = await api.publish(api.code_job())
    again = api.clock.now() + timedelta(minutes=5)
    values = {"ready_at": again} if label else {}
    await api.move(mail["id"], Status.SENDING, target, **values)
    [item] = (await api.get("/v1/messages"))["items"]
    assert item["next_attempt_at"] == ("2026-11-24T10:05:00+09:00" if label else None)
    assert label is None or item["label"] == label
