"""An outage of a database is told in a sentence, a fault of ours with its traceback."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from core.outages import outage, told
from store.engine import DatabaseUnavailable

_FULL = 'could not extend file "base/16385/16440": No space left on device\nHINT: Check free disk space.'


def raised_by_sqlite(path: Path, statement: str) -> sqlite3.Error:
    with pytest.raises(sqlite3.Error) as caught:
        sqlite3.connect(path).execute(statement)
    return caught.value


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (psycopg.errors.DiskFull(_FULL), " ".join(_FULL.split())),
        (OperationalError("INSERT …", {}, psycopg.errors.TooManyConnections("too many clients")), "too many clients"),
        (psycopg.InterfaceError("the connection is closed"), "the connection is closed"),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"), "cannot execute INSERT"),
        (PoolExhausted("QueuePool limit reached"), "QueuePool limit reached"),
        (DatabaseUnavailable("the database does not answer"), "the database does not answer"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError("reset by peer"), "reset by peer"),
    ],
)
def test_a_database_in_trouble_says_why_in_one_line(error: Exception, sentence: str) -> None:
    assert outage(error) == sentence
    assert told(error) == {"why": sentence}


def test_sqlite_says_why_too(tmp_path: Path) -> None:
    assert outage(raised_by_sqlite(tmp_path / "none" / "file", "SELECT 1")) == "unable to open database file"


@pytest.mark.parametrize(
    "error", [ValueError("x"), IntegrityError("INSERT …", {}, psycopg.errors.UniqueViolation("Key (email)=(a@b)"))]
)
def test_what_is_no_outage_keeps_its_traceback(error: Exception) -> None:
    assert outage(error) is None
    assert told(error) == {"exc_info": error}


def test_a_wrong_statement_is_no_outage_to_sqlite_either(tmp_path: Path) -> None:
    assert outage(raised_by_sqlite(tmp_path / "file", "SELECT * FROM nothing")) is None


def test_a_server_that_refuses_is_told_without_the_password(unused_tcp_port: int) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(f"postgresql://todoke:geheim@127.0.0.1:{unused_tcp_port}/todoke")
    why = outage(refused.value)
    assert why is not None
    assert f"port {unused_tcp_port}" in why
    assert "geheim" not in why
    assert "\n" not in why
