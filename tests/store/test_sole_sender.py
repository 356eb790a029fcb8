"""The lock that keeps the senders of an SQLite file to one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.engine import Database, DatabaseUnavailable
from store.sole_sender import AnotherSender, sole_sender


def database(path: Path | str) -> Database:
    return Database(f"sqlite+aiosqlite:///{path}")


def test_a_second_one_is_told_what_where_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "todoke.sqlite3"
    with sole_sender(database(path)), pytest.raises(AnotherSender) as refused, sole_sender(database(path)):
        pass
    [line] = str(refused.value).splitlines()
    assert f"another process sends from {path} " in line
    assert "SQLite is for one process" in line
    assert "use PostgreSQL" in line
    assert not path.exists()


def test_the_same_file_by_another_name_is_the_same(tmp_path: Path) -> None:
    path, link = tmp_path / "todoke.sqlite3", tmp_path / "link.sqlite3"
    path.touch()
    link.symlink_to(path)
    with sole_sender(database(path)), pytest.raises(AnotherSender), sole_sender(database(link)):
        pass


def test_who_ends_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "todoke.sqlite3"
    for _ in range(2):
        with sole_sender(database(path)):
            pass


def test_another_file_is_another_matter(tmp_path: Path) -> None:
    with sole_sender(database(tmp_path / "one.sqlite3")), sole_sender(database(tmp_path / "two.sqlite3")):
        pass


@pytest.mark.parametrize(
    "url", ["sqlite+aiosqlite:///:memory:", "sqlite+aiosqlite://", "postgresql+psycopg://db/todoke"]
)
def test_where_there_is_no_file_there_is_nothing_to_hold(url: str) -> None:
    with sole_sender(Database(url)), sole_sender(Database(url)):
        pass


def test_a_lock_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "todoke.sqlite3-sender").mkdir()
    with (
        pytest.raises(DatabaseUnavailable, match=r"todoke\.sqlite3-sender"),
        sole_sender(database(tmp_path / "todoke.sqlite3")),
    ):
        pass
