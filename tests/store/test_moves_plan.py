"""Moving a few messages must not read all the others. PostgreSQL has statistics for that, SQLite has to be told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from core.messages import Change
from core.statuses import Status
from store import schema
from store.engine import Database
from store.moves import Moves


async def plan_of_a_move(db: Database, change: Change) -> str:
    """What the database says about the UPDATE that this change makes."""
    executed: list[tuple[str, Any]] = []

    def notice(_conn: Connection, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        executed.append((statement, parameters))

    event.listen(db.engine.sync_engine, "before_cursor_execute", notice)
    async with db.write() as conn:
        await Moves(sqlite=db.sqlite).move(conn, [change])
    statement, parameters = next(made for made in executed if made[0].startswith("UPDATE"))
    async with db.read() as conn:
        rows = await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "\n".join(row[-1] for row in rows)


@pytest.mark.parametrize("target", [Status.UNDELIVERED, Status.SENDING, Status.CANCELLED, None])
async def test_messages_are_looked_up_by_id(sqlite_url: str, target: Status | None) -> None:
    db = Database(sqlite_url)
    await schema.upgrade(db)
    plan = await plan_of_a_move(db, Change("id", target, "moved", datetime.now(UTC), {}, {"reason": "x"}))
    await db.close()
    assert "INDEX sqlite_autoindex_messages_1 (id=?)" in plan, plan
