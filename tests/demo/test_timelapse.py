"""The timelapse: everything due is done in its time, however long it takes, and nothing is overtaken."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import Anchor, SimulatedClock
from todoke.demo.timelapse import Pulse, Stalled, Timelapse

START = datetime(2026, 12, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPEED = 60.0


class FakePatient:
    """A service in which every piece of work takes a few looks, and brings a report that takes one look more."""

    def __init__(self, due: Iterable[datetime], looks: int = 2) -> None:
        self.seconds = 0.0
        self.clock = SimulatedClock(Anchor(START, 0.0, SPEED), lambda: self.seconds)
        self.due = sorted(due)
        self.looks = looks
        self.done: list[datetime] = []
        self.read: list[datetime] = []
        self.wakes = 0
        self._looks_left = looks
        self._on_the_way = 0
        self._arrived = 0

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def pulse(self, now: datetime) -> Pulse:
        self._work(now)
        ready = sum(moment <= now for moment in self.due)
        return Pulse(ready + self._arrived, len(self.done) + len(self.read))

    def _work(self, now: datetime) -> None:
        if self._arrived:
            self._arrived -= 1
            self.read.append(now)
        elif self.due and self.due[0] <= now:
            self._looks_left -= 1
            if self._looks_left <= 0:
                self.done.append(self.due.pop(0))
                self._on_the_way += 1
                self._looks_left = self.looks

    async def next_due(self) -> datetime | None:
        return self.due[0] if self.due else None

    async def reports_gone(self) -> None:
        self._arrived += self._on_the_way
        self._on_the_way = 0

    def wake(self) -> None:
        self.wakes += 1


def lapse(patient: FakePatient, patience: float = 30.0) -> Timelapse:
    """A timelapse of a patient, on the patient's own real time."""
    return Timelapse(patient.clock, patient, sleep=patient.sleep, real=lambda: patient.seconds, patience=patience)


async def test_does_what_is_due_and_stands_at_the_moment() -> None:
    patient = FakePatient([START + HOUR, START + 30 * HOUR])
    await lapse(patient).run_until(START + 48 * HOUR)
    assert patient.done == [START + HOUR, START + 30 * HOUR]
    assert patient.clock.now() == START + 48 * HOUR


async def test_leaves_what_is_due_later() -> None:
    patient = FakePatient([START + HOUR, START + 3 * HOUR])
    await lapse(patient).run_until(START + 2 * HOUR)
    assert patient.done == [START + HOUR]
    assert patient.due == [START + 3 * HOUR]


async def test_does_what_is_due_at_the_moment_itself() -> None:
    patient = FakePatient([START + HOUR])
    await lapse(patient).run_until(START + HOUR)
    assert patient.done == [START + HOUR]


async def test_reports_are_read_before_the_next_leap() -> None:
    """A bounce of the pre-check comes before the day of its guide."""
    patient = FakePatient([START + HOUR, START + 25 * HOUR])
    await lapse(patient).run_until(START + 72 * HOUR)
    assert len(patient.read) == 2
    assert patient.read[0] < START + 25 * HOUR
    assert patient.read[1] < START + 72 * HOUR


async def test_a_slow_machine_does_the_same() -> None:
    quick = FakePatient([START + HOUR, START + 25 * HOUR])
    slow = FakePatient([START + HOUR, START + 25 * HOUR], looks=200)
    for patient in (quick, slow):
        await lapse(patient).run_until(START + 48 * HOUR)
    assert slow.seconds > 10 * quick.seconds
    assert slow.done == quick.done
    assert slow.read[0] < START + 25 * HOUR


async def test_takes_next_to_no_real_time_where_nothing_is_due() -> None:
    patient = FakePatient([])
    await lapse(patient).run_until(START + 1000 * HOUR)
    assert patient.seconds < 0.1


async def test_wakes_the_service_after_each_leap() -> None:
    patient = FakePatient([START + HOUR, START + 2 * HOUR])
    timelapse = lapse(patient)
    await timelapse.run_until(START + 5 * HOUR)
    assert patient.wakes == timelapse.leaps == 3


async def test_a_moment_in_the_past_moves_nothing_back() -> None:
    patient = FakePatient([])
    timelapse = lapse(patient)
    await timelapse.run_until(START + 5 * HOUR)
    await timelapse.run_until(START + HOUR)
    assert patient.clock.now() == START + 5 * HOUR


async def test_notices_what_began_while_it_waited_for_reports() -> None:
    class Late(FakePatient):
        async def reports_gone(self) -> None:
            await super().reports_gone()
            if not self.done:
                self.done.append(START)  # a mail that came and went between two looks …
                self._on_the_way += 1  # … and whose report is still to come

    patient = Late([])
    await lapse(patient).quiet()
    assert len(patient.read) == 1


async def test_notices_what_began_while_it_asked_what_is_due_next() -> None:
    class Begun(FakePatient):
        """The first mail falls due, and is being sent, just when somebody asks for what is due next."""

        ended_at: datetime | None = None

        def _work(self, now: datetime) -> None:
            super()._work(now)
            if self.done and self.ended_at is None:
                self.ended_at = now

        async def next_due(self) -> datetime | None:
            if self.wakes or self.done:
                return await super().next_due()
            self.seconds += (START + HOUR - self.clock.now()).total_seconds() / SPEED
            return self.due[1]

    patient = Begun([START + HOUR, START + 30 * HOUR])
    await lapse(patient).run_until(START + 48 * HOUR)
    assert patient.done == [START + HOUR, START + 30 * HOUR]
    assert patient.ended_at is not None
    assert patient.ended_at < START + 2 * HOUR


async def test_says_so_when_nothing_gets_done() -> None:
    class Stuck(FakePatient):
        def _work(self, now: datetime) -> None:
            pass

    patient = Stuck([START])
    with pytest.raises(Stalled, match=r"1 thing\(s\) are due"):
        await lapse(patient, patience=5.0).run_until(START + HOUR)
    assert 5.0 <= patient.seconds < 10.0


async def test_patience_begins_anew_with_every_beat() -> None:
    patient = FakePatient([START + timedelta(seconds=second) for second in range(20)], looks=40)
    await lapse(patient, patience=6.0).run_until(START + HOUR)
    assert len(patient.done) == 20
    assert patient.seconds > 12.0


@given(hours=st.lists(st.integers(min_value=0, max_value=500), max_size=20), looks=st.integers(1, 20))
async def test_everything_is_done_in_order_and_in_time(hours: list[int], looks: int) -> None:
    patient = FakePatient([START + hour * HOUR for hour in hours], looks)
    await lapse(patient).run_until(START + 400 * HOUR)
    assert patient.done == [START + hour * HOUR for hour in sorted(hours) if hour <= 400]
    assert len(patient.read) == len(patient.done)
    assert patient.read == sorted(patient.read)
