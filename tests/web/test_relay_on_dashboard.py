"""A relay that is away is told on the dashboard, in words, to everybody who answers callers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from store.people import Role
from tests.web.conftest import START

HTML = {"Accept": "text/html"}
ALL_WAIT = (
    "メールサーバー（リレー）を使用できないため、令和8年11月24日（火）9:40から、全てのメールの送信が止まっています。"
)
SOME_WAIT = "令和8年11月24日（火）9:40から、送信処理2個のうち1個が、メールサーバー（リレー）を使用できません。"


async def dashboard(api: Any, role: Role, place: str = "/dashboard") -> str:
    answer = await api.ask(role, "GET", place, headers=HTML)
    assert answer.status_code == 200
    text: str = answer.text
    return text


@pytest.mark.parametrize("role", [Role.HELPDESK, Role.PREFECTURE])
async def test_it_says_since_when_mails_wait_and_when_they_go_again(api: Any, role: Role) -> None:
    leases = api.wiring.leases
    await leases.enter("sender-1")
    assert "リレー" not in await dashboard(api, role)
    await leases.beat("sender-1", START - timedelta(minutes=20))
    assert ALL_WAIT in await dashboard(api, role)
    assert ALL_WAIT in await dashboard(api, role, "/dashboard/figures")
    await leases.beat("sender-1", None)
    assert "リレー" not in await dashboard(api, role)


async def test_while_another_sender_sends_it_says_less(sqlite_api: Any) -> None:
    for name, since in (("sender-1", START - timedelta(minutes=20)), ("sender-2", None)):
        await sqlite_api.wiring.leases.enter(name)
        await sqlite_api.wiring.leases.beat(name, since)
    page = await dashboard(sqlite_api, Role.HELPDESK)
    assert SOME_WAIT in page
    assert "止まっています" not in page
