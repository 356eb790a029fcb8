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


class SchemaUnknown(SchemaOutdated):
    """Nor is it that of a version before: it cannot be brought up to date."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision found in the database (None: empty), and the one this version needs.

    `known`: whether this version has heard of the one that was found.
    """

    current: str | None
    head: str
    known: bool = True

    @property
    def up_to_date(self) -> bool:
        """Whether the two are the same."""
        return self.current == self.head

    @property
    def advice(self) -> str:
        """What is wrong with one that is not up to date, and what to do."""
        if not self.known:
            return (
                f"the schema is at {self.current}, which this version, whose newest is {self.head}, does not know: "
                "the database is newer than this program (or not todoke's). Run the version that upgraded it, or "
                "restore a backup from before"
            )
        return f"the schema is at {self.current or 'nothing'}, but {self.head} is needed: run `todoke db upgrade`"


async def upgrade(db: Database) -> SchemaState:
    """Bring the schema up to date, in one transaction; what it was before. Raises SchemaUnknown."""
    async with db.write() as conn:
        if not db.sqlite:
            await conn.execute(_LOCK)  # several processes may start at once
        return await conn.run_sync(_upgrade)


async def state(db: Database) -> SchemaState:
    """What the database has and what is needed."""
    async with db.read() as conn:
        return await conn.run_sync(_state)


async def require_current(db: Database) -> None:
    """Raise SchemaOutdated, or SchemaUnknown, saying what to do, unless the schema is this version's."""
    found = await state(db)
    if not found.known:
        raise SchemaUnknown(found.advice)
    if not found.up_to_date:
        raise SchemaOutdated(found.advice)


def _upgrade(conn: Connection) -> SchemaState:
    from alembic import command
    from alembic.config import Config

    before = _state(conn)
    if not before.known:
        raise SchemaUnknown(before.advice)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    return before


def _state(conn: Connection) -> SchemaState:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_MIGRATIONS))
    head = scripts.get_current_head()
    assert head is not None
    current = MigrationContext.configure(conn).get_current_revision()
    known = {None, *(script.revision for script in scripts.walk_revisions())}
    return SchemaState(current, head, current in known)
