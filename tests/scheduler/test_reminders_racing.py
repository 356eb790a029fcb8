"""Several processes on one PostgreSQL database: uploads, senders, publishers and replannings at the same time."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, text

from core.jst import rfc3339
from store.tables import messages
from todoke.wiring import Wiring

CODES = [f"35{number:08d}" for number in range(60)]


@asynccontextmanager
async def processes(season: Any, count: int) -> AsyncIterator[list[Wiring]]:
    """Wirings of their own on the same database."""
    made = [Wiring(season.wiring.settings, season.clock) for _ in range(count)]
    try:
        yield made
    finally:
        for wiring in made:
            await wiring.close()


async def all_reminders(season: Any) -> list[Any]:
    async with season.wiring.db.read() as conn:
        return list(await conn.execute(select(messages).order_by(messages.c.step_key)))


async def test_uploads_at_the_same_time_end_with_the_newest_word(postgres_season: Any) -> None:
    season = postgres_season
    chance = random.Random(7)
    now = season.clock.now()
    uploads = []
    for number in range(12):
        at = rfc3339(now - timedelta(hours=number))
        words = [season.word(code, as_of=at, recipient__email=f"n{number}@example.jp") for code in CODES]
        chance.shuffle(words)
        uploads.append(words)
    chance.shuffle(uploads)
    async with processes(season, 3) as wirings:
        turns = zip(itertools.cycle(wirings), uploads, strict=False)
        told = await asyncio.gather(*(wiring.reporting.accept(words, "test") for wiring, words in turns))
    assert {answer.status for answers in told for answer in answers} == {200}
    assert {(row.as_of, row.recipient["email"]) for row in await season.statuses()} == {(now, "n0@example.jp")}
    found = await all_reminders(season)
    assert len(found) == len(CODES) * 4
    assert {row.email for row in found} == {"n0@example.jp"}


async def test_nobody_told_reported_is_claimed_afterwards(postgres_season: Any) -> None:
    season = postgres_season
    await season.told(*(season.word(code) for code in CODES))
    season.leap("2027-03-31T09:00")
    reported_at: dict[str, float] = {}
    claimed_at: dict[str, float] = {}
    loop = asyncio.get_running_loop()

    async def report(wiring: Wiring, code: str) -> None:
        await wiring.reporting.accept([season.word(code, status="reported")], "test")
        reported_at[code] = loop.time()

    async def claim() -> None:
        outbox = season.outbox()
        while True:
            asked_at = loop.time()
            found = await outbox.claim("sender", 7)
            claimed_at.update({message.institution.code: asked_at for message in found})
            if not found:
                return

    order = random.Random(3).sample(CODES, len(CODES))
    async with processes(season, 2) as wirings:
        reports = [report(wiring, code) for wiring, code in zip(itertools.cycle(wirings), order, strict=False)]
        await asyncio.gather(*reports, claim(), claim())
    await season.claim()
    for row in await all_reminders(season):
        code = row.institution_code
        if row.status == "cancelled":
            assert row.reason == "already-reported" or (row.reason, row.data["step"] != "L") == ("superseded", True)
        else:
            assert row.status == "sending"
            assert claimed_at[code] < reported_at[code]  # asked for before the word was answered
    assert len(reported_at) == len(CODES)


async def test_a_direct_reminder_and_the_policys_own_are_one(postgres_season: Any) -> None:
    season = postgres_season
    season.leap("2027-03-26T10:00")
    word = season.word()
    jobs = [
        {
            "job_id": f"r-{code}",
            "kind": "reminder",
            "institution": word["institution"] | {"code": code},
            "recipient": {"email": f"direct-{code}@example.jp"},
            "data": {"fiscal_year": 2026, "deadline": "2027-03-31"},
        }
        for code in CODES
    ]
    async with processes(season, 4) as (one, two, three, four):
        words = [season.word(code) for code in CODES]
        first, second, *told = await asyncio.gather(
            one.intake.accept(jobs[:30], "test"),
            two.intake.accept(jobs[30:], "test"),
            *(wiring.reporting.accept(words[start::6], "test") for start in range(6) for wiring in (three, four)),
        )
    assert {answer.status for answers in told for answer in answers} == {200}
    published = Counter(answer.status for answer in (*first, *second))
    assert set(published) <= {202, 422}
    found = await all_reminders(season)
    assert Counter(row.step_key.rpartition(":")[2] for row in found) == {"L-3": len(CODES), "L": len(CODES)}
    assert published[202] == sum(row.job_id is not None for row in found)


async def waits_for_a_lock(season: Any) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while True:
        async with season.wiring.db.read() as conn:
            if (await conn.execute(waiting)).scalar_one():
                return
        await asyncio.sleep(0.01)


async def test_an_upload_that_meets_a_reminder_being_published_looks_again(postgres_season: Any) -> None:
    season = postgres_season
    season.leap("2027-02-01T10:00")
    code = CODES[0]
    await season.publish("r-1", code=code)
    (direct,) = await season.reminders(code)
    another = direct._asdict() | {"id": "another", "message_id_header": "<another>"}
    step = f"medical-function:2026:{code}:L"
    async with season.wiring.db.write() as conn:
        await conn.execute(insert(messages).values(another | {"step_key": step}))
        telling = asyncio.create_task(season.tell(season.word(code)))
        await waits_for_a_lock(season)
    assert [answer.status for answer in await telling] == [200]
    assert [row.step_key for row in await season.reminders(code) if row.step_key.endswith(":L")] == [step]
    assert len(await season.reminders(code)) == 4


async def test_replannings_and_uploads_at_the_same_time(postgres_season: Any) -> None:
    season = postgres_season
    await season.told(*(season.word(code) for code in CODES))
    season.leap("2027-03-20T10:00")
    season.write("periods.toml", "[medical-function]\nend = '04-07'")
    async with processes(season, 4) as (one, two, three, four):
        words = [season.word(code, status="in-progress", recipient__email="new@example.jp") for code in CODES]
        first, second, *_ = await asyncio.gather(
            one.replanner.replan(),
            two.replanner.replan(),
            three.reporting.accept(words[:40], "test"),
            four.reporting.accept(words[:19:-1], "test"),
        )
    assert first.planned == second.planned == 0
    found = await all_reminders(season)
    assert len(found) == len(CODES) * 4
    assert {row.data["deadline"] for row in found} == {"2027-04-07"}
    assert {row.email for row in found} == {"new@example.jp"}
