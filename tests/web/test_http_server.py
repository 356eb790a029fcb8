"""The HTTP server around the application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from core.errors import CannotListen
from web.server import HttpServer


async def answer(_request: Request) -> JSONResponse:
    return JSONResponse({"hello": "there"})


@asynccontextmanager
async def served() -> AsyncIterator[HttpServer]:
    server = HttpServer(Starlette(routes=[Route("/", answer)]), "127.0.0.1", 0)
    stop = asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    yield server
    stop.set()
    await running


async def test_it_listens_before_it_runs_and_stops_when_asked() -> None:
    async with httpx2.AsyncClient() as client:
        async with served() as server:
            url = f"http://127.0.0.1:{server.port}/"
            assert (await client.get(url)).json() == {"hello": "there"}
        with pytest.raises(httpx2.ConnectError):
            await client.get(url)


async def test_a_taken_port_is_told() -> None:
    async with served() as server:
        with pytest.raises(CannotListen, match=f"{server.port} for HTTP: Address already in use.*TODOKE_HTTP_HOST"):
            HttpServer(Starlette(), "127.0.0.1", server.port)


async def test_answers_do_not_wait_for_the_clients_acknowledgement() -> None:
    """With Nagle's algorithm on, every answer on a kept connection would take the 40 ms of a delayed ACK."""
    took: list[float] = []
    async with served() as server, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        for _ in range(40):
            started = time.perf_counter()
            await client.get("/")
            took.append(time.perf_counter() - started)
    assert min(took[20:]) < 0.03
