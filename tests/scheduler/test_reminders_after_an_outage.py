"""Reminders that an outage has kept back: the latest step alone goes, and no faster than a prefecture can bear."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.jst import to_tokyo
from core.statuses import Status
from store import reminder_load
from todoke.wiring import Wiring

CODE = "3510000001"
ADDRESS = f"s{CODE}@example.jp"
CODES = [f"35{number:08d}" for number in range(30)]
DATA = {"fiscal_year": 2026, "deadline": "2027-03-31"}


async def outcomes(season: Any, code: str = CODE) -> dict[str, tuple[str, str | None]]:
    return {row.data["step"]: (row.status, row.reason) for row in await season.reminders(code)}


SUPERSEDED = ("cancelled", "superseded")


class TestStepsThatWaitTogether:
    async def test_the_latest_one_that_is_due_goes_alone(self, season: Any) -> None:
        await season.told(season.word())
        season.leap("2027-03-26T09:00")  # the day of L-3: nothing could leave before
        assert await season.send() == [ADDRESS]
        told = {"start": SUPERSEDED, "L-10": SUPERSEDED, "L-3": ("sent", None), "L": ("scheduled", None)}
        assert await outcomes(season) == told

    async def test_a_service_that_starts_says_so_at_once(self, season: Any) -> None:
        await season.told(season.word())
        season.leap("2027-03-26T07:00")
        assert (await season.restart()).withdrawn == 2
        assert (await season.restart()).withdrawn == 0
        assert await season.steps() == {"L-3": "2027-03-26", "L": "2027-03-31"}
        assert (await outcomes(season))["L-10"] == SUPERSEDED

    async def test_one_that_waits_for_the_relay_yields_too(self, season: Any) -> None:
        await season.told(season.word())
        season.leap("2027-03-26T09:00")
        found = [message for message in await season.claim() if message.reminder.step == "L-3"]
        season.leap("2027-03-26T09:01")
        await season.record(found, Status.DEFERRED, ready_at=season.clock.now() + timedelta(seconds=30))
        season.leap("2027-03-31T10:00")
        assert await season.send() == [ADDRESS]
        assert (await outcomes(season))["L-3"] == SUPERSEDED
        assert (await outcomes(season))["L"] == ("sent", None)

    async def test_one_whose_successor_has_left_yields_too(self, season: Any) -> None:
        await season.told(season.word())
        season.leap("2027-03-26T09:00")
        found = [message for message in await season.claim() if message.reminder.step == "L-3"]
        await season.record(found, Status.DEFERRED, ready_at=season.clock.now() + timedelta(days=5, hours=3))
        season.leap("2027-03-31T09:00")
        assert await season.send() == [ADDRESS]
        season.leap("2027-03-31T13:00")
        assert await season.send() == []
        assert (await outcomes(season))["L-3"] == SUPERSEDED

    async def test_before_its_day_the_next_step_takes_nobodys_place(self, season: Any) -> None:
        await season.told(season.word())
        season.leap("2027-03-25T16:00")
        assert await season.send() == [ADDRESS]
        assert (await outcomes(season))["L-10"] == ("sent", None)

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_where_the_next_one_was_withdrawn_the_one_before_it_goes(self, season: Any, restarts: bool) -> None:
        await season.told(season.word())
        rows = {row.data["step"]: row for row in await season.reminders()}
        assert await season.wiring.ledger.record([_withdrawn(rows["L-3"].id, season.clock.now())]) == [True]
        season.leap("2027-03-26T09:00")
        if restarts:
            await season.restart()
        assert await season.send() == [ADDRESS]
        assert (await outcomes(season))["L-10"] == ("sent", None)

    async def test_a_direct_one_stays_and_stands_for_the_step_of_its_day(self, season: Any) -> None:
        await season.told(season.word())
        season.leap("2027-02-01T18:00")
        assert (await season.publish("r-1")).status == 202
        by_hand = next(row for row in await season.reminders() if row.data["step"] == "L-3")
        assert await season.wiring.ledger.record([_withdrawn(by_hand.id, season.clock.now(), step_key=None)]) == [True]
        season.leap("2027-03-26T09:00")
        assert (await season.publish("r-2")).status == 202
        assert await season.send() == [ADDRESS, ADDRESS]
        assert (await outcomes(season))["L-10"] == SUPERSEDED

    async def test_a_longer_period_brings_back_what_has_never_left(self, season: Any) -> None:
        await season.told(season.word())
        season.leap("2027-03-31T09:00")
        assert await season.send() == [ADDRESS]
        season.write("periods.toml", "[medical-function.prefectures.35.years.2026]\nend = '04-07'")
        await season.restart()
        assert await season.steps() == {"L-3": "2027-04-02"}


def _withdrawn(message_id: str, now: datetime, **values: Any) -> Any:
    from core.messages import Change

    return Change(message_id, Status.CANCELLED, "cancelled", now, {}, {"reason": "withdrawn"} | values)


@pytest.fixture
async def many(season: Any) -> Any:
    """Thirty institutions of a prefecture that bears twelve reminders an hour."""
    season.write("spreading.toml", "[prefectures]\n35 = 12\n")
    await season.restart()
    await season.told(*(season.word(code) for code in CODES))
    return season


async def hours(season: Any, *moments: str) -> dict[str, int]:
    """Send every five minutes of these days; how many left in each hour."""
    left: Counter[str] = Counter()
    for first in moments:
        season.leap(first)
        while to_tokyo(season.clock.now()).hour < 17:
            now = to_tokyo(season.clock.now())
            left[f"{now:%d %H}"] += len(await season.send())
            season.clock.leap_to(season.clock.now() + timedelta(minutes=5))
    return {hour: count for hour, count in left.items() if count}


class TestARateHoldsAfterwards:
    async def test_what_was_kept_back_is_spread_anew(self, many: Any) -> None:
        assert await hours(many, "2027-03-26T15:00") == {"26 15": 12, "26 16": 12}
        rows = [(await many.reminders(code))[-2] for code in CODES]
        assert {row.status for row in rows} == {"sent", "scheduled"}
        assert await hours(many, "2027-03-29T09:00") == {"29 09": 6}

    async def test_a_reminder_is_told_of_its_new_place(self, many: Any) -> None:
        many.leap("2027-03-26T15:00")
        assert len(await many.send()) == 1
        moved = [row for code in CODES for row in await many.reminders(code) if _due(row) == "26 15:05"]
        assert [row.status for row in moved] == ["scheduled"]
        assert (await many.story(moved[0].id))[-1] == ("postponed", "scheduled")

    async def test_what_comes_in_the_evening_does_not_leave_all_at_once_in_the_morning(self, many: Any) -> None:
        many.leap("2027-03-26T18:00")
        assert await many.send() == []
        assert await hours(many, "2027-03-29T09:00") == {"29 09": 12, "29 10": 12, "29 11": 6}

    async def test_what_has_to_leave_today_does(self, many: Any) -> None:
        assert await hours(many, "2027-03-31T16:45") == {"31 16": 30}
        assert {(await outcomes(many, code))["L"] for code in CODES} == {("sent", None)}

    async def test_nobody_on_time_waits_for_them(self, many: Any) -> None:
        """Three more are told of at noon: they have the places that were free then."""
        many.leap("2027-03-26T12:00")
        await many.told(*(many.word(f"3600000{number:03d}", institution__prefecture="35") for number in range(3)))
        assert await hours(many, "2027-03-26T12:00") == {f"26 {hour}": 12 for hour in (12, 13)} | {"26 14": 9}

    async def test_a_relay_that_was_away_changes_nothing_about_it(self, many: Any) -> None:
        many.leap("2027-03-26T09:00")
        found = await many.claim()
        await many.record(found, Status.DEFERRED, ready_at=many.clock.now() + timedelta(seconds=30))
        assert await hours(many, "2027-03-26T12:00") == {"26 12": 12, "26 13": 12, "26 14": 6}

    async def test_another_try_keeps_to_its_own_time(self, many: Any) -> None:
        many.leap("2027-03-26T09:00")
        found = await many.claim()
        again = many.clock.now() + timedelta(minutes=21)
        await many.record(found, Status.DEFERRED, ready_at=again, attempts=1, first_attempt_at=many.clock.now())
        many.leap("2027-03-26T09:21")
        assert {message.id for message in found} <= {message.id for message in await many.claim()}

    async def test_direct_ones_are_not_spread(self, season: Any) -> None:
        season.write("spreading.toml", "[prefectures]\n35 = 12\n")
        await season.restart()
        season.leap("2027-02-01T18:00")
        for number, code in enumerate(CODES[:3]):
            assert (await season.publish(f"r-{number}", code)).status == 202
        season.leap("2027-02-03T11:00")
        assert len(await season.send()) == 3

    async def test_one_that_goes_back_to_the_outbox_keeps_the_place_that_it_got(self, many: Any) -> None:
        many.leap("2027-03-26T15:00")
        (found,) = await many.claim()
        await many.record([found], Status.SCHEDULED, ready_at=many.clock.now())
        assert [message.id for message in await many.claim()] == [found.id]


def _due(row: Any) -> str:
    return f"{to_tokyo(row.due_at):%d %H:%M}"


async def test_codes_do_not_wait_for_places_that_somebody_else_gives_away(postgres_season: Any) -> None:
    season = postgres_season
    await season.told(season.word())
    season.leap("2027-03-26T15:00")
    code = {"job_id": "c", "kind": "code", "recipient": {"email": "c@example.jp"}}
    code["data"] = {"code": "123456", "expires_at": "2027-03-26T16:00:00+09:00"}
    (answer,) = await season.wiring.intake.accept([code], "test")
    assert answer.status == 202
    other = Wiring(season.wiring.settings, season.clock)
    try:
        async with other.db.write() as conn:
            day = to_tokyo(season.clock.now()).date()
            await reminder_load.take(conn, [(day, "prefecture:35")], 96)
            async with asyncio.timeout(5):
                assert [message.recipient.email for message in await season.claim()] == ["c@example.jp"]
    finally:
        await other.close()
    assert await season.claim() == []
    season.clock.leap_to(season.clock.now() + timedelta(seconds=5))
    assert [message.recipient.email for message in await season.claim()] == [ADDRESS]


async def test_several_senders_keep_to_the_rate_together(postgres_season: Any) -> None:
    season = postgres_season
    season.write("spreading.toml", "[prefectures]\n35 = 240\n")
    await season.restart()
    codes = [f"35{number:08d}" for number in range(200)]
    await season.told(*(season.word(code) for code in codes))
    season.leap("2027-03-26T15:00")
    left: Counter[str] = Counter()
    senders = [season.outbox() for _ in range(3)]
    while to_tokyo(season.clock.now()).hour < 17:
        for _ in range(3):
            found = await asyncio.gather(*(sender.claim("sender", 50) for sender in senders))
            messages = [message for part in found for message in part]
            await season.record(messages, Status.SENT, sent_at=season.clock.now())
            left[f"{to_tokyo(season.clock.now()):%H:%M}"] += len(messages)
            season.clock.leap_to(season.clock.now() + timedelta(seconds=6))
        season.clock.leap_to(season.clock.now() + timedelta(minutes=5, seconds=-18))
    assert max(left.values()) <= 20
    assert sum(left.values()) == 200
