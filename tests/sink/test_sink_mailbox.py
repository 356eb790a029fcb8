"""The captured mails: paging, filters, waiting, bounds, and both archives through the same tests."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.jst import TOKYO
from sink.archive import Archive, Mail, MailNotKept, MemoryArchive, SqliteArchive
from sink.headers import Facts
from sink.mailbox import Mailbox, Page, Query

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=TOKYO)


def box(archive: Archive, max_messages: int = 1_000, run_id: str = "run") -> Mailbox:
    return Mailbox(archive, run_id=run_id, max_messages=max_messages)


async def keep(mailbox: Mailbox, *to: str, subject: str = "s", kind: str | None = None, minutes: int = 0) -> Mail:
    facts = Facts(subject, kind, None)
    return await mailbox.keep("v@b.jp", to or ("a@b.jp",), subject.encode(), facts, NOW + timedelta(minutes=minutes))


@pytest.fixture(params=["memory", "file"])
async def mailbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mailbox]:
    archive = MemoryArchive() if request.param == "memory" else SqliteArchive(tmp_path / "mails.db")
    mailbox = box(archive)
    await mailbox.open()
    yield mailbox
    await mailbox.close()


def subjects(page: Page) -> list[str]:
    return [mail.subject for mail in page.items]


async def test_finds_by_each_filter(mailbox: Mailbox) -> None:
    await keep(mailbox, "soumu@example.jp", subject="【G-MIS】ご連絡", kind="pre-check")
    await keep(mailbox, "other@example.jp", "Soumu@Example.JP", subject="Second", kind="guide", minutes=5)

    def find(**wanted: Any) -> list[str]:
        return subjects(mailbox.page(Query(**wanted), 10))

    assert find() == ["Second", "【G-MIS】ご連絡"]
    assert find(to="SOUMU@example.jp") == ["Second", "【G-MIS】ご連絡"]
    assert find(to="soumu@example") == []
    assert find(subject="g-mis】ご") == ["【G-MIS】ご連絡"]
    assert find(kind="guide") == ["Second"]
    assert find(kind="code") == []
    assert find(since=NOW + timedelta(minutes=5)) == ["Second"]
    assert find(since=NOW + timedelta(minutes=6)) == []
    assert find(to="soumu@example.jp", kind="pre-check") == ["【G-MIS】ご連絡"]


async def test_pages_stay_put_while_mails_arrive(mailbox: Mailbox) -> None:
    for number in range(7):
        await keep(mailbox, subject=str(number))
    first = mailbox.page(Query(), 3)
    await keep(mailbox, subject="late")
    second = mailbox.page(Query(), 3, first.next)
    await mailbox.remove([second.items[-1]])
    third = mailbox.page(Query(), 3, second.next)
    assert subjects(first) + subjects(second) + subjects(third) == ["6", "5", "4", "3", "2", "1", "0"]
    assert third.next is None


async def test_a_full_last_page_has_no_next(mailbox: Mailbox) -> None:
    for number in range(4):
        await keep(mailbox, subject=str(number))
    first = mailbox.page(Query(to="a@b.jp"), 2)
    assert first.next is not None
    assert mailbox.page(Query(to="a@b.jp"), 2, first.next).next is None


async def test_removes_and_clears(mailbox: Mailbox) -> None:
    first, second = await keep(mailbox, subject="1"), await keep(mailbox, subject="2")
    await mailbox.remove([first, first])
    assert mailbox.get(first.id) is None
    assert await mailbox.raw(first) is None
    assert await mailbox.raw(second) == b"2"
    assert subjects(mailbox.page(Query(to="a@b.jp"), 10)) == ["2"]
    await mailbox.clear()
    assert mailbox.page(Query(), 10).items == []
    third = await keep(mailbox, subject="3")
    assert third.id != first.id
    assert subjects(mailbox.page(Query(), 10)) == ["3"]


async def test_knows_only_its_own_ids(mailbox: Mailbox) -> None:
    mail = await keep(mailbox)
    assert mailbox.get(mail.id) == mail
    for wrong in ("", "1", f"other-{mail.seq}", f"{mail.id}0", f"run-{'9' * 400}", "run-x", "run-²"):
        assert mailbox.get(wrong) is None


async def test_waiting_ends_when_a_match_arrives(mailbox: Mailbox) -> None:
    waiting = asyncio.create_task(mailbox.wait_for(Query(kind="guide"), 10))
    await keep(mailbox, kind="code")
    await asyncio.sleep(0)
    assert not waiting.done()
    await keep(mailbox, kind="guide")
    await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_when_time_is_over_or_the_box_lets_go(mailbox: Mailbox) -> None:
    await mailbox.wait_for(Query(), 0.01)
    waiting = asyncio.create_task(mailbox.wait_for(Query(), 1_000))
    await asyncio.sleep(0)
    mailbox.release()
    await asyncio.wait_for(waiting, 5)
    await mailbox.wait_for(Query(), 1_000)


async def test_changes_are_seen_even_if_they_came_before_asking(mailbox: Mailbox) -> None:
    before = mailbox.standing
    await keep(mailbox)
    after = await mailbox.changed(before, 1_000)
    assert (after.total, after.generation) == (1, before.generation)
    await mailbox.clear()
    assert (await mailbox.changed(after, 1_000)).generation > after.generation


@pytest.mark.parametrize("archive", [MemoryArchive, None])
async def test_beyond_the_bound_the_oldest_go(tmp_path: Path, archive: Callable[[], Archive] | None) -> None:
    mailbox = box(archive() if archive else SqliteArchive(tmp_path / "mails.db"), max_messages=3)
    await mailbox.open()
    mails = [await keep(mailbox, subject=str(number)) for number in range(3)]
    await mailbox.remove([mails[1]])
    for number in (3, 4):
        await keep(mailbox, subject=str(number))
    assert subjects(mailbox.page(Query(), 10)) == ["4", "3", "2"]
    assert await mailbox.raw(mails[0]) is None
    await mailbox.close()


@given(st.lists(st.sampled_from(["keep", "keep", "keep", "remove", "clear"]), max_size=40), st.integers(1, 4))
def test_paging_always_lists_every_mail_once(steps: list[str], limit: int) -> None:
    async def play() -> None:
        mailbox, model = box(MemoryArchive()), list[Mail]()
        for step in steps:
            if step == "keep":
                model.append(await keep(mailbox))
            elif step == "remove" and model:
                await mailbox.remove([model.pop(len(model) // 2)])
            elif step == "clear":
                await mailbox.clear()
                model.clear()
        for query in (Query(), Query(to="A@B.jp")):
            assert pages(mailbox, query) == model[::-1]

    def pages(mailbox: Mailbox, query: Query) -> list[Mail]:
        found, page = list[Mail](), mailbox.page(query, limit)
        found += page.items
        while page.next is not None:
            page = mailbox.page(query, limit, page.next)
            assert page.items
            found += page.items
        return found

    asyncio.run(play())


async def test_a_store_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "mails.db"
    first = box(SqliteArchive(path), run_id="one")
    await first.open()
    kept = [await keep(first, "利用者@例え.jp", subject="件名", kind="guide"), await keep(first, subject="gone")]
    await first.remove([kept[1]])
    await first.close()
    second = box(SqliteArchive(path), run_id="two")
    await second.open()
    assert second.page(Query(), 10).items == [kept[0]]
    assert await second.raw(kept[0]) == "件名".encode()
    new = await keep(second, subject="new")
    assert new.seq > kept[1].seq
    assert subjects(second.page(Query(), 10)) == ["new", "件名"]
    await second.close()


async def test_numbers_are_not_used_again_after_clearing_and_restarting(tmp_path: Path) -> None:
    path = tmp_path / "mails.db"
    first = box(SqliteArchive(path))
    await first.open()
    old = await keep(first)
    await first.clear()
    await first.close()
    second = box(SqliteArchive(path))
    await second.open()
    assert (await keep(second)).seq > old.seq
    await second.close()


async def test_mails_that_arrive_together_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "mails.db"
    mailbox = box(SqliteArchive(path))
    await mailbox.open()
    await asyncio.gather(*(keep(mailbox, subject=str(number)) for number in range(100)))
    assert len(mailbox.page(Query(), 1_000).items) == 100
    await mailbox.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM mails JOIN bodies USING (seq)").fetchone() == (100,)
    db.close()


async def test_a_mail_that_cannot_be_stored_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "mails.db"
    archive = SqliteArchive(path)
    mailbox = box(archive)
    await mailbox.open()
    archive._db.execute("DROP TABLE bodies")
    with pytest.raises(MailNotKept):
        await keep(mailbox)
    assert mailbox.page(Query(), 10).items == []
    await mailbox.close()


async def test_a_client_that_hung_up_does_not_stop_the_others(tmp_path: Path) -> None:
    mailbox = box(SqliteArchive(tmp_path / "mails.db"))
    await mailbox.open()
    gone, patient = asyncio.create_task(keep(mailbox)), asyncio.create_task(keep(mailbox, subject="kept"))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await asyncio.wait_for(patient, 5)).subject == "kept"
    await mailbox.close()


def spoil_with_text(path: Path) -> None:
    path.write_text("this is a letter, not a database, and long enough to tell" * 20)


def spoil_with_other_tables(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()


def spoil_by_being_a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("spoil", [spoil_with_text, spoil_with_other_tables, spoil_by_being_a_folder])
async def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "mails.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(ConfigurationError, match="--store"):
        await box(SqliteArchive(path)).open()
    assert (path.read_bytes() if path.is_file() else b"") == before


async def test_two_sinks_cannot_share_a_store(tmp_path: Path) -> None:
    first = box(SqliteArchive(tmp_path / "mails.db"))
    await first.open()
    with pytest.raises(ConfigurationError, match="no other sink"):
        await box(SqliteArchive(tmp_path / "mails.db")).open()
    await first.close()


async def test_the_store_is_for_its_owner_alone(tmp_path: Path) -> None:
    mailbox = box(SqliteArchive(tmp_path / "mails.db"))
    await mailbox.open()
    await keep(mailbox)
    assert modes_of_files_in(tmp_path) == {0o600}
    await mailbox.close()


def modes_of_files_in(folder: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in folder.iterdir()}
