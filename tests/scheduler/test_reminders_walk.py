"""Any course of a season: statuses, restarts with other periods and sendings in any order keep the promises."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.jst import to_tokyo
from core.kinds import Scheme
from core.statuses import Status
from scheduler.calendar import BusinessCalendar
from store import schema
from store.engine import Database

CALENDAR = BusinessCalendar()
CODES = ("3510000001", "3510000002")

PERIODS = {
    "as shipped": (date(2027, 1, 5), date(2027, 3, 31)),
    "longer": (date(2027, 1, 5), date(2027, 4, 7)),
    "shorter": (date(2027, 1, 5), date(2027, 2, 26)),
    "later": (date(2027, 1, 20), date(2027, 3, 31)),
    "a day": (date(2027, 3, 16), date(2027, 3, 16)),
}

words = st.tuples(
    st.just("tell"),
    st.sampled_from(CODES),
    st.sampled_from(["not-started", "in-progress", "reported"]),
    st.sampled_from(["online", "online", "paper"]),
    st.sampled_from(["a@example.jp", "b@example.jp", None]),
)
passing = st.tuples(st.just("pass"), st.integers(12, 30 * 24), st.sampled_from([True, True, False]))
restarts = st.tuples(st.just("restart"), st.sampled_from(sorted(PERIODS)))
courses = st.lists(st.one_of(words, passing, passing, restarts), min_size=3, max_size=14)


@pytest.fixture(scope="module")
def template() -> Any:
    """An up-to-date SQLite database to start each course from."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.sqlite3"
        asyncio.run(_make(f"sqlite+aiosqlite:///{path}"))
        yield path


async def _make(url: str) -> None:
    db = Database(url)
    await schema.upgrade(db)
    await db.close()


class Course:
    """What is told to the service, and what it must not do."""

    def __init__(self, season: Any) -> None:
        self.season = season
        self.period = PERIODS["as shipped"]
        self.now: dict[str, tuple[str, str, str | None]] = {}
        self.sent: Counter[tuple[str, str]] = Counter()
        self.changed_at: dict[str, datetime] = {}  # the last word or restart that concerned the institution
        self.once_on_paper: set[str] = set()  # a step that fell on a day on paper is not caught up

    async def tell(self, code: str, status: str, channel: str, address: str | None) -> None:
        recipient = None if address is None else {"email": address}
        await self.season.told(self.season.word(code, status=status, channel=channel, recipient=recipient))
        self.now[code] = (status, channel, address)
        self.changed_at[code] = self.season.clock.now()
        if channel == "paper":
            self.once_on_paper.add(code)

    async def restart(self, name: str) -> None:
        self.period = PERIODS[name]
        start, end = self.period
        text = f"[medical-function]\nstart = '{start:%m-%d}'\nend = '{end:%m-%d}'"
        self.season.write("periods.toml", text)
        await self.season.restart()
        again = await self.season.restart()
        self.changed_at |= dict.fromkeys(self.now, self.season.clock.now())
        assert (again.planned, again.changed, again.withdrawn, again.expiries) == (0, 0, 0, 0)

    async def send(self) -> None:
        at = to_tokyo(self.season.clock.now())
        found = await self.season.claim()
        for message in found:
            status, channel, address = self.now[message.institution.code]
            assert status != "reported"
            assert channel == "online"
            assert message.recipient.email == address
            assert message.reminder_in_progress == (status == "in-progress")
            assert message.reminder.deadline == self.period[1]
            self.sent[message.institution.code, message.reminder.step] += 1
        if found:
            self.may_send(at)
        await self.season.record(found, Status.SENT)
        assert all(count == 1 for count in self.sent.values())

    def nothing_is_missing(self) -> None:
        """Called at 10:00: today's step has gone to everyone who has been due it since before 09:00."""
        now = to_tokyo(self.season.clock.now())
        steps = self.season.wiring.reminder_rules.steps(Scheme.MEDICAL_FUNCTION, "35", 2026)
        for step in (step.key for step in steps if step.day == now.date()):
            for code, (status, channel, address) in self.now.items():
                due = status != "reported" and channel == "online" and address is not None
                if due and code not in self.once_on_paper and self.changed_at[code] < now - timedelta(hours=1):
                    assert self.sent[code, step] == 1

    def may_send(self, at: datetime) -> None:
        assert CALENDAR.is_open(at.date())
        assert 9 <= at.hour < 17
        assert self.period[0] <= at.date() <= self.period[1]

    async def wait(self, hours: int, *, sending: bool) -> None:
        """Hour by hour, or in one leap where the service was down."""
        for _ in range(hours if sending else 1):
            self.season.clock.leap_to(self.season.clock.now() + timedelta(hours=1 if sending else hours))
            if to_tokyo(self.season.clock.now()).hour in (0, 9, 10, 16, 17) or not sending:
                await self.season.tick()
                await self.send()
            if sending and to_tokyo(self.season.clock.now()).hour == 10:
                self.nothing_is_missing()


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(course=courses)
def test_every_course_keeps_the_promises(template: Path, season_class: Any, course: list[Any]) -> None:
    asyncio.run(_play(template, season_class, course))


async def _play(template: Path, season_class: Any, course: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(template, folder / "db.sqlite3")
        season = season_class(f"sqlite+aiosqlite:///{folder / 'db.sqlite3'}", folder, "2027-01-04T10:00")
        run = Course(season)
        try:
            for code in CODES:
                await run.tell(code, "not-started", "online", "a@example.jp")
            for what, *rest in course:
                match what:
                    case "tell":
                        await run.tell(*rest)
                    case "restart":
                        await run.restart(*rest)
                    case _:
                        await run.wait(rest[0], sending=rest[1])
        finally:
            await season.wiring.close()
