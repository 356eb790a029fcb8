"""Whoever sends all before he reads gets the answer, also where his request was refused at its first octets."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest

from store.people import Role
from web.server import HttpServer

_SENT_OCTETS = 20_000_000
"""More than the buffers of both ends hold, and a hundred times as much as is taken here."""


class Served:
    """The service on a port, and a token to publish with."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token

    def post(self, body: Any, **headers: str) -> tuple[int, str]:
        """Status and problem type, as Python's own blocking client reads them."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/jobs", body, given | headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["type"]

    def head(self, *lines: str) -> bytes:
        """A request up to its body."""
        own = ["POST /v1/jobs HTTP/1.1", "Host: todoke", f"Authorization: Bearer {self.token}", *lines]
        return "\r\n".join([*own, "", ""]).encode()


@pytest.fixture
async def served(sqlite_api: Any) -> AsyncIterator[Served]:
    server = HttpServer(sqlite_api.wiring.app, "127.0.0.1", 0)
    stop = asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    yield Served(server.port, await sqlite_api.token(Role.PUBLISHER))
    stop.set()
    await running


def pieces() -> Iterator[bytes]:
    for _ in range(_SENT_OCTETS // 100_000):
        yield b" " * 100_000


@pytest.mark.parametrize("form", ["content-length", "chunked"])
async def test_a_body_that_is_too_large_is_told_so(served: Served, form: str) -> None:
    body = b" " * _SENT_OCTETS if form == "content-length" else pieces()
    assert await asyncio.to_thread(served.post, body) == (413, "/problems/too-large")


async def test_a_large_body_without_a_token_that_is_known_is_told_so(served: Served) -> None:
    """urllib asks for each connection to be closed, so that the answer's end is the connection's."""
    sent = {"Authorization": "Bearer unknown", "Connection": "close"}
    answer = await asyncio.to_thread(served.post, b" " * _SENT_OCTETS, **sent)
    assert answer == (401, "/problems/unauthenticated")


async def test_who_waits_to_be_asked_for_a_body_is_refused_at_once(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(served.head("Expect: 100-continue", f"Content-Length: {_SENT_OCTETS}"))
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    await writer.wait_closed()


async def test_a_body_without_end_is_not_read_for_ever(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.lingering._SECONDS", 0.3)

    def send_for_ever() -> None:
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
            connection.sendall(served.head("Content-Length: 999999999999"))
            while True:
                connection.sendall(b" " * 100_000)

    with pytest.raises(ConnectionError):
        await asyncio.to_thread(send_for_ever)


async def test_a_body_that_does_not_come_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.lingering._SILENT_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(served.head(f"Content-Length: {_SENT_OCTETS}"))
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    await writer.wait_closed()
