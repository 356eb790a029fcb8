"""Migrations: an upgraded schema is the fresh one, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from store import schema
from store.engine import Database
from store.tables import metadata


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")  # on SQLite
async def test_upgraded_equals_fresh(db: Database) -> None:
    def differences(conn: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata))

    async with db.read() as conn:
        assert await conn.run_sync(differences) == []


async def test_upgrade_twice_changes_nothing(db: Database) -> None:
    before = await schema.upgrade(db)
    assert before.up_to_date


async def test_a_database_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}")

    def to_the_first(conn: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")

    async with database.write() as conn:
        await conn.run_sync(to_the_first)
    with pytest.raises(schema.SchemaOutdated, match="0001"):
        await schema.require_current(database)
    assert (await schema.upgrade(database)).current == "0001"
    await schema.require_current(database)
    await database.close()


async def test_an_empty_database_is_named_outdated(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}")
    with pytest.raises(schema.SchemaOutdated, match="todoke db upgrade"):
        await schema.require_current(database)
    await database.close()
