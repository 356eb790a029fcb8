"""A deadline that moves: it rings once, in time, however often it was moved or lifted before."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import alarm as module
from mailer.alarm import Alarm


class Timer:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.cancelled = at, call, False

    def cancel(self) -> None:
        self.cancelled = True

    def __lt__(self, other: Timer) -> bool:
        return self.at < other.at


class Loop:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []
        self.started = 0

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, call: Callable[[], None]) -> Timer:
        self.started += 1
        heapq.heappush(self.timers, timer := Timer(at, call))
        return timer

    def go_on(self, seconds: float) -> None:
        until = self.now + seconds
        while self.timers and self.timers[0].at <= until:
            timer = heapq.heappop(self.timers)
            self.now = max(self.now, timer.at)
            if not timer.cancelled:
                timer.call()
        self.now = until


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(module.asyncio, "get_running_loop", lambda: loop)
    return loop


@given(
    st.lists(
        st.tuples(st.just("set"), st.integers(1, 50))
        | st.tuples(st.just("lift"), st.just(0))
        | st.tuples(st.just("wait"), st.integers(1, 60)),
        max_size=40,
    )
)
def test_it_rings_when_a_plain_timer_would(steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        loop = Loop()
        patch.setattr(asyncio, "get_running_loop", lambda: loop)
        rung: list[float] = []
        expected: list[float] = []
        due: float | None = None
        alarm = Alarm(lambda: rung.append(loop.now))
        for step, seconds in steps:
            if step == "set":
                due = loop.now + seconds
                alarm.set(seconds)
            elif step == "lift":
                due = None
                alarm.lift()
            else:
                if due is not None and due <= loop.now + seconds:
                    expected.append(due)
                    due = None
                loop.go_on(seconds)
            assert rung == expected


def test_one_timer_serves_many_deadlines(loop: Loop) -> None:
    rung: list[Any] = []
    alarm = Alarm(lambda: rung.append(loop.now))
    for _ in range(1000):
        alarm.set(60)
        loop.go_on(0.0078125)
        alarm.lift()
    assert loop.started == 1
    alarm.set(60)
    loop.go_on(100)
    assert rung == [67.8125]
    assert loop.started == 2


def test_once_ended_it_leaves_no_timer(loop: Loop) -> None:
    alarm = Alarm(lambda: pytest.fail("it rang"))
    alarm.set(1)
    alarm.end()
    assert all(timer.cancelled for timer in loop.timers)
    loop.go_on(5)
