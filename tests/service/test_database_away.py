"""A database that cannot be used: waited for by a service that starts, told in one line by every other command."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from store import schema
from store.engine import DatabaseUnavailable
from todoke.cli import main
from todoke.service import prepare_patiently
from todoke.wiring import Wiring


@pytest.fixture
async def wiring(postgres_server: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    """Over a PostgreSQL database that is not there yet."""
    name = f"later_{secrets.token_hex(4)}"
    url = postgres_server.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")
    wiring = Wiring(Settings(data_dir=tmp_path, database_url=url))
    yield wiring
    await wiring.close()
    async with await psycopg.AsyncConnection.connect(postgres_server, autocommit=True) as conn:
        await conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


async def test_a_database_that_comes_up_later_is_waited_for(wiring: Wiring, postgres_server: str) -> None:
    with capture_logs() as logs:
        preparing = asyncio.create_task(prepare_patiently(wiring, wiring.settings, patience=60, pause=0.01))
        async with asyncio.timeout(30):
            while not logs:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            async with await psycopg.AsyncConnection.connect(postgres_server, autocommit=True) as conn:
                await conn.execute(f"CREATE DATABASE {wiring.db.url.database}".encode())
            await preparing
    assert {entry["event"] for entry in logs} == {"waiting for the database"}
    assert (await schema.state(wiring.db)).up_to_date


async def test_trouble_after_the_first_word_is_waited_out_too(wiring: Wiring, postgres_server: str) -> None:
    dsn = wiring.db.dsn
    async with await psycopg.AsyncConnection.connect(postgres_server, autocommit=True) as conn:
        await conn.execute(f"CREATE DATABASE {wiring.db.url.database}".encode())
        await conn.execute(f"ALTER DATABASE {wiring.db.url.database} SET lock_timeout = '10ms'".encode())
    with capture_logs() as logs:
        async with await psycopg.AsyncConnection.connect(dsn) as upgrading:
            await upgrading.execute("SELECT pg_advisory_xact_lock(7031001)")
            preparing = asyncio.create_task(prepare_patiently(wiring, wiring.settings, patience=60, pause=0.01))
            async with asyncio.timeout(30):
                while not logs and not preparing.done():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await preparing
    assert {entry["event"] for entry in logs} == {"waiting for the database"}
    assert (await schema.state(wiring.db)).up_to_date


async def test_nobody_waits_for_ever(wiring: Wiring) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not exist"):
        await prepare_patiently(wiring, wiring.settings, patience=0.0, pause=0.01)


@pytest.mark.parametrize("command", [("db", "upgrade"), ("user", "list")])
def test_commands_say_it_in_one_line_without_the_password(
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    unused_tcp_port: int,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TODOKE_DATABASE_URL", f"postgresql+psycopg://todoke:geheim@127.0.0.1:{unused_tcp_port}/todoke")
    monkeypatch.setattr(sys, "argv", ["todoke", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.splitlines()[-1].startswith("todoke: the database cannot be used: ")
    assert "Connection refused" in said
    assert "TODOKE_DATABASE_URL" in said
    assert "Traceback" not in said
    assert "geheim" not in said


def test_a_folder_that_cannot_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TODOKE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/file/todoke.sqlite3")
    monkeypatch.setattr(sys, "argv", ["todoke", "db", "upgrade"])
    with pytest.raises(SystemExit):
        main()
    assert "todoke: the database cannot be used: " in capsys.readouterr().err
