"""One sending process for an SQLite file: a second would take the living one for dead and send its mails again."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import TodokeError
from store.engine import Database, unavailable


class AnotherSender(TodokeError):
    """Another process sends from this SQLite file."""


@contextmanager
def sole_sender(db: Database) -> Iterator[None]:
    """Be the one process that sends from this database. On PostgreSQL and in memory there is nothing to hold.

    It is a lock on a file beside the database, which the kernel gives back however the process ends. Nothing else is
    touched. Raises AnotherSender, DatabaseUnavailable.
    """
    if db.file is None:
        yield
        return
    database = db.file.resolve()
    with _opened(database.with_name(f"{database.name}-sender")) as lock:
        _hold(lock, database)
        yield


def _opened(path: Path) -> IO[str]:
    """The file stays: one that is removed could be held by one process while another makes and holds a new one."""
    try:
        return path.open("a")
    except OSError as error:
        raise unavailable(error) from error


def _hold(lock: IO[str], database: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AnotherSender(
            f"another process sends from {database} (it holds {lock.name}), and SQLite is for one process: "
            "end that one first, or use PostgreSQL, which is for many (TODOKE_DATABASE_URL=postgresql+psycopg://…)"
        ) from None
    except OSError as error:
        raise unavailable(error) from error
