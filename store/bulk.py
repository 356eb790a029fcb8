"""Many rows in one statement: they travel as one parameter, a JSON array, on both databases.

A statement stays the same however many rows there are, so that it is compiled, parsed and planned once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Dialect,
    FromClause,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from store.types import UtcTime

_ROWS = "rows"


async def insert_rows(conn: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; all have the same keys."""
    if not rows:
        return
    if is_sqlite(conn):  # whose own way is faster, and takes octets
        await conn.exec_driver_sql(*_plainly(table, rows))
    else:
        await conn.execute(insert_from(table, tuple(rows[0]), on_sqlite=False), {_ROWS: parameter(conn, rows)})


def insert_plainly(conn: sqlite3.Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same on a connection of SQLite's own."""
    if rows:
        conn.executemany(*_plainly(table, rows))


def _plainly(table: Table, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[tuple[Any, ...]]]:
    statement, columns = _plain_insert(table, tuple(rows[0]))
    return statement, [tuple([of(row[name]) for name, of in columns]) for row in rows]


@cache
def _plain_insert(table: Table, names: tuple[str, ...]) -> tuple[str, Sequence[tuple[str, Callable[[Any], Any]]]]:
    """For SQLite: INSERT of one row, and its columns in order, each with what makes a value into SQLite's.

    SQLAlchemy would ask of every value of every row anew what is to be done with it: that takes longer than the rest.
    """
    dialect = sqlite.dialect(json_serializer=lambda value: orjson.dumps(value).decode())
    statement = str(insert(table).compile(dialect=dialect, column_keys=names))
    return statement, [(of.name, _into(of.type, dialect)) for of in table.columns if of.name in names]


def _into(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any]:
    process = type_.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return _as_it_is
    # Many rows share their moments.
    return lru_cache(1024)(process) if isinstance(type_, UtcTime) else process


def _as_it_is(value: Any) -> Any:
    return value


async def update_rows(
    conn: AsyncConnection, table: Table, key: str, rows: Sequence[Mapping[str, Any]], *where: ColumnElement[bool]
) -> int:
    """Set the columns of rows that are known by the column `key`; all have the same keys. How many there were.

    Those for which the conditions `where` do not hold stay as they are.
    """
    if not rows:
        return 0
    statement = _update_from(table, key, tuple(rows[0]), on_sqlite=is_sqlite(conn)).where(*where)
    return (await conn.execute(statement, {_ROWS: parameter(conn, rows)})).rowcount


# Built once, as the next one is: SQLAlchemy takes longer to build and to recognise a statement than PostgreSQL to
# execute it.
@cache
def _update_from(table: Table, key: str, names: tuple[str, ...], *, on_sqlite: bool) -> Update:
    columns = _given(table, names, on_sqlite=on_sqlite)
    values = {name: value for name, value in columns.items() if name != key}
    return update(table).where(table.c[key] == columns[key]).values(values)


@cache
def insert_from(table: Table, names: tuple[str, ...], *, on_sqlite: bool, rows: str = _ROWS) -> Any:
    """INSERT of these columns from the parameter `rows`, in the order given: to be executed, or first refined."""
    columns = given({name: table.c[name].type for name in names}, sqlite=on_sqlite, rows=rows)
    # SQLite would take the ON of a conflict clause for a join's, were there no WHERE before it.
    query = select(*columns.values()).where(columns[names[0]].is_not(None))
    return insert_into(table, on_sqlite=on_sqlite).from_select(list(names), query)


def insert_into(table: Table, *, on_sqlite: bool) -> Any:
    """INSERT as this database has it, which knows what to do on a conflict."""
    return (sqlite if on_sqlite else postgresql).insert(table)


def parameter(conn: AsyncConnection, rows: Iterable[Any]) -> str:
    """The rows as a statement's parameter."""
    return as_text(rows, on_sqlite=is_sqlite(conn))


def as_text(rows: Iterable[Any], *, on_sqlite: bool) -> str:
    """The rows as JSON that this database reads."""
    option, default = (orjson.OPT_PASSTHROUGH_DATETIME, sqlite_text) if on_sqlite else (None, _postgresql_text)
    return orjson.dumps(list(rows), default, option).decode()


def among(conn: AsyncConnection, where: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """Whether a column is one of these strings."""
    if is_sqlite(conn):
        return _is_one_of(where, bindparam(None, parameter(conn, values), Text()), on_sqlite=True)
    return _is_one_of(where, bindparam(None, list(values), ARRAY(Text())), on_sqlite=False)


def among_these(where: ColumnElement[Any], name: str, *, on_sqlite: bool) -> ColumnElement[bool]:
    """Whether a column is one of the strings of a parameter: a JSON array for SQLite, a list for PostgreSQL."""
    return _is_one_of(where, bindparam(name, type_=Text() if on_sqlite else ARRAY(Text())), on_sqlite=on_sqlite)


def _is_one_of(where: ColumnElement[Any], these: BindParameter[Any], *, on_sqlite: bool) -> ColumnElement[bool]:
    if on_sqlite:
        each = func.json_each(these).table_valued("value")
        return where.in_(select(each.c.value))
    # As an array rather than a set of rows: PostgreSQL then goes by the index even where it knows no statistics yet.
    return where == func.any(these)


def given(types: Mapping[str, TypeEngine[Any]], *, sqlite: bool, rows: str = _ROWS) -> dict[str, ColumnElement[Any]]:
    """The columns of the parameter `rows`, seen as a table."""
    text = bindparam(rows, type_=Text())
    if sqlite:
        each = func.json_each(text).table_valued("value")
        return {name: func.json_extract(each.c.value, f"$.{name}") for name in types}
    columns = [column(name, type_) for name, type_ in types.items()]
    recordset = func.json_to_recordset(cast(text, JSON)).table_valued(*columns)
    table: FromClause = recordset.render_derived(with_types=True)
    return {name: table.c[name] for name in types}


def _given(table: Table, names: Iterable[str], *, on_sqlite: bool) -> dict[str, ColumnElement[Any]]:
    return given({name: table.c[name].type for name in names}, sqlite=on_sqlite)


def is_sqlite(conn: AsyncConnection) -> bool:
    """Whether this is a connection to SQLite."""
    return conn.dialect.name == "sqlite"


@lru_cache(4096)
def sqlite_text(value: Any) -> str:
    """A moment as SQLite stores it. Many rows of a statement share theirs."""
    assert isinstance(value, datetime)
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _postgresql_text(value: bytes) -> str:
    """Octets as PostgreSQL reads them."""
    return rf"\x{value.hex()}"
