"""Whoever keeps the service waiting is cut off, and cannot keep others out; honest clients notice nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from web.server import HttpServer

_PATIENCE = 0.5
_MUCH = 50_000_000
"""More octets than the buffers of both ends hold."""


class Line(NamedTuple):
    """One end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ended(self) -> bytes:
        """All that comes until the other end closes."""
        read = b""
        async with asyncio.timeout(20):
            try:
                while octets := await self.reader.read(65536):
                    read += octets
            except ConnectionError:
                pass
        return read

    async def answer(self) -> bytes:
        """The next answer, which says how long it is."""
        async with asyncio.timeout(20):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split()[0])
            return head + await self.reader.readexactly(length)


class Host:
    """The server of a small application, and connections to it."""

    def __init__(self, stop: asyncio.Event, stack: AsyncExitStack, most: int) -> None:
        self.asked: set[str] = set()
        self.go_on = asyncio.Event()
        self.stop = stop
        self._stack = stack
        routes = [
            Route("/", self._hello, methods=["GET", "POST"]),
            Route("/later", self._later),
            Route("/much", self._much),
        ]
        self.server = HttpServer(Starlette(routes=routes), "127.0.0.1", 0, most_connections=most)

    async def _hello(self, request: Request) -> Response:
        self.asked.add(request.method)
        try:
            return PlainTextResponse(f"{len(await request.body())} octets")
        except ClientDisconnect:
            return Response(status_code=499)

    async def _later(self, _request: Request) -> Response:
        self.asked.add("later")
        await self.go_on.wait()
        return PlainTextResponse("now")

    async def _much(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(_MUCH // 100_000):
                yield b" " * 100_000

        return StreamingResponse(pieces())

    async def line(self, *said: bytes) -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.server.port))
        self._stack.callback(line.writer.close)
        for octets in said:
            line.writer.write(octets)
        return line

    async def is_asked(self, what: str) -> None:
        async with asyncio.timeout(20):
            while what not in self.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def hosting(most: int = 100) -> AsyncIterator[Host]:
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        host = Host(stop, stack, most)
        running = asyncio.create_task(host.server.run(stop))
        yield host
        stop.set()
        await running


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.connections._PATIENCE_SECONDS", _PATIENCE)
    monkeypatch.setattr("web.server._LOOK_SECONDS", 0.05)


HEAD = b"GET / HTTP/1.1\r\nHost: todoke\r\n"
POST = b"POST / HTTP/1.1\r\nHost: todoke\r\n"


async def drip(line: Line, piece: bytes, pause: float = 0.05) -> None:
    """Say something again and again, until the connection ends."""
    try:
        while not line.reader.at_eof():
            line.writer.write(piece)
            await line.writer.drain()
            await asyncio.sleep(pause)
    except ConnectionError:
        pass


@pytest.mark.parametrize(
    ("said", "piece", "stage"),
    [
        (b"", b"", "head"),
        (HEAD, b"X-More: 1\r\n", "head"),
        (POST + b"Content-Length: 100000\r\n\r\n", b" ", "body"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", "body"),
        (POST + b"Content-Length: 100000\r\n\r\n", b"", "body"),
    ],
    ids=["silent", "headers", "octets", "chunks", "no-body"],
)
async def test_who_does_not_get_on_is_cut_off(hasty: None, said: bytes, piece: bytes, stage: str) -> None:
    with capture_logs() as logs:
        async with hosting() as host:
            line = await host.line(said)
            dripping = asyncio.create_task(drip(line, piece))
            await line.ended()
            dripping.cancel()
    [entry] = logs
    assert (entry["event"], entry["stage"]) == ("cut off HTTP connections that did not get on", stage)


async def test_who_does_not_take_the_answer_is_cut_off(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.connections._IN_HAND_OCTETS", 15_000)
    async with hosting() as host:
        line = await host.line(b"GET /much HTTP/1.1\r\nHost: todoke\r\n\r\n")
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(5 * _PATIENCE)
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await line.ended()) < _MUCH


@pytest.mark.parametrize(
    "octets", [40_000, 3_000], ids=["system-takes-nothing-meanwhile", "nothing-acknowledged-meanwhile"]
)
async def test_who_takes_the_answer_steadily_is_not_cut_off(hasty: None, octets: int) -> None:
    """For longer than the server's patience; the slower one takes little more than a body has to bring."""
    with capture_logs() as logs:
        async with hosting() as host:
            with socket.create_connection(("127.0.0.1", host.server.port)) as connection:
                connection.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(connection, b"GET /much HTTP/1.1\r\nHost: todoke\r\n\r\n")
                until = loop.time() + 15 * _PATIENCE
                while loop.time() < until:
                    assert await loop.sock_recv(connection, octets)
                    await asyncio.sleep(_PATIENCE / 10)
    assert logs == []


async def test_a_body_that_gets_on_may_take_its_time(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.connections._FLOOR_OCTETS", 10)
    async with hosting() as host:
        line = await host.line(POST + b"Content-Length: 1000\r\n\r\n")
        for _ in range(20):
            line.writer.write(b" " * 50)
            await asyncio.sleep(_PATIENCE / 6)
        assert (await line.answer()).endswith(b"1000 octets")


async def test_an_answer_may_take_its_time_and_a_connection_go_on(hasty: None) -> None:
    async with hosting() as host:
        line = await host.line(b"GET /later HTTP/1.1\r\nHost: todoke\r\n\r\n")
        await host.is_asked("later")
        await asyncio.sleep(5 * _PATIENCE)
        host.go_on.set()
        assert (await line.answer()).endswith(b"now")
        await asyncio.sleep(3 * _PATIENCE)
        line.writer.write(HEAD + b"\r\n")
        assert (await line.answer()).endswith(b"0 octets")


async def test_who_waits_to_be_asked_for_a_body_is_not_cut_off(hasty: None) -> None:
    async with hosting() as host:
        line = await host.line(
            b"GET /later HTTP/1.1\r\nHost: todoke\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        await host.is_asked("later")
        await asyncio.sleep(5 * _PATIENCE)
        host.go_on.set()
        assert (await line.answer()).endswith(b"now")


async def test_the_silent_make_room() -> None:
    with capture_logs() as logs:
        async with hosting(most=20) as host:
            silent = [await host.line() for _ in range(60)]
            for _ in range(5):
                asked = await host.line(HEAD + b"\r\n")
                assert (await asked.answer()).endswith(b"0 octets")
            assert [await line.ended() for line in silent[:40]] == [b""] * 40
    assert [entry["event"] for entry in logs] == ["too many HTTP connections"]


async def test_whoever_is_answered_is_not_sent_away_for_another() -> None:
    with capture_logs() as logs:
        async with hosting(most=3) as host:
            busy = [await host.line(b"GET /later HTTP/1.1\r\nHost: todoke\r\n\r\n") for _ in range(3)]
            await host.is_asked("later")
            refused = await host.line()
            told = await refused.ended()
            host.go_on.set()
            assert all([(await line.answer()).endswith(b"now") for line in busy])
            async with httpx2.AsyncClient() as client:
                assert (await client.get(f"http://127.0.0.1:{host.server.port}/")).status_code == 200
    assert told.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"content-type: application/problem+json\r\n" in told
    assert b"retry-after: 5\r\n" in told
    assert b'"type":"/problems/unavailable"' in told
    (entry, *_) = logs
    assert (entry["event"], entry["most"], entry["without_request"]) == ("too many HTTP connections", 3, 0)


async def test_a_request_that_does_not_end_with_the_server_is_told_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("web.server._LAST_REQUESTS_SECONDS", 0.2)
    async with hosting() as host:
        sending = await host.line(POST + b"Content-Length: 100000\r\n\r\n ")
        await host.is_asked("POST")
        host.stop.set()
        told = await sending.ended()
    assert told.startswith(b"HTTP/1.1 503 ")
    assert b"content-type: application/problem+json\r\n" in told
    assert not any(record.exc_info for record in caplog.records)
