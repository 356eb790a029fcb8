"""Guarded UPDATEs in bulk, and their events: one statement moves all messages whose changes have one shape.

On PostgreSQL the same statement writes the events; SQLite, which cannot, gets a second one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Column, ColumnElement, Executable, Row, String, Update, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.types import TypeEngine

from core.messages import Change
from core.statuses import Status, sources_of
from store.bulk import given, insert_rows, parameter
from store.tables import events, messages
from store.types import UtcTime

_FACTS = (
    messages.c.id,
    messages.c.kind,
    messages.c.status,
    messages.c.prefecture,
    messages.c.institution_code,
    messages.c.email,
    messages.c.bounce_class,
    messages.c.reason,
)
"""What is read back of a message that moved: all that decides what follows."""
_FACTS_TOLD = (messages.c.id, messages.c.status)
"""What an event needs to know, where nothing else follows."""

_GUARD = "lease_held"
_TOLD = {"event_at": events.c.at, "event_type": events.c.type, "event_detail": events.c.detail}
"""Columns of the parameter that make the event."""
_NO_VALUES = frozenset({"id", _GUARD, *_TOLD})


@dataclass(frozen=True, slots=True)
class Shape:
    """What changes have in common that can go in one statement."""

    target: Status | None
    sources: frozenset[Status] | None
    columns: tuple[str, ...]
    leased: bool
    told: bool
    alone: bool

    @classmethod
    def of(cls, change: Change) -> Shape:
        """The shape of a change."""
        sources = change.sources
        if change.target is not None:
            allowed = sources_of(change.target)
            sources = allowed if sources is None else allowed & sources
        columns = tuple(sorted(change.values))
        return cls(change.target, sources, columns, change.lease is not None, bool(change.event), change.alone)


class Moves:
    """Moves messages; keeps the statements it has built."""

    def __init__(self, *, sqlite: bool) -> None:
        self._sqlite = sqlite
        self._statements: dict[Shape, Executable] = {}

    async def move(self, conn: AsyncConnection, changes: Sequence[Change]) -> dict[str, Row[Any]]:
        """Facts of the messages that moved, by id. Each change is of another message; a nameless one is not told."""
        groups: dict[Shape, list[Change]] = {}
        # In the order of ids, so that transactions which meet lock rows in the same order.
        for change in sorted(changes, key=lambda change: change.message_id):
            groups.setdefault(Shape.of(change), []).append(change)
        moved: dict[str, Row[Any]] = {}
        for shape, group in groups.items():
            rows = parameter(conn, [row_of(change, told=shape.told and not self._sqlite) for change in group])
            result = await conn.execute(self._statement(shape), {"rows": rows})
            moved |= {row.id: row for row in result}
        if self._sqlite:
            told = (change for change in changes if change.event and change.message_id in moved)
            await insert_rows(conn, events, [event_of(change, moved[change.message_id].status) for change in told])
        return moved

    def _statement(self, shape: Shape) -> Executable:
        if shape not in self._statements:
            self._statements[shape] = self._build(shape)
        return self._statements[shape]

    def _build(self, shape: Shape) -> Executable:
        if self._sqlite or not shape.told:
            return update_of(shape, on_sqlite=self._sqlite)
        moved, told = moved_and_told(shape)
        return select(*(moved.c[column.name] for column in _facts(shape))).add_cte(told)


def update_of(shape: Shape, *, on_sqlite: bool) -> ReturningUpdate[Any]:
    """The messages that the parameter `rows` moves, and what is to be known of them; see `row_of`."""
    return _update(shape, given(_types(shape), sqlite=on_sqlite)).returning(*_facts(shape))


def moved_and_told(shape: Shape, columns: Mapping[str, ColumnElement[Any]] | None = None) -> tuple[CTE, CTE]:
    """For PostgreSQL: the messages that rows as of `row_of` move, and the events of it.

    `columns` are those of the rows (see `told_types`), which come as the parameter `rows` where none are given.
    """
    columns = columns or given(told_types(shape), sqlite=False)
    moved = _update(shape, columns).returning(*_facts(shape), *(columns[name] for name in _TOLD)).cte("moved")
    event = {"message_id": moved.c.id, "status": moved.c.status}
    event |= {column.name: moved.c[name] for name, column in _TOLD.items()}
    told = insert(events).from_select(list(event), select(*event.values())).returning(literal(1)).cte("told")
    return moved, told


def told_types(shape: Shape) -> dict[str, TypeEngine[Any]]:
    """Columns of rows that are told, and their types."""
    return _types(shape) | {name: column.type for name, column in _TOLD.items()}


def _facts(shape: Shape) -> tuple[Column[Any], ...]:
    return _FACTS_TOLD if shape.alone else _FACTS


def _types(shape: Shape) -> dict[str, TypeEngine[Any]]:
    return {name: messages.c[name].type for name in ("id", *shape.columns)} | {_GUARD: String()}


def _update(shape: Shape, columns: Mapping[str, ColumnElement[Any]]) -> Update:
    statement = update(messages).where(messages.c.id == columns["id"])
    if shape.sources is not None:
        # An expression, since a planner may take the index on `status` for the better way in than the few ids:
        # SQLite always, PostgreSQL while its statistics are older than a large intake.
        statement = statement.where(messages.c.status.concat("").in_(sorted(shape.sources)))
    if shape.leased:
        statement = statement.where(lease_of_message() == columns[_GUARD])
    values = {name: columns[name] for name in shape.columns} | _consequences(shape.target)
    # A change of no column is an event alone; its guards still hold.
    return statement.values(values or {"status": messages.c.status})


def lease_of_message() -> ColumnElement[str]:
    """To compare by: never by the index of leases, which would lead through all that is held to the few that are given.

    As an expression that has a value where the column has none, so that it does not imply the index's condition either.
    """
    return func.coalesce(messages.c.lease, "")


def row_of(change: Change, *, told: bool) -> dict[str, Any]:
    """A change as a row of the parameter, with its event where that is told by the same statement."""
    row = {**change.values, "id": change.message_id, _GUARD: change.lease}
    if told:
        row |= {"event_at": change.at, "event_type": change.event, "event_detail": dict(change.detail)}
    return row


def change_of(row: Mapping[str, Any], target: Status) -> Change:
    """The change of a row that was told, as it is once it has been JSON."""
    values = {name: _value(name, value) for name, value in row.items() if name not in _NO_VALUES}
    at = datetime.fromisoformat(row["event_at"])
    return Change(row["id"], target, row["event_type"], at, row["event_detail"], values, row[_GUARD], alone=True)


def _value(name: str, value: Any) -> Any:
    moment = value is not None and isinstance(messages.c[name].type, UtcTime)
    return datetime.fromisoformat(value) if moment else value


def event_of(change: Change, status: str) -> dict[str, Any]:
    """The event of a change, after which the message has this status."""
    return {
        "message_id": change.message_id,
        "at": change.at,
        "type": change.event,
        "status": status,
        "detail": dict(change.detail),
    }


def _consequences(target: Status | None) -> dict[str, Any]:
    """Columns that follow from the status alone."""
    if target is None:
        return {}
    values: dict[str, Any] = {"status": target.value}
    if target is not Status.SENDING:
        values |= {"lease": None}
    if target.final:
        values |= {"secret": None, "ready_at": None}
    return values
