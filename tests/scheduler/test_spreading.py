"""Reminders of one step spread over the hours, so that telephones and mail providers bear them."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.spreading import Rates, load_rates
from core.errors import ConfigurationError
from core.jst import TOKYO, to_tokyo
from scheduler.spreading import Given, Spreading, Wish, capacity
from store.engine import Database

DAYS = (date(2027, 1, 5), date(2027, 1, 6), date(2027, 1, 7))
HOURS = (9 * 60, 17 * 60)
NINE = datetime(2027, 1, 5, 9, tzinfo=TOKYO)


def rates(default: int, **domains: int) -> Rates:
    return Rates(default, {}, {f"{name}.example.jp": rate for name, rate in domains.items()})


def wish(number: int = 0, prefecture: str = "35", domain: str = "own", **changes: Any) -> Wish:
    wanted = {"days": DAYS, "earliest": NINE} | changes
    return Wish(prefecture, f"k{number}@{domain}.example.jp", **wanted)


async def place(db: Database, spreading: Spreading, wishes: list[Wish], freed: list[Given] | None = None) -> list[str]:
    async with db.write() as conn:
        granted = await spreading.place(conn, wishes, freed or ())
    return [f"{to_tokyo(one.due_at):%d %H:%M}" for one in granted]


@given(st.integers(1, 5000))
def test_the_parts_of_an_hour_take_its_rate(per_hour: int) -> None:
    assert sum(capacity(per_hour, part) for part in range(12)) == per_hour
    assert sum(capacity(per_hour, part) for part in range(12, 24)) == per_hour
    assert capacity(per_hour, 0) >= 1


async def test_few_reminders_leave_at_once(db: Database) -> None:
    spreading = Spreading(rates(1200), HOURS)
    assert await place(db, spreading, [wish(number) for number in range(100)]) == ["05 09:00"] * 100
    (later,) = await place(db, spreading, [wish(100)])
    assert later == "05 09:05"


async def test_a_prefecture_gets_no_more_than_its_rate_in_any_hour_and_goes_on_the_next_day(db: Database) -> None:
    spreading = Spreading(rates(24), HOURS)
    due = await place(db, spreading, [wish(number) for number in range(300)])
    hours = Counter(moment[:5] for moment in due)
    assert set(hours.values()) == {24, 12}
    assert hours["05 16"] == 24
    assert max(due) == "06 13:25"


async def test_prefectures_do_not_wait_for_each_other_but_share_their_domains(db: Database) -> None:
    spreading = Spreading(rates(12, docomo=12), HOURS)
    assert await place(db, spreading, [wish(1, "35"), wish(2, "33")]) == ["05 09:00", "05 09:00"]
    carriers = [wish(3, "01", "docomo"), wish(4, "02", "docomo"), wish(5, "03", "docomo")]
    assert await place(db, spreading, carriers) == ["05 09:00", "05 09:05", "05 09:10"]


async def test_a_last_day_that_is_too_short_is_filled_evenly(db: Database) -> None:
    spreading = Spreading(rates(12), HOURS)
    due = await place(db, spreading, [wish(number, days=DAYS[:1]) for number in range(96 * 2 + 3)])
    parts = Counter(due)
    assert len(parts) == 96
    assert sorted(set(parts.values())) == [2, 3]
    assert all(moment < "05 17:00" for moment in due)


async def test_a_domain_without_room_fills_no_prefecture_that_has_some_left(db: Database) -> None:
    spreading = Spreading(rates(24, docomo=12), HOURS)
    carriers = [wish(number, "01", "docomo", days=DAYS[:1]) for number in range(96)]
    own = [wish(number, days=DAYS[:1]) for number in range(95 * 2)]
    assert len(set(await place(db, spreading, carriers))) == 96
    assert "05 16:55" not in await place(db, spreading, own)
    assert await place(db, spreading, [wish(1, "35", "docomo", days=DAYS[:1])]) == ["05 16:55"]


async def test_who_comes_in_the_middle_of_the_day_starts_there(db: Database) -> None:
    spreading = Spreading(rates(12), HOURS)
    at = NINE + timedelta(hours=2, minutes=3)
    assert await place(db, spreading, [wish(1, earliest=at), wish(2, earliest=at)]) == ["05 11:03", "05 11:05"]
    assert await place(db, spreading, [wish(3)]) == ["05 09:00"]


async def test_a_place_given_back_is_free_again(db: Database) -> None:
    spreading = Spreading(rates(12), HOURS)
    await place(db, spreading, [wish(1), wish(2)])
    freed = [Given("35", "k1@own.example.jp", NINE)]
    assert await place(db, spreading, [wish(3)], freed) == ["05 09:00"]
    assert await place(db, spreading, [wish(4)]) == ["05 09:10"]


async def test_uploads_of_a_whole_prefecture_are_spread_and_the_event_says_so(season: Any) -> None:
    season.write("spreading.toml", "[prefectures]\n35 = 12\n")
    await season.restart()
    await season.told(*(season.word(f"35{number:08d}") for number in range(3)))
    due = [(await season.reminders(f"35{number:08d}"))[0] for number in range(3)]
    assert [f"{to_tokyo(row.due_at):%m-%d %H:%M}" for row in due] == ["01-05 09:00", "01-05 09:05", "01-05 09:10"]
    for moment in ("09:00", "09:05"):
        season.leap(f"2027-01-05T{moment}")
        assert len(await season.claim()) == 1


async def test_an_extended_period_moves_places_along(season: Any) -> None:
    """Those of the old days are free again, so that nobody waits there for nothing."""
    season.write("spreading.toml", "[prefectures]\n35 = 12\n")
    await season.restart()
    await season.told(*(season.word(f"35{number:08d}") for number in range(2)))
    season.write("periods.toml", "[medical-function.prefectures.35.years.2026]\nend = '04-07'\n")
    await season.restart()
    rows = [(await season.reminders(f"35{number:08d}"))[-1] for number in range(2)]
    assert [f"{to_tokyo(row.due_at):%m-%d %H:%M}" for row in rows] == ["04-07 09:00", "04-07 09:05"]
    season.write("periods.toml", "")
    await season.restart()
    rows = [(await season.reminders(f"35{number:08d}"))[-1] for number in range(2)]
    assert [f"{to_tokyo(row.due_at):%m-%d %H:%M}" for row in rows] == ["03-31 09:00", "03-31 09:05"]


def test_rates_are_read_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "spreading.toml").write_text('[prefectures]\n13 = 2400\n[domains]\n"example.jp" = 60\n')
    found = load_rates(tmp_path)
    assert (found.of_prefecture("13"), found.of_prefecture("35")) == (2400, 1200)
    assert (found.of_domain("example.jp"), found.of_domain("docomo.ne.jp"), found.of_domain("other.jp")) == (
        60,
        6000,
        None,
    )


@pytest.mark.parametrize("text", ["[prefectures]\n48 = 5\n", "[prefectures]\ndefault = 0\n", "[domains]\n'a b' = 1\n"])
def test_a_wrong_rate_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "spreading.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"spreading\.toml"):
        load_rates(tmp_path)
