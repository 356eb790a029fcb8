"""A database that a newer version has upgraded, after a return to the one before: said so, and nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from store import schema
from store.engine import Database
from tests.service.conftest import Command


async def put_at(url: str, revision: str) -> None:
    database = Database(url)
    async with database.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    await database.close()


@pytest.fixture
async def newer(database_url: str) -> str:
    """The address of a database that a newer version has upgraded."""
    await put_at(database_url, "9999")
    return database_url


@pytest.mark.parametrize("words", [("db", "upgrade"), ("serve",), ("token", "list"), ("db", "check"), ("doctor",)])
def test_a_newer_database_is_named_so(words: tuple[str, ...], command: Command, newer: str) -> None:
    code, out, said = command(newer, *words)
    told = " ".join((out + said).split())
    assert code == 1
    assert "the schema is at 9999, which this version" in told
    assert "the database is newer than this program" in told
    assert "todoke db upgrade" not in told
    assert "Traceback" not in told
    assert words != ("db", "upgrade") or len(said.splitlines()) == 1


async def test_outside_local_a_newer_database_is_not_said_to_be_outdated(newer: str) -> None:
    database = Database(newer)
    with pytest.raises(schema.SchemaUnknown, match="newer than this program"):
        await schema.require_current(database)
    await database.close()
