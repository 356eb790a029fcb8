"""PostgreSQL databases of a run's own: made, copied, held back behind a lock until all are ready, dropped."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from benchmarks.problems import Missing
from benchmarks.processes import LOOPBACK

VARIABLE = "BENCH_POSTGRES_URL"
DEFAULT_URL = f"postgresql://postgres@{LOOPBACK}:5432/postgres"

_LOOPBACKS = frozenset({LOOPBACK, "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server on this machine, as somebody who may make databases."""

    admin_url: str

    @classmethod
    def found(cls) -> Postgres:
        """The server that BENCH_POSTGRES_URL names, or the usual one. Raises Missing."""
        url = os.environ.get(VARIABLE, DEFAULT_URL)
        if conninfo_to_dict(url).get("host") not in _LOOPBACKS:
            raise Missing(f"{VARIABLE} must name a server on this machine ({', '.join(sorted(_LOOPBACKS))})")
        server = cls(url)
        try:
            server.version()
        except psycopg.OperationalError as error:
            raise Missing(
                f"no PostgreSQL at 127.0.0.1:5432 for us ({str(error).strip()}): apt-get install postgresql and start "
                f"it, or name another with {VARIABLE}=postgresql://USER:PASSWORD@127.0.0.1:PORT/postgres"
            ) from None
        return server

    def version(self) -> str:
        """The server's version and what decides how durable a commit is."""
        with psycopg.connect(self.admin_url, connect_timeout=5) as conn:
            shown = {name: _scalar(conn, f"SHOW {name}") for name in ("server_version", "fsync", "synchronous_commit")}
        version = shown.pop("server_version")
        return f"PostgreSQL {version}, " + ", ".join(f"{name} {value}" for name, value in shown.items())

    def url(self, database: str) -> str:
        """The URL of a database."""
        return self.admin_url.rpartition("/")[0] + f"/{database}"

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """A new database, a copy of `template`; dropped in the end. Its name."""
        name = f"todoke_bench_{secrets.token_hex(6)}"
        self._admin(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield name
        finally:
            self._admin(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def tidy(self, database: str) -> None:
        """Statistics for the planner, and everything on disk."""
        with psycopg.connect(self.url(database), autocommit=True) as conn:
            conn.execute("VACUUM ANALYZE")
            conn.execute("CHECKPOINT")

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as conn:
            conn.execute(statement)


@contextlib.contextmanager
def held_back(url: str, lock: sql.SQL) -> Iterator[psycopg.Connection]:
    """While this lasts, or until the connection is rolled back, whoever wants what is locked waits."""
    with psycopg.connect(url) as conn:
        conn.execute(lock)
        yield conn


@contextlib.contextmanager
def watching(url: str) -> Iterator[Watch]:
    """A connection to ask with, again and again."""
    with psycopg.connect(url, autocommit=True) as conn:
        yield Watch(conn)


@dataclass(frozen=True, slots=True)
class Watch:
    """Asks one value at a time, each in a transaction of its own."""

    _conn: psycopg.Connection

    def number(self, query: str) -> int:
        """The one number that a query answers."""
        return int(_scalar(self._conn, query))

    def waiting(self) -> int:
        """How many sessions of this database wait for a lock."""
        return self.number(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )


def _scalar(conn: psycopg.Connection, query: str) -> str:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])
