"""After a restore no guide leaves that may have left since the backup; what cannot have left goes on."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.kinds import Kind
from core.statuses import Status
from store.engine import Database
from store.restoring import WHY, Restored
from todoke.cli import main

TAKEN = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # Tuesday 10:00 in Tokyo
NEXT_MORNING = timedelta(hours=23)  # 9:00, when the guide of a pre-check that was sent on that day leaves
HOUR = timedelta(hours=1)


async def doubted(room: Any, after: timedelta) -> int:
    """So long after the backup it is restored."""
    return await Restored(room.db, room.ledger, room.timing).doubt_guides(TAKEN, TAKEN + after)


@pytest.mark.parametrize(
    ("status", "ready", "after", "in_doubt"),
    [
        (Status.SCHEDULED, HOUR, 2 * HOUR, True),
        (Status.SCHEDULED, HOUR, HOUR, True),
        (Status.SCHEDULED, -HOUR, HOUR, True),  # it was about to be claimed
        (Status.SCHEDULED, 3 * HOUR, 2 * HOUR, False),
        (Status.DEFERRED, HOUR, 2 * HOUR, True),
        (Status.DEFERRED, 3 * HOUR, 2 * HOUR, False),
        (Status.IN_DOUBT, HOUR, 2 * HOUR, True),  # where guides are tried again by setting
        (Status.IN_DOUBT, None, 2 * HOUR, False),
        (Status.SENT, None, 2 * HOUR, False),
        (Status.CANCELLED, None, 2 * HOUR, False),
    ],
)
async def test_a_guide_that_was_due_is_in_doubt(
    room: Any, status: Status, ready: timedelta | None, after: timedelta, in_doubt: bool
) -> None:
    ready_at = None if ready is None else TAKEN + ready
    guide = await room.add(Kind.GUIDE, status, ready_at=ready_at, due_at=ready_at)
    assert await doubted(room, after) == in_doubt
    row = await room.row(guide)
    assert row.status == (Status.IN_DOUBT if in_doubt else status)
    if in_doubt:
        assert (row.ready_at, row.secret, row.lease) == (None, None, None)
        [event] = await room.story(guide)
        assert (event.type, event.status, event.detail["why"]) == ("in-doubt", "in-doubt", WHY)
        assert event.detail["needs_person"]
    assert await doubted(room, after + timedelta(days=30)) == 0 or not in_doubt


@pytest.mark.parametrize("pre_check", [Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT])
@pytest.mark.parametrize(
    ("not_before", "after", "in_doubt"),
    [
        (None, NEXT_MORNING - HOUR, False),  # whatever became of its pre-check, the guide was not due yet
        (None, NEXT_MORNING, True),
        (2 * HOUR, NEXT_MORNING, True),
        (timedelta(days=2), NEXT_MORNING, False),
        (timedelta(days=2), timedelta(days=2), True),
    ],
)
async def test_so_is_one_whose_gate_may_have_opened(
    room: Any, pre_check: Status, not_before: timedelta | None, after: timedelta, in_doubt: bool
) -> None:
    moment = None if not_before is None else TAKEN + not_before
    first, guide = await room.pair(pre_check, not_before=moment)
    await room.set(first, ready_at=TAKEN + HOUR)
    assert await doubted(room, after) == in_doubt
    assert await room.status(guide) is (Status.IN_DOUBT if in_doubt else Status.HELD)
    assert await room.told(guide) == (["in-doubt"] if in_doubt else [])
    assert await room.status(first) is pre_check
    if in_doubt:
        await room.move(first, Status.SENDING, lease="a", ready_at=None)
        await room.move(first, Status.SENT)
        assert await room.status(guide) is Status.IN_DOUBT


DAY = timedelta(days=1)
FRIDAY_NIGHT, MONDAY, TUESDAY = 3 * DAY + 12 * HOUR, 6 * DAY - HOUR, 7 * DAY - HOUR


async def doubts(room: Any, taken: timedelta, *moments: timedelta) -> list[int]:
    """How many guides each moment of a restore puts in doubt, one after the other."""
    restored = Restored(room.db, room.ledger, room.timing)
    return [await restored.doubt_guides(TAKEN + taken, TAKEN + moment) for moment in moments]


async def test_a_pre_check_that_was_not_to_go_has_opened_no_gate(room: Any) -> None:
    first, _ = await room.pair(Status.SCHEDULED)
    await room.set(first, ready_at=TAKEN + DAY, not_before=TAKEN + DAY)
    assert await doubts(room, 0 * DAY, 2 * DAY - 2 * HOUR, 2 * DAY - HOUR) == [0, 1]


async def test_one_that_was_never_tried_has_opened_none_outside_its_hours(room: Any) -> None:
    await room.pair(Status.SCHEDULED)
    assert await doubts(room, FRIDAY_NIGHT, MONDAY, TUESDAY - HOUR, TUESDAY) == [0, 0, 1]


@pytest.mark.parametrize("status", [Status.DEFERRED, Status.IN_DOUBT])
async def test_a_doubt_may_have_been_settled_at_any_moment(room: Any, status: Status) -> None:
    first, _ = await room.pair(status)
    tried = {"attempts": 1, "first_attempt_at": TAKEN - DAY}
    await room.set(first, ready_at=TAKEN + MONDAY, not_before=TAKEN - DAY, **tried)
    assert await doubts(room, FRIDAY_NIGHT, MONDAY - HOUR, MONDAY) == [0, 1]


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DEFERRED, Status.IN_DOUBT])
async def test_what_waited_for_a_later_day_may_have_been_brought_forward(room: Any, status: Status) -> None:
    first, _ = await room.pair(status)
    await room.set(first, ready_at=TAKEN + 3 * DAY)
    assert await doubts(room, 0 * DAY, NEXT_MORNING - HOUR, NEXT_MORNING) == [0, 1]


@pytest.mark.parametrize(
    ("ready", "not_before", "moments", "in_doubt"),
    [
        (DAY - HOUR, None, (NEXT_MORNING - HOUR, NEXT_MORNING), [0, 1]),
        (3 * DAY, None, (NEXT_MORNING - HOUR, NEXT_MORNING), [0, 1]),  # a closure was taken back
        (3 * DAY, 2 * DAY, (2 * DAY - HOUR, 2 * DAY), [0, 1]),
        (DAY, None, (NEXT_MORNING, DAY), [0, 1]),  # held back on its day
    ],
)
async def test_so_may_a_guide_whose_gate_was_open(
    room: Any, ready: timedelta, not_before: timedelta | None, moments: tuple[timedelta, ...], in_doubt: list[int]
) -> None:
    moment = None if not_before is None else TAKEN + not_before
    columns = {"ready_at": TAKEN + ready, "due_at": TAKEN + ready, "not_before": moment}
    first, _ = await room.pair(Status.SENT, Status.SCHEDULED, **columns)
    await room.set(first, sent_at=TAKEN)
    assert await doubts(room, 0 * DAY, *moments) == in_doubt


async def test_other_kinds_go_on_as_they_stand(room: Any) -> None:
    mails = [await room.add(kind) for kind in Kind if kind is not Kind.GUIDE]
    assert await doubted(room, timedelta(days=30)) == 0
    assert {await room.status(mail) for mail in mails} == {Status.SCHEDULED}


async def test_many_are_doubted_in_parts(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.restoring._TOGETHER", 2)
    for _ in range(5):
        await room.add(Kind.GUIDE)
    assert await doubted(room, HOUR) == 5


class Command:
    """`todoke db restored` on a database with one guide in the hands of a sender."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.setenv("TODOKE_DATABASE_URL", url)

    def run(self, *words: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["todoke", "db", "restored", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def command(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path))
    return Command(sqlite_url, monkeypatch, capsys)


@pytest.mark.parametrize("marked", [False, True])
def test_the_command_takes_over_first(command: Command, sqlite_url: str, make_room: Any, marked: bool) -> None:
    async def with_room(work: Any) -> Any:
        db = Database(sqlite_url)
        try:
            return await work(make_room(db))
        finally:
            await db.close()

    async def held_by_a_sender(room: Any) -> str:
        guide: str = await room.add(Kind.GUIDE, Status.SENDING)
        await room.put_on_wire(*([guide] if marked else []))
        return guide

    guide = asyncio.run(with_room(held_by_a_sender))
    code, out, _ = command.run("--taken-at", "2026-11-24T10:00:00+09:00", "--json")
    assert (code, json.loads(out)) == (0, {"in_doubt": 0 if marked else 1})
    assert asyncio.run(with_room(lambda room: room.status(guide))) is Status.IN_DOUBT
    code, out, _ = command.run("--taken-at", "2026-11-24T10:00:00+09:00")
    assert (code, out) == (0, "no guide can have left since then\n")


@pytest.mark.parametrize(("moment", "said"), [("2199-01-01T00:00:00+09:00", "future"), ("yesterday", "ISO time")])
def test_a_moment_that_cannot_be_is_wrong_usage(command: Command, moment: str, said: str) -> None:
    code, _, err = command.run("--taken-at", moment)
    assert code == 2
    assert f"--taken-at: {'lies in the ' if said == 'future' else 'must be an '}{said}" in err
