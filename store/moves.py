"""Guarded UPDATEs in bulk, and their events: one statement moves all messages whose changes have one shape.

On PostgreSQL the same statement writes the events; SQLite, which cannot, gets a second one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, Executable, Row, String, Update, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from core.messages import Change
from core.statuses import Status, sources_of
from store.bulk import given, insert_rows, parameter
from store.tables import events, messages

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

ONCE_IN_DOUBT: ColumnElement[bool] = (
    select(events.c.id).where(events.c.message_id == messages.c.id, events.c.status == Status.IN_DOUBT).exists()
)
"""Whether a message was ever in doubt: it may have arrived, whatever was tried since."""

_GUARD = "lease_held"
_TOLD = {"event_at": events.c.at, "event_type": events.c.type, "event_detail": events.c.detail}
"""Columns of the parameter that make the event."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What changes have in common that can go in one statement."""

    target: Status | None
    sources: frozenset[Status] | None
    columns: tuple[str, ...]
    leased: bool
    told: bool

    @classmethod
    def of(cls, change: Change) -> Shape:
        """The shape of a change."""
        sources = change.sources
        if change.target is not None:
            allowed = sources_of(change.target)
            sources = allowed if sources is None else allowed & sources
        columns = tuple(sorted(change.values))
        return cls(change.target, sources, columns, change.lease is not None, bool(change.event))


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
            return _update(shape, given(_types(shape), sqlite=self._sqlite)).returning(*_FACTS)
        types = _types(shape) | {name: column.type for name, column in _TOLD.items()}
        columns = given(types, sqlite=False)
        moved = _update(shape, columns).returning(*_FACTS, *(columns[name] for name in _TOLD)).cte("moved")
        event = {"message_id": moved.c.id, "status": moved.c.status}
        event |= {column.name: moved.c[name] for name, column in _TOLD.items()}
        return select(*(moved.c[column.name] for column in _FACTS)).add_cte(telling(event))


def telling(event: Mapping[str, ColumnElement[Any]]) -> CTE:
    """For PostgreSQL: events of these columns, told in the statement whose parts they come from."""
    return insert(events).from_select(list(event), select(*event.values())).returning(literal(1)).cte("told")


def _types(shape: Shape) -> dict[str, TypeEngine[Any]]:
    return {name: messages.c[name].type for name in ("id", *shape.columns)} | {_GUARD: String()}


def _update(shape: Shape, columns: Mapping[str, ColumnElement[Any]]) -> Update:
    statement = update(messages).where(messages.c.id == columns["id"])
    if shape.sources is not None:
        statement = statement.where(stands_at(shape.sources))
    if shape.leased:
        statement = statement.where(lease_of_message() == columns[_GUARD])
    values = {name: columns[name] for name in shape.columns} | consequences(shape.target)
    if "attempts" in values:  # what comes late must not uncount the tries of others
        tries = messages.c.attempts
        values["attempts"] = case((tries > values["attempts"], tries), else_=values["attempts"])
    # A change of no column is an event alone; its guards still hold.
    return statement.values(values or {"status": messages.c.status})


def stands_at(statuses: Collection[Status]) -> ColumnElement[bool]:
    """To be asked of messages whose ids are given.

    An expression, since a planner may take the index on `status` for the better way in than the few ids: SQLite
    always, PostgreSQL while its statistics are older than a large intake.
    """
    return messages.c.status.concat("").in_(sorted(statuses))


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


def event_of(change: Change, status: str) -> dict[str, Any]:
    """The event of a change, after which the message has this status."""
    return {
        "message_id": change.message_id,
        "at": change.at,
        "type": change.event,
        "status": status,
        "detail": dict(change.detail),
    }


def consequences(target: Status | None) -> dict[str, Any]:
    """Columns that follow from the status alone."""
    if target is None:
        return {}
    values: dict[str, Any] = {"status": target.value}
    if target is not Status.SENDING:
        values |= {"lease": None}
    if target.final:
        values |= {"secret": None, "ready_at": None}
    return values
