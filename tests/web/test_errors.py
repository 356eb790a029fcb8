"""When things go wrong: every answer is a problem, none shows internals, and the log holds nothing personal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import text
from starlette.requests import ClientDisconnect

from config.settings import Settings
from core.clock import SystemClock
from core.problems import TITLES
from store.people import Role
from store.writable import Writable
from todoke.wiring import Wiring
from web.app import PAGE_ROUTERS, ROUTERS
from web.problem_meanings import MEANINGS

LOCAL = {"Authorization": "Bearer local"}
SECURITY_HEADERS = ("x-content-type-options", "referrer-policy", "content-security-policy", "cache-control")


def is_problem(answer: Any, status: int, code: str) -> bool:
    told = answer.json()
    return (
        answer.status_code == told["status"] == status
        and answer.headers["content-type"] == "application/problem+json"
        and told["type"] == f"/problems/{code}"
        and told["title"] == TITLES[code][1]
    )


@pytest.mark.parametrize(
    "url", ["/v1", "/v1/", "/v1/nothing", "/v1/messages/", "/v2/jobs", "/metrics", "/nothing", "/%00"]
)
async def test_an_unknown_path_is_not_found(sqlite_api: Any, url: str) -> None:
    assert is_problem(await sqlite_api.client.get(url), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "url", "allow"),
    [
        ("PUT", "/v1/jobs", "POST"),
        ("DELETE", "/v1/messages", "GET, HEAD"),
        ("GET", "/v1/jobs/a/../cancel", None),
        ("POST", "/livez", "GET, HEAD"),
        ("PATCH", "/v1/jobs/x", "GET, HEAD"),
        ("DELETE", "/v1/jobs/x/cancel", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/address-changes", "GET, HEAD, POST"),
        ("PUT", "/v1/address-changes", "GET, HEAD, POST"),
        ("GET", "/v1/suppressions/x", "DELETE"),
        ("PUT", "/login", "GET, HEAD, POST"),
    ],
)
async def test_a_wrong_method_says_which_one_is_right(
    sqlite_api: Any, method: str, url: str, allow: str | None
) -> None:
    answer = await sqlite_api.client.request(method, url)
    if allow is None:
        assert answer.status_code == 401
    else:
        assert is_problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    "path", sorted({route.path_format for router in (*ROUTERS, *PAGE_ROUTERS) for route in router.routes})
)
async def test_what_is_allowed_is_what_is_not_refused(sqlite_api: Any, path: str) -> None:
    url = path.replace("{", "").replace("}", "")
    answers = {
        method: await sqlite_api.client.request(method, url)
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    }
    taken = [method for method, answer in answers.items() if answer.status_code != 405]
    assert {answers[method].headers["allow"] for method in answers if method not in taken} == {", ".join(taken)}


@pytest.fixture
async def broken() -> Any:
    """The service over a PostgreSQL that is not there."""
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=2"
    wiring = Wiring(Settings(database_url=url, api_token="local"), SystemClock())
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=wiring.app), base_url="http://todoke")
    yield client
    await client.aclose()
    await wiring.close()


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("GET", "/readyz", {}),
        ("GET", "/v1/messages", {"Authorization": "Bearer tdk_unknown"}),
        ("GET", "/v1/messages", LOCAL),
        ("POST", "/v1/jobs", LOCAL),
        ("GET", "/v1/institutions/35", LOCAL),
    ],
)
async def test_without_a_database_the_service_asks_to_come_back(
    broken: Any, sqlite_api: Any, method: str, url: str, headers: dict[str, str]
) -> None:
    answer = await broken.request(method, url, headers=headers, json=sqlite_api.job() if method == "POST" else None)
    assert is_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "nobody" not in answer.text


async def test_without_a_database_the_process_lives(broken: Any) -> None:
    assert (await broken.get("/livez")).status_code == 200


async def test_a_database_without_our_tables_is_not_ready(tmp_path: Path) -> None:
    wiring = Wiring(Settings(database_url=f"sqlite:///{tmp_path / 'empty.sqlite3'}"), SystemClock())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=wiring.app), base_url="http://todoke") as client:
        assert is_problem(await client.get("/readyz"), 503, "unavailable")
    await wiring.close()


async def test_a_database_that_takes_no_writes_is_not_ready(sqlite_api: Any) -> None:
    assert (await sqlite_api.client.get("/readyz")).json() == {"status": "ready"}
    db = sqlite_api.wiring.db
    async with db.write() as conn:
        await conn.execute(text("CREATE TRIGGER full BEFORE INSERT ON guesses BEGIN SELECT RAISE(FAIL, 'full'); END"))
    writable = Writable(db, sqlite_api.wiring.ids)
    sqlite_api.wiring.app.state.services = replace(sqlite_api.wiring.app.state.services, writable=writable)
    answer = await sqlite_api.client.get("/readyz")
    assert is_problem(answer, 503, "unavailable")
    assert answer.json()["detail"].startswith("データベースに書き込めません。")
    assert int(answer.headers["retry-after"]) > 0
    assert (await sqlite_api.client.get("/livez")).status_code == 200


class _Lost(Exception):
    """A mistake of ours, with something personal in its words."""


async def test_our_own_mistake_is_no_stranger_to_problems(sqlite_api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise _Lost("soumu@example.jp")

    monkeypatch.setattr("web.messages.message_page", fail)
    with structlog.testing.capture_logs() as logs:
        answer = await sqlite_api.ask(Role.HELPDESK, "GET", "/v1/messages")
    assert is_problem(answer, 500, "internal")
    assert "soumu" not in answer.text + str(logs)
    failed, answered = logs
    assert (failed["log_level"], failed["kind"]) == ("error", "_Lost")
    assert any("test_errors.py" in frame for frame in failed["where"])
    assert answered["status"] == 500


async def test_a_client_that_leaves_is_no_mistake_of_ours(sqlite_api: Any) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    token = (await sqlite_api.token(Role.PUBLISHER)).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/jobs",
        "raw_path": b"/v1/jobs",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + token)],
        "http_version": "1.1",
        "scheme": "http",
    }
    with structlog.testing.capture_logs() as logs:
        await sqlite_api.wiring.app(scope, receive, send)
    assert [entry["log_level"] for entry in logs] == ["info"]
    assert ClientDisconnect.__name__ not in str(sent)


async def test_a_request_leaves_one_line_without_anything_personal(sqlite_api: Any) -> None:
    await sqlite_api.publish(sqlite_api.job(job_id="tanaka-hanako"))
    with structlog.testing.capture_logs() as logs:
        await sqlite_api.get("/v1/messages", params={"email": "soumu@example.jp"})
        await sqlite_api.get("/v1/jobs/tanaka-hanako")
        await sqlite_api.client.get("/soumu@example.jp")
    assert [(entry["path"], entry["principal"], entry["status"]) for entry in logs] == [
        ("/v1/messages", "helpdesk", 200),
        ("/v1/jobs/{job_id}", "helpdesk", 200),
        ("unmatched", None, 404),
    ]
    assert all(entry["ms"] >= 0 for entry in logs)
    assert "soumu" not in str(logs)
    assert "tanaka" not in str(logs)


@pytest.mark.parametrize("url", ["/livez", "/nowhere", "/v1/messages", "/docs", "/openapi.json", "/problems/invalid"])
async def test_every_answer_keeps_browsers_strict(sqlite_api: Any, url: str) -> None:
    answer = await sqlite_api.client.get(url)
    assert [name for name in SECURITY_HEADERS if name not in answer.headers] == []
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_many_requests_at_once_do_not_lock_each_other_out(api: Any) -> None:
    await api.publish(*(api.code_job(number) for number in range(5)))
    roles = [Role.HELPDESK, Role.PREFECTURE, Role.ADMIN] * 5
    for role in set(roles):
        await api.token(role)
    pages = await asyncio.gather(*(api.get("/v1/messages", role) for role in roles))
    assert {len(page["items"]) for page in pages} == {0, 5}


def test_every_problem_has_its_page() -> None:
    assert set(MEANINGS) == set(TITLES)
