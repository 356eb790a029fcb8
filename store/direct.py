"""A PostgreSQL connection past SQLAlchemy and cursors, for the statement that runs for every handful of mails.

Their share of such a statement is several times the statement's own. What is left is libpq, as psycopg hands it out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import CompoundSelect, Select, create_mock_engine

from store.engine import NOTICE_OUR_DEATH, Database

_SESSION = sql.SQL(
    """
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off
    """
)
"""Every statement goes by the index from a few given ids; statistics older than a large intake say otherwise."""

_DIALECT = create_mock_engine("postgresql+psycopg://", lambda *_: None, paramstyle="numeric_dollar").dialect
_DONE = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})

Rows: TypeAlias = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """SQL with `$1`, `$2`, …: the names of its parameters in this order, and those that are always the same."""

    sql: bytes
    names: Sequence[str]
    constants: Mapping[str, bytes | None]

    @classmethod
    def of(cls, query: Select[Any] | CompoundSelect[Any], given: frozenset[str]) -> Statement:
        """A query whose parameters `given` come with every execution, as text."""
        whole = query.compile(dialect=_DIALECT).construct_expanded_state(dict.fromkeys(given, ""))
        constants = {name: _octets(value) for name, value in whole.parameters.items() if name not in given}
        return cls(whole.statement.encode(), tuple(whole.positiontup or ()), constants)

    def values(self, given: Mapping[str, str]) -> list[bytes | None]:
        """All parameters in their order."""
        values = {**self.constants, **{name: value.encode() for name, value in given.items()}}
        return [values[name] for name in self.names]


def _octets(value: object) -> bytes | None:
    return None if value is None else str(value).encode()


class DirectConnection:
    """One connection of its user's own, in autocommit: opened when needed, and anew after it broke.

    Statements are executed one at a time.
    """

    def __init__(self, db: Database) -> None:
        self._dsn = db.dsn
        self._conversation: _Conversation | None = None
        self._turn = asyncio.Lock()

    async def fetch(self, statement: Statement, given: Mapping[str, str]) -> Rows:
        """Execute one statement; its rows, none of whose values is null, as text.

        Raises psycopg.Error: it is done in whole or not at all, but for OperationalError, where nobody can tell.
        A server that takes no writes may take them, or another in its place, from whoever connects anew.
        """
        async with self._turn:
            conversation = self._conversation
            if conversation is None or conversation.over:
                self._conversation = conversation = await _Conversation.begin(self._dsn)
            try:
                return await conversation.fetch(statement, given)
            except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction, asyncio.CancelledError):
                await self.close()
                raise

    async def close(self) -> None:
        """Give it back."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            await conversation.end()


class _Conversation:
    """What is said over one connection; over for good once it broke."""

    def __init__(self, conn: psycopg.AsyncConnection[Any]) -> None:
        self.over = False
        self._conn = conn
        self._libpq = conn.pgconn
        self._socket = conn.pgconn.socket
        self._prepared: dict[Statement, bytes] = {}
        self._answer: asyncio.Future[list[PGresult]] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._readable)

    @classmethod
    async def begin(cls, dsn: str) -> _Conversation:
        """Raises psycopg.OperationalError."""
        conn = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        try:
            await conn.execute(_SESSION)
            await conn.execute(NOTICE_OUR_DEATH)
        except BaseException:
            await conn.close()
            raise
        return cls(conn)

    async def fetch(self, statement: Statement, given: Mapping[str, str]) -> Rows:
        name = self._prepared.get(statement)
        if name is None:
            name = f"todoke_{len(self._prepared)}".encode()
            self._libpq.send_prepare(name, statement.sql)
            await self._answered()
            self._prepared[statement] = name
        self._libpq.send_query_prepared(name, statement.values(given))
        result = await self._answered()
        columns = range(result.nfields)
        return [tuple(_text(result, row, column) for column in columns) for row in range(result.ntuples)]

    async def _answered(self) -> PGresult:
        """The one result of what was just sent."""
        answer: asyncio.Future[list[PGresult]] = self._loop.create_future()
        self._answer = answer
        self._flush()
        try:
            result = (await answer)[-1]
        finally:
            self._answer = None
        if result.status not in _DONE:
            raise _error(result)
        return result

    def _flush(self) -> None:
        """Send what is still here, and go on once there is room for more."""
        try:
            unsent = self._libpq.flush()
        except psycopg.OperationalError as error:
            self._break(error)
            return
        if unsent:
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)

    def _readable(self) -> None:
        try:
            self._libpq.consume_input()
            if self._libpq.is_busy():
                return
            results = []
            while (result := self._libpq.get_result()) is not None:
                results.append(result)
        except psycopg.OperationalError as error:
            self._break(error)
            return
        if results and self._answer is not None and not self._answer.done():
            self._answer.set_result(results)

    def _break(self, error: psycopg.OperationalError) -> None:
        self._leave()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _leave(self) -> None:
        if not self.over:
            self.over = True
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)

    async def end(self) -> None:
        """Close the connection."""
        self._leave()
        with contextlib.suppress(psycopg.Error):
            await self._conn.close()


def _text(result: PGresult, row: int, column: int) -> str:
    return (result.get_value(row, column) or b"").decode()


def _error(result: PGresult) -> psycopg.Error:
    """What the server says, without the values that it says it of: they may be addresses."""
    state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    said = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode("utf-8", "replace")
    try:
        kind = psycopg.errors.lookup(state)
    except KeyError:
        kind = psycopg.OperationalError if not state else psycopg.DatabaseError
    return kind(said)
