"""A service that takes reports enciphers those that a version before it kept in clear."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select
from structlog.testing import capture_logs

from config.settings import Settings
from core.clock import SystemClock
from store.tables import reports
from todoke.service import Role, Service
from todoke.wiring import Wiring

RAW = b"Subject: x\r\n\r\nhttps://www.g-mis.mhlw.go.jp/s/S3CR3T\r\n"


async def test_reports_in_clear_are_enciphered(database_url: str, tmp_path: Path) -> None:
    wiring = Wiring(Settings(database_url=database_url, data_dir=tmp_path, bounce_port=0), SystemClock())
    row = {"id": "1", "received_at": datetime.now(UTC), "peer": "file", "digest": b"", "raw": RAW, "state": "unmatched"}
    async with wiring.db.write() as conn:
        await conn.execute(insert(reports).values(row))
    service = Service(wiring, [Role.BOUNCES])
    with capture_logs() as logs:
        running = asyncio.create_task(service.run())
        async with asyncio.timeout(30):
            while not any(entry["event"] == "reports of an earlier version are enciphered" for entry in logs):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        service.stop()
        await running
    async with wiring.db.read() as conn:
        (kept,) = (await conn.execute(select(reports.c.raw))).scalars()
    assert wiring.cipher.unseal(kept) == RAW
    await wiring.close()
