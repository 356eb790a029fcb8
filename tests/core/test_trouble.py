"""An outage is told when it begins, once a minute, and when it is over."""

from __future__ import annotations

import sqlite3

import structlog
from structlog.testing import capture_logs

from core.trouble import Often, Trouble

log = structlog.get_logger("test")


def meet(trouble: Trouble) -> None:
    try:
        int("none")
    except ValueError:
        trouble.met()


def test_an_hour_of_failures_is_told_in_some_sixty_lines() -> None:
    now = 1000.0
    trouble = Trouble(log, "could not beat", "beats again", time=lambda: now)
    with capture_logs() as logs:
        for _ in range(3600):
            meet(trouble)
            now += 1
        trouble.passed()
        trouble.passed()
    events = [entry["event"] for entry in logs]
    assert events == ["could not beat; trying again", *["could not beat; still trying"] * 59, "beats again"]
    assert [entry["log_level"] for entry in (logs[0], logs[1], logs[-1])] == ["error", "warning", "info"]
    assert (logs[1]["seconds"], logs[1]["times"]) == (60, 60)
    assert (logs[-1]["seconds"], logs[-1]["times"]) == (3600, 3600)
    assert all(entry["exc_info"] for entry in logs[:-1])


def test_the_next_outage_is_told_anew() -> None:
    trouble = Trouble(log, "could not beat", "beats again", time=lambda: 0.0)
    with capture_logs() as logs:
        for _ in range(2):
            meet(trouble)
            meet(trouble)
            trouble.passed()
    assert [entry["event"] for entry in logs] == ["could not beat; trying again", "beats again"] * 2


def test_what_never_failed_is_not_told() -> None:
    with capture_logs() as logs:
        Trouble(log, "could not beat", "beats again").passed()
    assert not logs


def test_what_comes_often_is_told_at_once_and_then_once_a_minute() -> None:
    now = 1000.0
    often = Often(log, "refused somebody", time=lambda: now)
    with capture_logs() as logs:
        for number in range(180):
            often.met(number=number)
            now += 1
    assert [(entry["times"], entry["number"]) for entry in logs] == [(1, 0), (60, 60), (60, 120)]
    assert {(entry["event"], entry["log_level"]) for entry in logs} == {("refused somebody", "warning")}


def test_an_outage_is_told_in_its_own_words() -> None:
    now = 0.0
    trouble = Trouble(log, "could not beat", "beats again", time=lambda: now)
    with capture_logs() as logs:
        for _ in range(2):
            try:
                sqlite3.connect("/nowhere/file")
            except sqlite3.Error:
                trouble.met()
            now += 60
    assert [entry["why"] for entry in logs] == ["unable to open database file"] * 2
    assert not any("exc_info" in entry for entry in logs)


def test_what_fails_now_and_then_is_over_once_it_was_quiet() -> None:
    now = 0.0
    trouble = Trouble(log, "could not write", "writes again", time=lambda: now, quiet=10)
    with capture_logs() as logs:
        for _ in range(100):  # one in two succeeds
            meet(trouble)
            trouble.passed()
            now += 1
        now += 9
        trouble.passed()
        trouble.passed()
    assert [entry["event"] for entry in logs] == [
        "could not write; trying again",
        "could not write; still trying",
        "writes again",
    ]
