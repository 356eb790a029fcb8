"""The gate by itself: what opens it, and what it tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.ending import end
from mailer.gate import RelayGate

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


class Probe:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Queue[str | None]()

    async def __call__(self) -> str | None:
        self.asked.set()
        return await self.answers.get()


@pytest.fixture
async def probe() -> Probe:
    return Probe()


@pytest.fixture
async def gate(probe: Probe) -> AsyncIterator[RelayGate]:
    gate = RelayGate(probe, 0.001, lambda: NOW)
    running = asyncio.create_task(gate.run())
    yield gate
    await end(running)


async def is_blocked(gate: RelayGate) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.02):
            await gate.opened()
            return False
    return True


def events(logs: Any) -> list[str]:
    return [entry["event"] for entry in logs]


async def test_a_probe_that_finds_nothing_opens_it(gate: RelayGate, probe: Probe) -> None:
    gate.trouble("away")
    assert await is_blocked(gate)
    assert not gate.admits("a")
    probe.answers.put_nowait(None)
    await gate.opened()
    assert not gate.closed


async def test_where_only_a_mail_can_tell_one_at_a_time_is_let_through(gate: RelayGate, probe: Probe) -> None:
    with capture_logs() as logs:
        gate.trouble("refused", by_mail=True)
        for name in ("a", "b"):
            assert await is_blocked(gate)
            probe.answers.put_nowait(None)
            await gate.opened()
            assert gate.closed
            gate.try_with(name)
            assert gate.admits(name)
            assert not gate.admits("another")
            assert await is_blocked(gate)
            gate.trouble("refused", by_mail=True)
            gate.tried()
            assert not gate.admits(name)
        assert gate.away_since == NOW
        gate.fine()
        await gate.opened()
    assert gate.admits("another")
    assert events(logs) == ["the relay cannot be used; sending waits for it", "the relay takes mails again"]


async def test_a_mail_that_shows_nothing_raises_no_alarm(gate: RelayGate, probe: Probe) -> None:
    with capture_logs() as logs:
        gate.trouble("refused", by_mail=True)
        for name in ("a", "b"):
            probe.answers.put_nowait(None)
            await gate.opened()
            gate.try_with(name)
            gate.tried()
    assert gate.closed
    assert events(logs) == []


async def test_what_a_probe_finds_when_mails_leave_again_already_is_no_news(gate: RelayGate, probe: Probe) -> None:
    with capture_logs() as logs:
        gate.trouble("away")
        await probe.asked.wait()
        gate.fine()
        probe.answers.put_nowait("away")
        await asyncio.sleep(0.02)
        assert events(logs) == []
        gate.trouble("away")
        probe.answers.put_nowait("away")
        await asyncio.sleep(0.05)
    assert events(logs) == ["the relay cannot be used; sending waits for it"]
    assert gate.away_since == NOW
