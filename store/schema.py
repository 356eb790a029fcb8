"""The schema's version: brought up to date, or found wanting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from core.errors import TodokeError
from store.engine import Database

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = text("SELECT pg_advisory_xact_lock(7031001)")


class SchemaOutdated(TodokeError):
    """The database's schema is not this version's."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision found in the database (None: empty), and the one this version needs."""

    current: str | None
    head: str

    @property
    def up_to_date(self) -> bool:
        """Whether the two are the same."""
        return self.current == self.head


async def upgrade(db: Database) -> SchemaState:
    """Bring the schema up to date, in one transaction; what it was before."""
    async with db.write() as conn:
        if not db.sqlite:
            await conn.execute(_LOCK)  # several processes may start at once
        return await conn.run_sync(_upgrade)


async def state(db: Database) -> SchemaState:
    """What the database has and what is needed."""
    async with db.read() as conn:
        return await conn.run_sync(_state)


async def require_current(db: Database) -> None:
    """Raise SchemaOutdated, saying what to do, unless the schema is this version's."""
    found = await state(db)
    if not found.up_to_date:
        raise SchemaOutdated(
            f"the database's schema is at {found.current or 'nothing'}, this version needs {found.head}: "
            "run `todoke db upgrade`",
        )


def _upgrade(conn: Connection) -> SchemaState:
    from alembic import command
    from alembic.config import Config

    before = _state(conn)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    return before


def _state(conn: Connection) -> SchemaState:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert head is not None
    return SchemaState(MigrationContext.configure(conn).get_current_revision(), head)
