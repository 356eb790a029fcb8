"""A service that starts with another reporting period brings the reminders on record in line with it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from structlog.testing import capture_logs

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.jst import TOKYO
from store import schema
from store.tables import messages
from todoke.service import Role, Service
from todoke.wiring import Wiring

WORD = {
    "fiscal_year": 2026,
    "institution": {"code": "3510000001", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
    "recipient": {"email": "soumu@example.jp"},
    "status": "not-started",
}


def wiring_of(url: str, folder: Path) -> Wiring:
    clock = SimulatedClock(Anchor(datetime(2027, 3, 30, 10, tzinfo=TOKYO), 0.0, 1.0), lambda: 0.0)
    return Wiring(Settings(database_url=url, data_dir=folder, config_dir=folder), clock)


async def deadlines(wiring: Wiring) -> set[str]:
    async with wiring.db.read() as conn:
        return {row.data["deadline"] for row in await conn.execute(select(messages.c.data))}


async def served(wiring: Wiring) -> list[Any]:
    """What a scheduler says until its reminders are in line."""
    service = Service(wiring, [Role.SCHEDULER])
    with capture_logs() as logs:
        running = asyncio.create_task(service.run())
        async with asyncio.timeout(30):
            while not any(entry["event"] == "reminders are in line with the season" for entry in logs):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        service.stop()
        await running
    return [entry for entry in logs if "changed" in entry]


async def test_an_extension_is_followed(database_url: str, tmp_path: Path) -> None:
    before = wiring_of(database_url, tmp_path)
    await schema.upgrade(before.db)
    assert [answer.status for answer in await before.reporting.accept([WORD], "test")] == [200]
    await before.close()
    (tmp_path / "periods.toml").write_text("[medical-function.prefectures.35.years.2026]\nend = '04-07'\n")
    after = wiring_of(database_url, tmp_path)
    try:
        assert [entry["changed"] for entry in await served(after)] == [1]
        assert "2027-04-07" in await deadlines(after)
        assert [entry["changed"] for entry in await served(after)] == [0]
    finally:
        await after.close()
