"""Requests do not wait for ever: not for a database that hangs, nor for anything else; what streams goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from config.settings import Settings
from core.clock import SystemClock
from store.tables import jobs
from todoke.wiring import Wiring
from web.middleware import PATIENCE_SECONDS, Envelope
from web.server import HttpServer

_TOKEN = "local-token"
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


class Handlers:
    """What an application may do with its time."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = 0

    async def hang(self, _request: Request) -> Response:
        """Takes no notice of a first cancellation, and answers when nobody waits any more."""
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
        return Response("too late")

    async def stream(self, _request: Request) -> Response:
        async def parts() -> AsyncIterator[str]:
            for number in range(3):
                await asyncio.sleep(0.1)
                yield f"{number} "

        return StreamingResponse(parts())

    async def take(self, request: Request) -> Response:
        return Response(await request.body())


@asynccontextmanager
async def served(handlers: Handlers, patience: float, linger: int = 5) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """The handlers on a port, and how to ask the server to end."""
    names = {"hang": ["GET"], "stream": ["GET"], "take": ["POST"]}
    routes = [Route(f"/v1/{name}", getattr(handlers, name), methods=methods) for name, methods in names.items()]
    app = Starlette(routes=routes, middleware=[Middleware(Envelope, patience=patience)])
    server, stop = HttpServer(app, "127.0.0.1", 0, linger=linger), asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    yield f"http://127.0.0.1:{server.port}", stop.set
    stop.set()
    await running


async def test_a_request_that_hangs_is_asked_to_come_back() -> None:
    handlers = Handlers()
    with capture_logs() as logs:
        async with served(handlers, 0.05) as (url, _), httpx2.AsyncClient(base_url=url, timeout=30) as client:
            assert is_unavailable(await client.get("/v1/hang"))
    assert handlers.cancelled == 1
    assert [entry["status"] for entry in logs if entry["event"] == "answered"] == [503]


async def test_an_answer_that_has_begun_may_take_its_time() -> None:
    async with served(Handlers(), 0.05) as (url, _), httpx2.AsyncClient(base_url=url, timeout=30) as client:
        assert (await client.get("/v1/stream")).text == "0 1 2 "


async def test_a_body_may_take_its_time() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.1)
            yield b"x"

    async with served(Handlers(), 0.05) as (url, _), httpx2.AsyncClient(base_url=url, timeout=30) as client:
        assert (await client.post("/v1/take", content=slowly())).text == "xxx"


async def test_a_request_under_way_when_the_server_ends_is_asked_to_come_back() -> None:
    handlers = Handlers()
    async with served(handlers, 60, linger=0) as (url, end), httpx2.AsyncClient(base_url=url, timeout=30) as client:
        asking = asyncio.create_task(client.get("/v1/hang"))
        await handlers.begun.wait()
        end()
        assert is_unavailable(await asking)


@pytest.fixture
async def wiring(hanging_way: Any) -> AsyncIterator[Wiring]:
    """The service on a database that can be made to hang."""
    wiring = Wiring(Settings(database_url=hanging_way.url, api_token=_TOKEN), SystemClock())
    yield wiring
    await wiring.close()


def client_of(wiring: Wiring, patience: float) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=Envelope(wiring.app, patience))
    return httpx2.AsyncClient(
        transport=transport, base_url="http://todoke", headers={"Authorization": f"Bearer {_TOKEN}"}
    )


@pytest.mark.parametrize("body", [_JOB, [_JOB]], ids=["single", "array"])
async def test_a_job_can_be_posted_again_after_the_database_hung(body: Any, wiring: Wiring, hanging_way: Any) -> None:
    async with client_of(wiring, 0.5) as client:
        assert (await client.post("/v1/jobs", json=[])).status_code == 207
        hanging_way.freeze()
        asked = [client.post("/v1/jobs", json=body) for _ in range(20)]  # more than the pool has connections
        assert all(map(is_unavailable, await asyncio.gather(*asked)))
        hanging_way.thaw()
    async with client_of(wiring, PATIENCE_SECONDS) as client:
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
    monkeypatch.setattr("scheduler.intake._BATCH_SECONDS", 0.5)
    async with client_of(wiring, 1.0) as client:
        assert (await client.post("/v1/jobs", json=_JOB)).status_code == 202
        hanging_way.freeze()
        assert is_unavailable(await client.post("/v1/jobs", json=_JOB))
        hanging_way.strand()
    async with client_of(wiring, PATIENCE_SECONDS) as client:
        assert (await client.post("/v1/jobs", json=_JOB)).status_code == 200
        answers = await asyncio.gather(*(client.get("/v1/messages") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
