"""Nobody waits for ever for a database that hangs; jobs can be posted again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import orjson
import pytest
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from config.settings import Settings
from core.clock import SystemClock
from store.tables import jobs
from todoke.wiring import Wiring
from web.patience import Patience
from web.server import HttpServer

_TOKEN = "local-token"
_SLOW_SECONDS = 0.3
_JOB = {
    "job_id": "code-1",
    "kind": "code",
    "recipient": {"email": "soumu@example.jp"},
    "data": {"code": "123456", "expires_at": "2098-01-01T00:00:00+09:00"},
}


def is_unavailable(answer: httpx2.Response) -> bool:
    return (
        answer.status_code == answer.json()["status"] == 503
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["type"] == "/problems/unavailable"
        and int(answer.headers["retry-after"]) > 0
    )


@pytest.fixture
async def wiring(hanging_way: Any) -> AsyncIterator[Wiring]:
    """The service on a database that can be made to hang."""
    wiring = Wiring(Settings(database_url=hanging_way.url, api_token=_TOKEN), SystemClock())
    yield wiring
    await wiring.close()


def client_of(wiring: Wiring) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=wiring.app)
    return httpx2.AsyncClient(
        transport=transport, base_url="http://todoke", headers={"Authorization": f"Bearer {_TOKEN}"}
    )


@pytest.mark.parametrize("body", [_JOB, [_JOB]], ids=["single", "array"])
async def test_a_job_can_be_posted_again_after_the_database_hung(
    body: Any, wiring: Wiring, hanging_way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client_of(wiring) as client:
        assert (await client.post("/v1/jobs", json=[])).status_code == 207
        monkeypatch.setattr("scheduler.intake._BATCH_SECONDS", 0.5)
        hanging_way.freeze()
        asked = [client.post("/v1/jobs", json=body) for _ in range(20)]  # more than the pool has connections
        assert all(map(is_unavailable, await asyncio.gather(*asked)))
        hanging_way.thaw()
    monkeypatch.setattr("scheduler.intake._BATCH_SECONDS", 20)
    async with client_of(wiring) as client:
        answer = await client.post("/v1/jobs", json=body)
        assert answer.status_code in {200, 202, 207}
        answers = await asyncio.gather(*(client.get("/v1/messages") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
    async with wiring.db.read() as conn:
        assert (await conn.execute(select(jobs.c.job_id))).scalars().all() == ["code-1"]


async def test_connections_that_never_answer_are_given_up(
    wiring: Wiring, hanging_way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that vanished leaves connections that hang for ever, beside new ones that work."""
    async with client_of(wiring) as client:
        assert (await client.post("/v1/jobs", json=_JOB)).status_code == 202
        monkeypatch.setattr("scheduler.intake._BATCH_SECONDS", 0.5)
        hanging_way.freeze()
        assert is_unavailable(await client.post("/v1/jobs", json=_JOB))
        hanging_way.strand()
    monkeypatch.setattr("scheduler.intake._BATCH_SECONDS", 20)
    async with client_of(wiring) as client:
        assert (await client.post("/v1/jobs", json=_JOB)).status_code == 200
        answers = await asyncio.gather(*(client.get("/v1/messages") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}


async def test_whoever_asks_for_something_is_told_that_the_database_hangs(
    wiring: Wiring, hanging_way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client_of(wiring) as client:
        (posted,) = (await client.post("/v1/jobs", json=_JOB)).json()["messages"]
        cancel = f"/v1/messages/{posted['id']}/cancel"
        monkeypatch.setattr("web.patience._BEGIN_SECONDS", 0.5)
        hanging_way.freeze()
        asked = [client.get("/v1/messages") for _ in range(20)]  # more than the pool has connections
        asked += [client.post(cancel, json={}), client.head("/v1/messages")]
        *answers, empty = await asyncio.gather(*asked)
        assert all(map(is_unavailable, answers))
        assert (empty.status_code, empty.content) == (503, b"")
        page = await client.get("/messages", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "ただいま処理できません" in page.text
        assert (await client.get("/livez")).status_code == 200
        hanging_way.thaw()
        monkeypatch.setattr("web.patience._BEGIN_SECONDS", 20)
        answers = await asyncio.gather(*(client.get("/v1/messages") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}


async def test_whoever_sends_much_has_his_time(monkeypatch: pytest.MonkeyPatch, wiring: Wiring) -> None:
    monkeypatch.setattr("web.patience._BEGIN_SECONDS", 0.0)
    async with client_of(wiring) as client:
        assert is_unavailable(await client.post("/v1/jobs", json=_JOB))
        padded = orjson.dumps(_JOB) + b" " * 70_000
        answer = await client.post("/v1/jobs", content=padded, headers={"Content-Type": "application/json"})
        assert answer.status_code in {200, 202}


@asynccontextmanager
async def served(hangs: bool) -> AsyncIterator[int]:
    """The port of an application that reads a body before it answers, or hangs."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        octets = len(await Request(scope, receive).body())
        if hangs:
            await asyncio.Event().wait()
        await PlainTextResponse(f"{octets} octets")(scope, receive, send)

    server, stop = HttpServer(Patience(app), "127.0.0.1", 0), asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    yield server.port
    stop.set()
    await running


async def posted_slowly(port: int) -> bytes:
    """The answer to a small body whose octets come over three times the patience."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: todoke\r\nConnection: close\r\nContent-Length: 30\r\n\r\n")
    for _ in range(30):
        await asyncio.sleep(_SLOW_SECONDS / 10)
        writer.write(b" ")
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_small_body_on_a_slow_line_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.patience._BEGIN_SECONDS", _SLOW_SECONDS)
    with capture_logs() as logs:
        async with served(hangs=False) as port:
            assert (await posted_slowly(port)).endswith(b"30 octets")
    assert logs == []


async def test_what_hangs_once_a_slow_body_is_whole_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.patience._BEGIN_SECONDS", _SLOW_SECONDS)
    with capture_logs() as logs:
        async with served(hangs=True) as port:
            assert (await posted_slowly(port)).startswith(b"HTTP/1.1 503 ")
    assert [entry["event"] for entry in logs] == ["gave up an answer that did not begin"]
