"""Whether a database takes writes is found out by writing, rarely: here with a full disk and a read-only server."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from store.engine import Database, DatabaseUnavailable
from store.tables import guesses
from store.writable import Writable

_HEADER_OCTETS = 1024


class Seconds:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def leap(self, seconds: float) -> None:
        self.now += seconds


@contextlib.contextmanager
def no_file_grows() -> Iterator[None]:
    """As where a disk is full: no file of this process can be written beyond its first kilobyte, a log as little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_HEADER_OCTETS, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def ids() -> str:
    return "1"


async def test_a_database_that_takes_writes_keeps_nothing_of_them(db: Database) -> None:
    await Writable(db, ids).check()
    async with db.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(guesses))).scalar_one() == 0


async def test_a_full_disk_is_told_until_there_is_room(sqlite_url: str) -> None:
    database, seconds = Database(sqlite_url), Seconds()
    writable = Writable(database, ids, seconds)
    await writable.check()
    seconds.now += 3
    with capture_logs() as logs, no_file_grows(), pytest.raises(DatabaseUnavailable, match="takes no writes"):
        await writable.check()
    [told] = logs
    assert (told["event"], told["why"]) == ("could not write to the database; trying again", "disk I/O error")
    with pytest.raises(DatabaseUnavailable, match="takes no writes"):  # it is not tried so soon
        await writable.check()
    seconds.now += 3
    await writable.check()
    await database.close()


async def test_a_server_that_became_read_only_is_told(postgres_url: str) -> None:
    database, seconds = Database(postgres_url), Seconds()
    writable = Writable(database, ids, seconds)
    await writable.check()
    async with database.write() as conn:
        await conn.execute(text(f'ALTER DATABASE "{database.url.database}" SET default_transaction_read_only = on'))
    await database.engine.dispose()
    await writable.check()  # it is not asked so soon
    seconds.now += 3
    with pytest.raises(DatabaseUnavailable, match="takes no writes"):
        await writable.check()
    await database.close()


_FULL = """
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF pg_relation_size('guesses') > 8192 THEN
            RAISE 'could not extend file "base/5/guesses": No space left on device' USING ERRCODE = 'disk_full';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER full_disk AFTER INSERT ON guesses EXECUTE FUNCTION full_disk();
"""
"""As where the disk is full: what fits into the table's first page is written, and more is not."""


async def execute(db: Database, statements: str) -> None:
    async with db.write() as conn:
        for statement in statements.split("\n\n"):
            await conn.exec_driver_sql(statement)


async def checks(writable: Writable, seconds: Seconds) -> list[bool]:
    """Whether all is well, asked three times."""
    found = []
    for _ in range(3):
        seconds.now += 3
        try:
            await writable.check()
        except DatabaseUnavailable as error:
            found.append("could not extend file" not in str(error))
        else:
            found.append(True)
    return found


@pytest.fixture
async def full_disk(postgres_url: str) -> AsyncIterator[Database]:
    database = Database(postgres_url)
    await execute(database, _FULL)
    yield database
    await database.close()


async def test_a_full_disk_on_which_small_writes_succeed_is_found_at_the_start(full_disk: Database) -> None:
    seconds = Seconds()
    writable = Writable(full_disk, ids, seconds)
    assert await checks(writable, seconds) == [False, False, False]
    await execute(full_disk, "DROP TRIGGER full_disk ON guesses")
    assert await checks(writable, seconds) == [True, True, True]


async def test_one_that_fills_up_is_found_when_somebody_meets_it_or_after_minutes(postgres_url: str) -> None:
    database, seconds = Database(postgres_url), Seconds()
    meetings: list[Callable[[Writable], None]] = [Writable.doubt, lambda _: seconds.leap(300)]
    for meet in meetings:
        writable = Writable(database, ids, seconds)
        await writable.check()
        await execute(database, f"{_FULL}\n\nTRUNCATE guesses")
        assert await checks(writable, seconds) == [True, True, True]
        meet(writable)
        assert await checks(writable, seconds) == [False, False, False]
        await execute(database, "DROP TRIGGER full_disk ON guesses\n\nDROP FUNCTION full_disk")
    await database.close()


async def test_asking_often_writes_rarely(sqlite_url: str) -> None:
    database, seconds = Database(sqlite_url), Seconds()
    writable = Writable(database, ids, seconds)

    def written() -> int:
        return Path(f"{database.file}-wal").stat().st_size

    await writable.check()
    first = written()
    for _ in range(20):
        await writable.check()
    assert written() == first
    seconds.now += 3
    await writable.check()
    assert written() > first
    await database.close()
