"""HEAD: what GET would answer, without the body. Load balancers, link checkers and downloads ask so."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from store.people import Role
from tests.web.test_nothing_beyond import routes_of
from web.server import HttpServer

HTML = {"Accept": "text/html"}
FOR_EVER = "/live"


async def test_every_address_that_is_read_is_answered_as_get_without_its_body(sqlite_api: Any) -> None:
    paths = [call.removeprefix("GET ") for call in routes_of(sqlite_api.wiring.app) if call.startswith("GET ")]
    for path in paths:
        place = path.replace("{", "").replace("}", "")
        head = await sqlite_api.ask(Role.ADMIN, "HEAD", place, headers=HTML)
        assert head.content == b"", path
        if path == FOR_EVER:
            assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            continue
        get = await sqlite_api.ask(Role.ADMIN, "GET", place, headers=HTML)
        assert head.status_code == get.status_code, path
        assert head.headers.get("content-type") == get.headers.get("content-type"), path


async def test_probes_need_no_token_and_the_length_is_told(sqlite_api: Any) -> None:
    for path in ("/livez", "/readyz"):
        head, get = await sqlite_api.client.head(path), await sqlite_api.client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(get.content))


async def test_what_is_only_posted_to_stays_refused_and_get_names_head(sqlite_api: Any) -> None:
    posted = await sqlite_api.ask(Role.PUBLISHER, "HEAD", "/v1/jobs")
    assert (posted.status_code, posted.headers["allow"], posted.content) == (405, "POST", b"")
    deleted = await sqlite_api.client.delete("/livez")
    assert (deleted.status_code, deleted.headers["allow"]) == (405, "GET, HEAD")


async def test_an_endless_stream_ends_and_its_connection_goes_on(sqlite_api: Any) -> None:
    token = await sqlite_api.token(Role.HELPDESK)
    server, stop = HttpServer(sqlite_api.wiring.app, "127.0.0.1", 0), asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx2.Limits(max_connections=1)
    url = f"http://127.0.0.1:{server.port}"
    async with httpx2.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=20) as client:
        for path in (FOR_EVER, "/v1/exports/messages", FOR_EVER):
            answer = await client.head(path)
            assert (answer.status_code, answer.content) == (200, b""), path
        assert (await client.get("/livez")).json() == {"status": "alive"}
    stop.set()
    await running
