"""The guide can't be sent again, by anyone, through any door (rules 32, 179)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import func, select

from core.kinds import Kind
from core.statuses import Status
from store.people import Role
from store.tables import messages
from todoke.cli.publishing import publish_jobs

WAY_OUT = "ask-login-id-and-reset-password"
HTML = {"Accept": "text/html"}

Door = Callable[[Any], Awaitable[tuple[int, str]]]


async def by_api(api: Any) -> tuple[int, str]:
    answer = await api.ask(Role.HELPDESK, "POST", f"/v1/messages/{api.guide}/resend")
    return answer.status_code, answer.text


async def by_api_of_the_prefecture(api: Any) -> tuple[int, str]:
    answer = await api.ask(Role.PREFECTURE, "POST", f"/v1/messages/{api.guide}/resend")
    return answer.status_code, answer.text


async def by_api_of_an_admin(api: Any) -> tuple[int, str]:
    answer = await api.ask(Role.ADMIN, "POST", f"/v1/messages/{api.guide}/resend")
    return answer.status_code, answer.text


async def by_page(api: Any) -> tuple[int, str]:
    answer = await api.ask(
        Role.HELPDESK, "POST", f"/messages/{api.guide}/resend", headers=HTML, data={"why": "頼まれた"}
    )
    return answer.status_code, answer.text


async def by_the_same_job_under_another_id(api: Any) -> tuple[int, str]:
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=api.job(job_id="again"))
    return answer.status_code, answer.text


async def by_a_second_issue_for_the_application(api: Any) -> tuple[int, str]:
    other = api.job(job_id="second", recipient__email="other@example.jp", data__login_id="h-other")
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=other)
    return answer.status_code, answer.text


async def by_a_lone_guide_for_the_application(api: Any) -> tuple[int, str]:
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=api.job(job_id="lone", kind="guide"))
    return answer.status_code, answer.text


async def by_a_batch(api: Any) -> tuple[int, str]:
    batch = [api.job(job_id="one"), api.job(job_id="two", kind="guide")]
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=batch)
    results = answer.json()["results"]
    assert {result["http_status"] for result in results} == {409}
    return 409, answer.text


DOORS = [
    by_api,
    by_api_of_the_prefecture,
    by_api_of_an_admin,
    by_page,
    by_the_same_job_under_another_id,
    by_a_second_issue_for_the_application,
    by_a_lone_guide_for_the_application,
    by_a_batch,
]


@pytest.fixture
async def issued(api: Any) -> Any:
    """An institution whose guide was sent."""
    pre_check, guide = await api.publish(api.job())
    await api.send(pre_check["id"])
    await api.send(guide["id"])
    api.guide = guide["id"]
    return api


async def guides(api: Any) -> list[str]:
    async with api.wiring.db.read() as conn:
        found = await conn.execute(select(messages.c.status).where(messages.c.kind == Kind.GUIDE))
        return list(found.scalars())


@pytest.mark.parametrize("door", DOORS)
async def test_no_door_sends_it_again(issued: Any, door: Door) -> None:
    status, told = await door(issued)
    assert status == 409
    assert WAY_OUT in told or "パスワードのリセット" in told
    assert await guides(issued) == [Status.SENT]


async def test_nor_does_the_command(
    issued: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TODOKE_DATABASE_URL", issued.wiring.settings.database_url)
    monkeypatch.chdir(tmp_path)
    jobs = [issued.job(job_id="from-a-file"), issued.job(job_id="lone", kind="guide")]
    file = tmp_path / "again.ndjson"
    file.write_text("".join(json.dumps(made) + "\n" for made in jobs), "utf-8")
    with pytest.raises(typer.Exit) as ended:
        await asyncio.to_thread(publish_jobs, str(file), as_json=False)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.count("already-issued") == 2
    assert await guides(issued) == [Status.SENT]


async def test_nor_after_it_came_back(issued: Any) -> None:
    await issued.move(issued.guide, Status.UNDELIVERED, bounce_class="hard", reason="userunknown")
    for door in DOORS:
        assert (await door(issued))[0] == 409, door
    assert await guides(issued) == [Status.UNDELIVERED]


async def test_the_same_job_again_is_answered_and_does_nothing(issued: Any) -> None:
    answer = await issued.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=issued.job())
    assert answer.status_code == 200
    assert await guides(issued) == [Status.SENT]


async def test_its_link_is_gone_for_good(issued: Any) -> None:
    async with issued.wiring.db.read() as conn:
        assert (await conn.execute(select(func.count(messages.c.secret)))).scalar_one() == 0
