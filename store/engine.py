"""Engine and transactions: SQLite (WAL) for one process, PostgreSQL for many machines."""

from __future__ import annotations

import asyncio
import contextlib
import select
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.pq import ConnStatus
from sqlalchemy import URL, event, func, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.errors import Outage
from store.one_go import OneGo

T = TypeVar("T")

_PRAGMAS = (
    "busy_timeout=15000",
    "journal_mode=WAL",
    "synchronous=FULL",  # an answer of 202 means durable, through a power cut too
    "foreign_keys=ON",
    "secure_delete=ON",  # erased secrets leave no bytes behind
    "temp_store=MEMORY",  # no folder for temporary files is needed: in a read-only container there is none
)
_NOTICE_DEATH = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "20000",
}
"""libpq's, seconds and ms: a server that vanished without a word is an error after some 20 s, not after a quarter of an
hour; only its machine is asked, so that a statement may take as long as it likes."""

NOTICE_OUR_DEATH = (
    "SET idle_in_transaction_session_timeout = '10s'; "
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"
)
"""The same for the server: what a machine that vanished or a process that was stopped holds in a transaction is free
after some ten seconds, when a sender is taken for dead, too. No transaction rests so long between two statements:
none waits for people or for other servers. As statements, since poolers refuse options of the start-up.
"""

_NO_DATABASE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)

_PARTING_SECONDS = 2.0
"""How long the end waits for what was cancelled just before, to have its connections back and close them."""

_NOTIFY = text("NOTIFY todoke")
_NOTIFIED = "todoke_notified"

NOTIFYING = func.pg_notify("todoke", "")
"""For a statement on PostgreSQL to select, so that its transaction needs no other to wake waiters; see `notifies`."""
_SNAPSHOT = {"isolation_level": "REPEATABLE READ"}
_AT_ONCE = {"isolation_level": "AUTOCOMMIT"}


class DatabaseUnavailable(Outage):
    """The database cannot be reached or opened."""


OUTAGE = (OperationalError, InterfaceError, PoolExhausted, DatabaseUnavailable)
"""What is raised where the database, and not what was asked of it, is in trouble."""


def unavailable(error: OperationalError | OSError) -> DatabaseUnavailable:
    """What a driver or the file system says, with what to do about it; without address and password."""
    cause = error.orig if isinstance(error, OperationalError) else error
    said = " ".join(str(cause or error).split())
    ask = "is it a standby?" if _takes_no_writes(cause) else "is it there, and is TODOKE_DATABASE_URL right?"
    return DatabaseUnavailable(f"the database cannot be used: {said} ({ask})")


class Database:
    """Hands out transactions and wakes whoever waits for work.

    On SQLite writers queue up here rather than at the file's lock; on PostgreSQL they run side by side. Errors never
    tell parameters: rows hold addresses, and errors end up in logs.
    """

    def __init__(self, url: str) -> None:
        found = make_url(url)
        self.sqlite = found.get_backend_name() == "sqlite"
        self.url = found if self.sqlite else _noticing_death(found)
        self.engine = self._sqlite_engine() if self.sqlite else self._postgresql_engine()
        self._writer = asyncio.Lock()
        self._one_go = OneGo(self.url.database or ":memory:", _PRAGMAS)
        self._waiters: set[asyncio.Event] = set()
        self._waking: set[AsyncConnection] = set()
        self._lent = 0
        self._all_back = asyncio.Event()

    @property
    def dsn(self) -> str:
        """PostgreSQL's address for connections past SQLAlchemy, with its password."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def file(self) -> Path | None:
        """Where an SQLite database lies; None for one in memory, and on PostgreSQL."""
        name = self.url.database
        return Path(name) if self.sqlite and name and name != ":memory:" else None

    def _sqlite_engine(self) -> AsyncEngine:
        if self.file is not None:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise unavailable(error) from error
        engine = create_async_engine(self.url, hide_parameters=True, json_deserializer=orjson.loads)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", begin_sqlite)
        event.listen(engine.sync_engine, "handle_error", _tell_of_the_file)
        return engine

    def _postgresql_engine(self) -> AsyncEngine:
        engine = create_async_engine(self.url, hide_parameters=True, json_deserializer=orjson.loads)
        event.listen(engine.sync_engine, "connect", _prepare_postgresql)
        event.listen(engine.sync_engine, "checkout", _refuse_ended)
        event.listen(engine.sync_engine, "handle_error", _tell_of_the_end)
        return engine

    @asynccontextmanager
    async def _lend(self, **options: Any) -> AsyncIterator[AsyncConnection]:
        """A connection with its execution options.

        Not those of an engine: whoever is cancelled while SQLAlchemy sets these leaves the pool without a connection.
        """
        self._lent += 1
        self._all_back.clear()
        try:
            async with self.engine.connect() as conn:
                yield await conn.execution_options(**options) if options else conn
        finally:
            self._lent -= 1
            if not self._lent:
                self._all_back.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One snapshot to read from, for as many queries as it takes."""
        # SQLite's reading transactions see one state of the file anyhow; PostgreSQL's have to be told to.
        options = {} if self.sqlite else _SNAPSHOT
        async with self._lend(**options) as conn, conn.begin():
            yield conn

    @asynccontextmanager
    async def write(self, *, wake: bool = False) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end; with `wake`, waiters everywhere learn of it."""
        async with AsyncExitStack() as stack:
            if self.sqlite:
                await stack.enter_async_context(self._writer)
            conn = await stack.enter_async_context(self._lend(todoke_write=True))
            stack.callback(self._waking.discard, conn)
            conn.info.pop(_NOTIFIED, None)  # by a transaction before this one, which may have failed
            async with conn.begin():
                yield conn
                wake = wake or conn in self._waking
                if wake and not self.sqlite and not conn.info.get(_NOTIFIED):
                    await conn.execute(_NOTIFY)
        if wake:
            self.wake()

    @asynccontextmanager
    async def write_at_once(self) -> AsyncIterator[AsyncConnection]:
        """For one statement, which is a transaction by itself: no process can stop between it and its commit."""
        async with self.write() if self.sqlite else self._lend(**_AT_ONCE) as conn:
            yield conn

    async def in_one_go(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction on SQLite, without a hand-over to a thread for each of its statements: `work` makes them."""
        async with self._writer:
            return await self._one_go.run(work)

    def wake_after(self, conn: AsyncConnection) -> None:
        """Have waiters everywhere learn of this transaction's work once it is committed."""
        self._waking.add(conn)

    def wake(self) -> None:
        """Wake the waiters of this process."""
        for waiter in self._waiters:
            waiter.set()

    @asynccontextmanager
    async def woken(self) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever work may have come up; its user clears it."""
        waiter = asyncio.Event()
        self._waiters.add(waiter)
        try:
            yield waiter
        finally:
            self._waiters.discard(waiter)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncConnection]:
        """An SQLite connection without a transaction: it sees every commit, and holds no old state of the file."""
        async with self._lend(todoke_watch=True) as conn:
            yield conn

    async def reach(self) -> None:
        """Connect, to see whether it can be done. Raises DatabaseUnavailable, which tells no password."""
        try:
            async with self._lend():
                pass
        except (OperationalError, OSError) as error:
            raise unavailable(error) from error

    async def close(self, parting_seconds: float = _PARTING_SECONDS) -> None:
        """Close all connections; those in use, once they come back within that time.

        Who was cancelled and not waited for still gives his back, into a pool that nobody would close again.
        """
        if self._lent:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(parting_seconds):
                    await self._all_back.wait()
        await self._one_go.close()
        await self.engine.dispose()


def _noticing_death(url: URL) -> URL:
    """What the address says itself goes first."""
    return url.update_query_dict({name: value for name, value in _NOTICE_DEATH.items() if name not in url.query})


def notifies(conn: AsyncConnection) -> None:
    """The statement that comes selects NOTIFYING."""
    conn.info[_NOTIFIED] = True


def _refuse_ended(connection: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool open a new connection where the server has ended this one: it then has something to read.

    SQLAlchemy's own way is to ask the server first, which costs each transaction another turn.
    """
    libpq = connection.driver_connection.pgconn
    watch = select.poll()
    if libpq.status == ConnStatus.OK:
        watch.register(libpq.socket, select.POLLIN)
    if libpq.status != ConnStatus.OK or watch.poll(0):
        ended = DisconnectionError("the server has ended the connection")
        ended.invalidate_pool = True
        raise ended


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.autocommit = True  # else a transaction would be begun, and taken back when nobody commits it
    cursor = connection.cursor()
    cursor.execute(NOTICE_OUR_DEATH)
    cursor.close()
    connection.autocommit = False


def _tell_of_the_end(context: ExceptionContext) -> OperationalError | None:
    """An OperationalError, as for every other connection that is lost.

    Of one that rested in a transaction the server says that its state is invalid: an internal error, to psycopg. So is
    what a server says that takes no writes, as after a fail-over; connections to it are given up, since it may do so
    again, or another may have taken its place, only for those who connect anew.
    """
    error = context.sqlalchemy_exception
    if not isinstance(error, DatabaseError) or isinstance(error, OperationalError):
        return None
    if _takes_no_writes(error.orig):
        context.is_disconnect = True
    return _in_trouble(error, lost=True) if context.is_disconnect else None


def _takes_no_writes(cause: BaseException | None) -> bool:
    return isinstance(cause, ReadOnlySqlTransaction)


def _tell_of_the_file(context: ExceptionContext) -> OperationalError | None:
    """The same for a file that is no database, or a broken one: to SQLite, errors of no kind in particular."""
    error = context.sqlalchemy_exception
    if not isinstance(error, DatabaseError) or getattr(error.orig, "sqlite_errorcode", None) not in _NO_DATABASE:
        return None
    return _in_trouble(error, lost=context.is_disconnect)


def _in_trouble(error: DatabaseError, *, lost: bool) -> OperationalError:
    assert error.orig is not None
    return OperationalError(error.statement, error.params, error.orig, error.hide_parameters, lost)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by hand, see begin_sqlite
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(conn: Any) -> None:
    """Begin a transaction: one that writes takes the lock at once."""
    options = conn.get_execution_options()
    if not options.get("todoke_watch"):
        conn.exec_driver_sql("BEGIN IMMEDIATE" if options.get("todoke_write") else "BEGIN")
