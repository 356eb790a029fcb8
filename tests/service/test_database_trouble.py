"""A database that answers and cannot be used: read-only after a fail-over, or a file that is none at all."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from config.secret_keys import generate_key
from config.settings import Settings
from core.clock import SystemClock
from store.direct import DirectConnection, Statement
from store.engine import Database
from store.people import Role
from store.users import Users
from tests.service.conftest import Command
from todoke.wiring import Wiring

JOB = {
    "job_id": "code-1",
    "kind": "code",
    "recipient": {"email": "soumu@example.jp"},
    "data": {"code": "123456", "expires_at": "2098-01-01T00:00:00+09:00"},
}
PASSWORD = "a long password of somebody"


def make_read_only(url: str, *, on: bool = True, ending: bool = True) -> None:
    """As after a fail-over: the sessions end, and those that begin take no writes. And back, with `on` False."""
    database = Database(url)
    name = database.url.database
    admin = database.url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {"on" if on else "off"}'.encode())
        if ending:
            conn.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.fixture
async def wiring(postgres_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    """The service on PostgreSQL, with a user who may sign in."""
    settings = Settings(data_dir=tmp_path, database_url=postgres_url, secret_keys=[generate_key()])
    wiring = Wiring(settings, SystemClock())
    users: Users = wiring.users
    await users.create("hanako", Role.HELPDESK, None, PASSWORD)
    yield wiring
    await wiring.close()


async def client_of(wiring: Wiring, role: Role) -> httpx2.AsyncClient:
    token = await wiring.people.create(role, role)
    transport = httpx2.ASGITransport(app=wiring.app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(transport=transport, base_url="https://todoke", headers=headers)


async def sign_in(wiring: Wiring) -> httpx2.Response:
    """With the right password."""
    transport = httpx2.ASGITransport(app=wiring.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://todoke") as browser:
        page = await browser.get("/login", headers={"Accept": "text/html"})
        [token] = re.findall(r'name="csrf_token" value="([\w-]+)"', page.text)
        form = {"csrf_token": token, "name": "hanako", "password": PASSWORD}
        return await browser.post("/login", data=form, headers={"Origin": "https://todoke"})


async def test_what_has_to_be_written_is_answered_503(wiring: Wiring, postgres_url: str) -> None:
    async with await client_of(wiring, Role.ADMIN) as client:
        jobs = (JOB | {"job_id": f"code-{number}"} for number in range(20))
        asked: dict[str, Any] = {
            "one job": lambda: client.post("/v1/jobs", json=next(jobs)),
            "jobs": lambda: client.post("/v1/jobs", json=[next(jobs), next(jobs)]),
            "an export, which leaves a line": lambda: client.get("/v1/exports/messages"),
            "signing in": lambda: sign_in(wiring),
        }
        before = {name: (await ask()).status_code for name, ask in asked.items()}
        assert all(status < 400 for status in before.values()), before
        make_read_only(postgres_url)
        found = [(name, (await ask()).status_code) for name, ask in asked.items() for _ in range(2)]
        assert {status for _, status in found} == {503}, found
        make_read_only(postgres_url, on=False)
        assert (await client.post("/v1/jobs", json=next(jobs))).status_code == 202


async def test_a_question_that_leaves_no_line_is_answered(wiring: Wiring, postgres_url: str) -> None:
    async with await client_of(wiring, Role.PUBLISHER) as client:
        await client.post("/v1/jobs", json=JOB)
        make_read_only(postgres_url)
        assert (await client.get("/v1/jobs/code-1")).status_code == 200
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503


async def test_connections_that_took_no_writes_are_not_used_again(postgres_url: str) -> None:
    """A session goes on as it began, whatever the server does by then."""
    database = Database(postgres_url)
    direct = DirectConnection(database)
    add = "INSERT INTO senders (id, started_at, beat_at) VALUES ('{}', '2026-01-01', '2026-01-01') RETURNING id"

    async def write(name: str) -> None:
        async with database.write() as conn:
            await conn.execute(text(add.format(name)))

    async def write_directly(name: str) -> None:
        await direct.fetch(Statement(add.format(name).encode(), (), {}), {})

    make_read_only(postgres_url)
    for attempt in (write, write_directly):
        with pytest.raises((OperationalError, ReadOnlySqlTransaction), match="read-only"):
            await attempt("too early")
    make_read_only(postgres_url, on=False, ending=False)
    await write("a")
    await write_directly("b")
    await direct.close()
    await database.close()


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("token", "create", "--name", "n", "--role", "publisher"), ""),
        (("user", "create", "--name", "taro", "--role", "helpdesk"), f"{PASSWORD}\n"),
    ],
)
def test_commands_say_in_one_line_that_it_takes_no_writes(
    words: tuple[str, ...], stdin: str, command: Command, postgres_url: str
) -> None:
    make_read_only(postgres_url)
    code, _, said = command(postgres_url, *words, stdin=stdin)
    assert code == 1
    assert said.splitlines()[-1].startswith("todoke: the database cannot be used: cannot execute")
    assert "is it a standby?" in said
    assert "Traceback" not in said


def test_a_simulated_clock_that_cannot_be_kept_is_told(
    command: Command, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_read_only(postgres_url)
    monkeypatch.setenv("TODOKE_CLOCK", "2026-11-24T10:00:00+09:00")
    code, _, said = command(postgres_url, "token", "list")
    assert code == 1
    assert said.splitlines()[-1].startswith("todoke: the database cannot be used: cannot execute INSERT")
    assert "Traceback" not in said


def database_line(out: str) -> dict[str, str]:
    checks: list[dict[str, str]] = json.loads(out)["checks"]
    return next(check for check in checks if check["check"] == "database")


def test_the_doctor_tries_to_write(command: Command, postgres_url: str) -> None:
    assert database_line(command(postgres_url, "doctor", "--json")[1])["result"] == "ok"
    make_read_only(postgres_url)
    code, out, said = command(postgres_url, "doctor", "--json")
    assert code == 1
    found = database_line(out)
    assert found["result"] == "FAILED"
    assert found["detail"].startswith("it takes no writes: cannot execute INSERT")
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [("db", "check"), ("db", "upgrade"), ("serve",), ("token", "list")])
@pytest.mark.parametrize("place", [0, 4096])
def test_a_file_that_is_no_database_is_told_in_one_line(
    words: tuple[str, ...], place: int, command: Command, sqlite_url: str, tmp_path: Path
) -> None:
    """From its first octet, or behind a page that looks like one."""
    (whole,) = tmp_path.glob("*.sqlite3") if place else [tmp_path / "text.sqlite3"]
    octets = whole.read_bytes()[:place] if place else b""
    whole.write_bytes(octets + b"no database " * 20_000)
    code, _, said = command(f"sqlite+aiosqlite:///{whole}", *words)
    assert code == 1
    assert said.splitlines()[-1].startswith("todoke: the database cannot be used: ")
    assert "Traceback" not in said


def test_the_doctor_names_a_file_that_is_no_database(command: Command, tmp_path: Path) -> None:
    (tmp_path / "text.sqlite3").write_bytes(b"no database " * 1000)
    _, out, _ = command(f"sqlite+aiosqlite:///{tmp_path}/text.sqlite3", "doctor", "--json")
    assert database_line(out)["detail"].startswith("the database cannot be used: file is not a database")


async def test_a_missing_table_makes_it_not_ready(database_url: str, tmp_path: Path) -> None:
    wiring = Wiring(Settings(data_dir=tmp_path, database_url=database_url), SystemClock())
    async with wiring.db.write() as conn:
        await conn.execute(text("DROP TABLE jobs" if wiring.db.sqlite else "DROP TABLE jobs CASCADE"))
    transport = httpx2.ASGITransport(app=wiring.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    await wiring.close()
