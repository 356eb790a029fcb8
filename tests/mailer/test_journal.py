"""The journal: marks after the outcomes before them, receipts entered together, and nothing forgotten in trouble."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime

import pytest

from core.messages import Change, Noted, Receipt, Taken
from core.statuses import Status
from mailer import journal as module
from mailer.journal import Journal

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
LEASE = "sender-1"


class Book:
    """Records in memory: what is durable, in order; fails and loses the lease as it is told."""

    def __init__(self) -> None:
        self.log: list[tuple[str, object]] = []
        self.failing = 0
        self.lost = False
        self.held: frozenset[str] | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def record(self, changes: Sequence[Change]) -> Sequence[bool]:
        await self._write("record", [change.message_id for change in changes])
        return [not self.lost for _ in changes]

    async def note(self, lease: str, on_wire: Collection[str], marks: Sequence[str], receipt: Receipt | None) -> Noted:
        await self._write("note", (sorted(on_wire), list(marks), receipt and receipt.number))
        held = frozenset(marks) if self.held is None else self.held
        return Noted(frozenset() if self.lost else held, noted=not self.lost)

    async def enter(self, lease: str, receipts: Sequence[Receipt]) -> frozenset[str]:
        await self.open.wait()
        await self._write("enter", [receipt.number for receipt in receipts])
        return frozenset(taken.message_id for receipt in receipts for taken in receipt.taken)

    async def _write(self, what: str, about: object) -> None:
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise ConnectionError("the database is away")
        self.log.append((what, about))

    def of(self, what: str) -> list[object]:
        return [about for kind, about in self.log if kind == what]


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def journal(book: Book) -> AsyncIterator[Journal]:
    journal = Journal(book, trouble_pause=0.0)
    running = asyncio.create_task(journal.run())
    yield journal
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def taken(message_id: str) -> Taken:
    return Taken(message_id, LEASE, NOW, NOW, 1, NOW, 250, None, "Ok")


def following(message_id: str) -> Change:
    return Change(message_id, Status.UNDELIVERED, "refused", NOW, lease=LEASE)


class Told:
    """Waits to be told what became of outcomes."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.results: dict[str, bool] = {}
        self._more = asyncio.Event()

    def outcome(self, change: Change) -> None:
        def tell(result: bool) -> None:
            self.results[change.message_id] = result
            self._more.set()

        self._journal.outcome(change, LEASE, tell)

    async def until(self, count: int) -> dict[str, bool]:
        while len(self.results) < count:
            self._more.clear()
            await self._more.wait()
        return self.results


async def test_a_mark_is_told_once_the_outcome_before_it_is_noted(book: Book, journal: Journal) -> None:
    told = Told(journal)
    book.open.clear()  # nothing is entered
    assert await journal.mark("a", LEASE)
    told.outcome(taken("a"))
    assert await journal.mark("b", LEASE)
    assert book.of("note") == [(["a"], ["a"], None), (["b"], ["b"], 1)]
    assert told.results == {}
    book.open.set()
    assert await told.until(1) == {"a": True}


async def test_what_has_consequences_is_recorded_before_the_note(book: Book, journal: Journal) -> None:
    told = Told(journal)
    told.outcome(following("a"))
    told.outcome(taken("b"))
    mark = journal.mark("c", LEASE)
    assert await mark
    assert [what for what, _ in book.log] == ["record", "note"]
    assert await told.until(2) == {"a": True, "b": True}


async def test_receipts_are_entered_together(book: Book, journal: Journal) -> None:
    told = Told(journal)
    for number in range(30):
        told.outcome(taken(f"m{number}"))
        assert await journal.mark(f"n{number}", LEASE)
    await told.until(30)
    assert sorted(number for numbers in book.of("enter") for number in numbers) == list(range(1, 31))  # type: ignore[attr-defined]
    assert len(book.of("enter")) < 15


async def test_a_failed_note_is_written_again_as_it_was(book: Book, journal: Journal) -> None:
    told = Told(journal)
    book.failing = 3
    told.outcome(taken("a"))
    assert await journal.mark("b", LEASE)
    assert book.of("note") == [(["b"], ["b"], 1)]
    book.failing = 2
    assert await told.until(1) == {"a": True}


async def test_what_could_not_be_noted_is_recorded_outright(book: Book, journal: Journal) -> None:
    """Where the sender was taken for dead: its outcomes are told beside the word of whoever took over."""
    told = Told(journal)
    book.lost = True
    told.outcome(taken("a"))
    assert not await journal.mark("b", LEASE)
    assert await told.until(1) == {"a": False}
    assert book.of("record") == [["a"]]
    assert book.of("enter") == []


async def test_a_mail_that_is_no_longer_ours_leaves_the_wire(book: Book, journal: Journal) -> None:
    book.held = frozenset()
    assert not await journal.mark("a", LEASE)
    assert book.of("note") == [(["a"], ["a"], None), ([], [], None)]


async def test_a_sender_waits_while_too_much_is_to_be_entered(
    book: Book, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_TO_ENTER", 3)
    told = Told(journal)
    book.open.clear()
    for number in range(4):
        told.outcome(taken(f"m{number}"))
        assert await journal.mark(f"n{number}", LEASE)
    stuck = journal.mark("late", LEASE)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not stuck.done()
    book.open.set()
    assert await stuck
