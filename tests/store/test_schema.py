"""Migrations: an upgraded schema is the fresh one, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, insert, inspect, select, text

from core.messages import Receipt, Taken
from store import schema
from store.engine import Database
from store.receipts import packed
from store.tables import address_changes, institutions, metadata, receipts, senders

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")  # on SQLite
async def test_upgraded_equals_fresh(db: Database) -> None:
    def differences(conn: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata))

    async with db.read() as conn:
        assert await conn.run_sync(differences) == []


async def test_an_upgraded_database_keeps_every_rule(db: Database) -> None:
    async with db.read() as conn:
        assert await conn.run_sync(rules) == {
            (table.name, constraint.name)
            for table in metadata.tables.values()
            for constraint in table.constraints
            if isinstance(constraint, CheckConstraint)
        }


def rules(conn: Connection) -> set[tuple[str, str | None]]:
    found = inspect(conn)
    return {(table, rule["name"]) for table in metadata.tables for rule in found.get_check_constraints(table)}


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
async def test_requests_on_record_outlive_the_change_of_their_table(db: Database) -> None:
    row = {"id": "1", "institution_code": "35", "institution_name": "周南", "old_email": "a", "old_email_key": "a"}
    row |= {"new_email": "b", "new_email_key": "b", "state": "requested", "due_from": NOW.date(), "due_to": NOW.date()}
    place = {"code": "35", "name": "周南", "name_key": "", "search_key": "", "type": "hospital", "prefecture": "35"}
    rejected = row | {"id": "2", "state": "rejected", "rejected_at": NOW, "rejected_why": "x"}
    async with db.write() as conn:
        await conn.execute(insert(institutions).values(place | {"updated_at": NOW}))
        for each in (row, rejected):
            await conn.execute(insert(address_changes).values(each | {"requested_at": NOW, "requested_by": "x"}))
        await conn.run_sync(lambda conn: command.downgrade(_config(conn), "0010"))
    await schema.upgrade(db)
    async with db.read() as conn:
        assert [found.id for found in await conn.execute(select(address_changes))] == ["1"]
    await test_upgraded_equals_fresh(db)
    await test_an_upgraded_database_keeps_every_rule(db)


async def test_receipts_left_behind_by_an_earlier_version_are_read(db: Database) -> None:
    taken = [
        Taken("m1", "sender-1", NOW, NOW, 1, NOW, 250, "2.0.0", 'Ok: 配信 \\ "1"'),
        Taken("m2", "sender-1", NOW, NOW, 2, NOW, 250, None, ""),
    ]
    as_it_is = packed(Receipt(7, taken))
    async with db.write() as conn:
        await conn.execute(insert(receipts).values(sender="sender-1", number=7, taken=as_it_is))
        await conn.run_sync(lambda conn: command.downgrade(_config(conn), "0015"))
        before = (await conn.execute(select(receipts.c.taken))).scalar_one()
    first, _ = json.loads(before)
    assert (first["id"], first["lease_held"], first["event_type"]) == ("m1", "sender-1", "sent")
    await schema.upgrade(db)
    async with db.read() as conn:
        after = (await conn.execute(select(receipts.c.taken))).scalar_one()
    assert json.loads(after) == json.loads(as_it_is)


async def test_senders_of_an_earlier_version_are_known_and_go_on(db: Database) -> None:
    """Before and after the upgrade: what numbers no notes leaves the number alone."""
    enter = text("INSERT INTO senders (id, started_at, beat_at, on_wire) VALUES (:id, '2026-1-1', '2026-1-1', '[7]')")
    async with db.write() as conn:
        await conn.run_sync(lambda conn: command.downgrade(_config(conn), "0016"))
        await conn.execute(enter, {"id": "before"})
    await schema.upgrade(db)
    async with db.write() as conn:
        await conn.execute(enter, {"id": "after"})
        await conn.execute(text("UPDATE senders SET on_wire = '[8]' WHERE id = 'before'"))
        found = (await conn.execute(select(senders.c.id, senders.c.on_wire, senders.c.note_number))).all()
    assert sorted(map(tuple, found)) == [("after", [7], 0), ("before", [8], 0)]


async def test_names_on_record_are_found_by_more_forms_of_their_kanji(db: Database) -> None:
    place = {"name_key": "", "type": "hospital", "prefecture": "35", "updated_at": NOW}
    rows = [("1", "𠮷野医院", "𠮷野医院"), ("2", "周南病院", "周南病院")]
    async with db.write() as conn:
        for code, name, key in rows:
            await conn.execute(insert(institutions).values(place | {"code": code, "name": name, "search_key": key}))
        await conn.run_sync(lambda conn: command.downgrade(_config(conn), "0017"))
    await schema.upgrade(db)
    async with db.read() as conn:
        found = await conn.execute(select(institutions.c.code, institutions.c.search_key).order_by(institutions.c.code))
        assert [tuple(row) for row in found] == [("1", "吉野医院"), ("2", "周南病院")]


def _config(conn: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.attributes["connection"] = conn
    return config


async def test_upgrade_twice_changes_nothing(db: Database) -> None:
    before = await schema.upgrade(db)
    assert before.up_to_date


async def test_a_database_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}")

    def to_the_first(conn: Connection) -> None:
        command.upgrade(_config(conn), "0001")

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
