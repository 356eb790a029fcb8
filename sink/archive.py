"""Where the bytes of captured mails are kept: in memory, or in a SQLite file that survives restarts."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from core.errors import ConfigurationError, TodokeError

_T = TypeVar("_T")


class MailNotKept(TodokeError, OSError):
    """The archive could not take a mail (disk full, file gone). The mail must not be acknowledged."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A captured mail without its bytes. Addresses are the envelope's; the null sender is ''."""

    seq: int  # grows with every mail, never used twice
    id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    kind: str | None
    size: int  # octets
    received_at: datetime


class Archive(Protocol):
    """Keeps mails. One loop, one task at a time per mail."""

    async def open(self) -> tuple[list[Mail], int]:
        """The mails kept before, oldest first, and the next free `seq`."""

    async def put(self, mail: Mail, raw: bytes) -> None:
        """Keep a mail; on return it is as durable as this archive gets. Raises `MailNotKept`."""

    async def get(self, seq: int) -> bytes | None:
        """The bytes as received; None when the mail is gone."""

    async def remove(self, seqs: Sequence[int]) -> None:
        """Forget these mails."""

    async def clear(self) -> None:
        """Forget all mails."""

    async def close(self) -> None:
        """Let go of the file."""


class MemoryArchive:
    """Keeps mails until the process ends."""

    def __init__(self) -> None:
        self._raw: dict[int, bytes] = {}

    async def open(self) -> tuple[list[Mail], int]:
        """Nothing was kept before."""
        return [], 1

    async def put(self, mail: Mail, raw: bytes) -> None:
        """Keep a mail."""
        self._raw[mail.seq] = raw

    async def get(self, seq: int) -> bytes | None:
        """The bytes as received."""
        return self._raw.get(seq)

    async def remove(self, seqs: Sequence[int]) -> None:
        """Forget these mails."""
        for seq in seqs:
            self._raw.pop(seq, None)

    async def clear(self) -> None:
        """Forget all mails."""
        self._raw.clear()

    async def close(self) -> None:
        """Nothing to let go of."""


_SCHEMA_VERSION = 1
# The bytes stand in a table of their own, so that reading 250,000 rows at the start does not touch them.
_SCHEMA = """
CREATE TABLE mails (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT,
    size INTEGER NOT NULL,
    received_at TEXT NOT NULL
);
CREATE TABLE bodies (
    seq INTEGER PRIMARY KEY REFERENCES mails (seq) ON DELETE CASCADE,
    raw BLOB NOT NULL
);
"""


@dataclass(slots=True)
class _Pending:
    mail: Mail
    raw: bytes
    done: asyncio.Future[None]


class SqliteArchive:
    """Keeps mails in a file. Mails that arrive together are committed together.

    A mail that was acknowledged survives the end of the process in any form (WAL, no fsync at each commit: not the
    loss of power). One process at a time: the file is locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sink-archive")
        self._database: sqlite3.Connection | None = None
        self._pending: list[_Pending] = []
        self._flushing: asyncio.Task[None] | None = None

    async def open(self) -> tuple[list[Mail], int]:
        """Open or create the file. Raises `ConfigurationError` when it is not a store or is in use."""
        try:
            return await self._run(self._open)
        except ConfigurationError:
            self._thread.shutdown()
            raise

    async def put(self, mail: Mail, raw: bytes) -> None:
        """Keep a mail; returns after its commit."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(mail, raw, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def get(self, seq: int) -> bytes | None:
        """The bytes as received."""
        rows = await self._run(lambda: self._db.execute("SELECT raw FROM bodies WHERE seq = ?", (seq,)).fetchall())
        return bytes(rows[0][0]) if rows else None

    async def remove(self, seqs: Sequence[int]) -> None:
        """Forget these mails."""
        await self._run(lambda: self._delete(seqs))

    async def clear(self) -> None:
        """Forget all mails."""
        await self._run(self._delete_all)

    async def close(self) -> None:
        """Write what is pending and close the file."""
        if self._flushing is not None:
            await self._flushing
        await self._run(self._close)
        self._thread.shutdown()

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._database is not None, "open() comes first"
        return self._database

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _flush(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            await self._commit(batch)

    async def _commit(self, batch: list[_Pending]) -> None:
        try:
            await self._run(lambda: self._insert(batch))
        except sqlite3.Error as error:
            failure = MailNotKept(f"{self._path}: {error}")
            for pending in _waited_for(batch):
                pending.done.set_exception(failure)
        else:
            for pending in _waited_for(batch):
                pending.done.set_result(None)

    def _open(self) -> tuple[list[Mail], int]:
        try:
            self._database = _connect(self._path)
            rows = self._database.execute(
                "SELECT seq, id, sender, recipients, subject, kind, size, received_at FROM mails ORDER BY seq"
            )
            return [_mail(row) for row in rows], _next_seq(self._database)
        except (sqlite3.Error, OSError) as error:
            self._close()
            raise ConfigurationError(
                f"--store {self._path} cannot be used: {error}. It must be a file of a todoke sink, or not exist yet,"
                " and no other sink may be using it."
            ) from error

    def _insert(self, batch: list[_Pending]) -> None:
        with self._db as db:
            db.executemany("INSERT INTO mails VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [_row(item.mail) for item in batch])
            db.executemany("INSERT INTO bodies VALUES (?, ?)", [(item.mail.seq, item.raw) for item in batch])

    def _delete(self, seqs: Sequence[int]) -> None:
        with self._db as db:
            db.executemany("DELETE FROM mails WHERE seq = ?", [(seq,) for seq in seqs])

    def _delete_all(self) -> None:
        with self._db as db:
            db.execute("DELETE FROM bodies")
            db.execute("DELETE FROM mails")

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _waited_for(batch: Iterable[_Pending]) -> list[_Pending]:
    """Those whose client has not hung up meanwhile."""
    return [pending for pending in batch if not pending.done.done()]


def _connect(path: Path) -> sqlite3.Connection:
    # Captured mails hold secrets: the file is for its owner alone.
    path.touch(mode=0o600, exist_ok=True)
    db = sqlite3.connect(path, timeout=1, check_same_thread=False)
    try:
        _prepare(db)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection) -> None:
    """Create the tables, or see that they are ours before anything is changed."""
    db.execute("PRAGMA temp_store = MEMORY")  # there may be no folder for temporary files
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if version != (0 if empty else _SCHEMA_VERSION):
        raise sqlite3.DatabaseError("it is a database of another program or version")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    if empty:
        db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT")


def _next_seq(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'mails'").fetchone()
    return int(row[0]) + 1 if row else 1


def _row(mail: Mail) -> tuple[object, ...]:
    recipients = json.dumps(mail.recipients, ensure_ascii=False)
    return (
        mail.seq,
        mail.id,
        mail.sender,
        recipients,
        mail.subject,
        mail.kind,
        mail.size,
        mail.received_at.isoformat(),
    )


def _mail(row: tuple[int, str, str, str, str, str | None, int, str]) -> Mail:
    seq, id_, sender, recipients, subject, kind, size, received_at = row
    return Mail(
        seq, id_, sender, tuple(json.loads(recipients)), subject, kind, size, datetime.fromisoformat(received_at)
    )
