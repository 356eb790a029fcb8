"""Requests as HTTP/1.1 lets them be written, over a real connection (RFC 9112)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from web.server import HttpServer


@asynccontextmanager
async def connected(api: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the whole application."""
    server, stop = HttpServer(api.wiring.app, "127.0.0.1", 0), asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield reader, writer
    writer.close()
    stop.set()
    await running


async def answered(api: Any, request: bytes) -> tuple[int, bytes, Any]:
    """Status, head and document of what is answered before the connection is closed."""
    async with connected(api) as (reader, writer), asyncio.timeout(20):
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    return int(head.split()[1]), head.lower(), json.loads(body)


TARGETS = ["http://todoke.example:8080/livez", "HTTP://todoke.example/livez", "https://[::1]:8080/livez?x=1", "/livez"]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_may_name_the_host(sqlite_api: Any, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n"
    with capture_logs() as logs:
        status, _, told = await answered(sqlite_api, request.encode())
    assert (status, told) == (200, {"status": "alive"})
    assert [line["path"] for line in logs if line["event"] == "answered"] == ["/livez"]


@pytest.mark.parametrize("path", ["", "/", "/v1/jobs/a%2Fb%20http%3A%2F%2Fc"])
async def test_its_path_is_taken_as_it_would_be_without_the_host(sqlite_api: Any, path: str) -> None:
    told = []
    for target in (f"http://todoke.example{path}", path or "/"):
        request = f"GET {target} HTTP/1.1\r\nHost: todoke.example\r\nConnection: close\r\n\r\n"
        told.append(await answered(sqlite_api, request.encode()))
    assert told[0][::2] == told[1][::2]


@pytest.mark.parametrize(
    "lengths",
    [("Transfer-Encoding: chunked", "Content-Length: 5"), ("content-length: 6", "TRANSFER-ENCODING: chunked")],
)
async def test_two_lengths_of_one_body_are_refused_and_nothing_behind_it_is_read(
    sqlite_api: Any, lengths: tuple[str, str]
) -> None:
    head = "\r\n".join(("POST /v1/jobs HTTP/1.1", "Host: todoke", *lengths))
    smuggled = "GET /livez HTTP/1.1\r\nHost: todoke\r\n\r\n"
    status, told_head, told = await answered(sqlite_api, f"{head}\r\n\r\n0\r\n\r\n{smuggled}".encode())
    assert (status, told["code"]) == (400, "unparsable")
    assert b"connection: close" in told_head


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
async def test_what_is_no_http_is_a_problem_too(sqlite_api: Any, sent: bytes) -> None:
    status, head, told = await answered(sqlite_api, sent)
    assert (status, told["code"]) == (400, "unparsable")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
