"""A relay that is away on the days of reminders: what a rehearsal tells then is what the service does."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from core.jst import TOKYO
from core.kinds import Kind
from todoke.rehearsal.assumptions import load_assumptions
from todoke.rehearsal.audit import audit
from todoke.rehearsal.command import Order, fiscal_year, rehearse
from todoke.rehearsal.draws import Draws
from todoke.rehearsal.office import open_office
from todoke.rehearsal.play import play, set_stage
from todoke.rehearsal.relay import Outage
from todoke.rehearsal.world import Season
from todoke.wiring import Wiring

pytestmark = [pytest.mark.slow, pytest.mark.integration]

CALM = """
[institutions]
paper = 0
no_address = 0
prefectures = {%s}
[reporting]
never = 1
not_pressed = 0
first_told_days_before = 0
[applications]
share = 0
[relay]
greylisting = 0
trouble = 0
reply_lost = 0
outages = 0
[mailboxes]
unknown = 0
host_unknown = 0
closes = 0
full = 0
complaint = 0
"""
RATE = 30
INSTITUTIONS = 100


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


async def season_with(folder: Path, *outages: tuple[str, str]) -> Any:
    """The end of a season of one prefecture, with the relay away at these times."""
    only = ", ".join(f'"{number:02d}" = {int(number == 35)}' for number in range(1, 48))
    (folder / "calm.toml").write_text(CALM % only)
    (folder / "config").mkdir()
    (folder / "config" / "spreading.toml").write_text(f"[prefectures]\n35 = {RATE}\n")
    settings = Settings(data_dir=folder, config_dir=folder / "config")
    season = Season(2026, tokyo("2027-03-20"), tokyo("2027-04-01"))
    draws = Draws(1)
    world = load_assumptions(folder / "calm.toml").world
    async with open_office(settings, folder, season.first, draws) as wiring:
        stage = set_stage(season, wiring, INSTITUTIONS, world, draws, 100)
        stage.relay.outages = [Outage(tokyo(start), tokyo(end)) for start, end in outages]
        await play(stage, lambda _moment, _mails: None)
        await audit(stage)
        return stage


def hourly(stage: Any) -> Counter[str]:
    counts = stage.tally.by(lambda cell: f"{cell.hour:%d %H}", lambda cell: cell.kind is Kind.REMINDER)
    return Counter(counts)


def broken(stage: Any) -> dict[str, int]:
    return {promise.value: count for promise, count in stage.promises.broken.items() if count}


async def test_after_a_morning_without_a_relay_no_hour_is_fuller_than_the_rate(tmp_path: Path) -> None:
    stage = await season_with(tmp_path, ("2027-03-26T09:00", "2027-03-26T12:10"))
    found = hourly(stage)
    assert found["26 12"] == 30 - 5
    assert max(found.values()) <= RATE
    assert sum(found.values()) == 2 * INSTITUTIONS
    assert broken(stage) == {}


async def test_of_two_steps_that_wait_the_later_one_leaves(tmp_path: Path) -> None:
    stage = await season_with(tmp_path, ("2027-03-26T09:00", "2027-03-31T10:30"))
    found = hourly(stage)
    assert sum(found.values()) == INSTITUTIONS
    assert {hour[:2] for hour in found} == {"31"}
    assert broken(stage) == {}
    assert max(found.values()) <= RATE


async def test_a_season_that_begins_in_april_is_that_of_the_extended_period(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "periods.toml").write_text("[medical-function]\nend = '04-09'\n")
    settings = Settings(data_dir=tmp_path, config_dir=tmp_path / "config")
    world = load_assumptions(None)
    result = await rehearse(Order(settings, date(2027, 4, 1), date(2027, 4, 20), 60, 1, world, 20))
    assert {run["step"] for run in result["runs"] if run["scheme"] == "medical-function"} == {"L-3", "L"}
    assert result["holds"], result["promises"]


def test_any_other_season_is_that_of_its_first_day(tmp_path: Path) -> None:
    def year(first: date, last: date) -> int:
        settings = Settings(data_dir=tmp_path)
        order = Order(settings, first, last, 1, 1, load_assumptions(None))
        return fiscal_year(order, Wiring(settings).reminder_rules)

    assert year(date(2026, 12, 1), date(2027, 4, 1)) == 2026
    assert year(date(2027, 2, 1), date(2027, 4, 15)) == 2026
    assert year(date(2027, 4, 1), date(2028, 4, 1)) == 2027
    assert year(date(2027, 4, 10), date(2027, 5, 1)) == 2027
