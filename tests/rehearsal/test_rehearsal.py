"""Seasons rehearsed in small: what is promised holds, and the same seed gives the same report."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from config.settings import Settings
from todoke.rehearsal.assumptions import Assumed, load_assumptions
from todoke.rehearsal.chart import draw
from todoke.rehearsal.command import Order, rehearse
from todoke.rehearsal.page import page

pytestmark = [pytest.mark.slow, pytest.mark.integration]

COARSE = """
[reporting]
told_every_minutes = 240
[applications]
told_every_minutes = 240
share = 0.3
[relay]
reply_lost = 0.01
trouble = 0.02
[mailboxes]
unknown = 0.15
closes = 0.05
full = 0.05
delayed = 0.02
complaint = 0.01
"""


def coarse(folder: Path) -> Assumed:
    """A world with more trouble than the shipped one, told of less often."""
    file = folder / "assumptions.toml"
    file.write_text(COARSE)
    return load_assumptions(file)


def order(folder: Path, seed: int, institutions: int = 300) -> Order:
    return Order(Settings(data_dir=folder), date(2026, 12, 1), date(2027, 4, 1), institutions, seed, coarse(folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    return asyncio.run(rehearse(order(folder, 1)))


def test_every_promise_is_tested_and_kept(result: dict[str, Any]) -> None:
    assert {one["promise"]: one["broken"] for one in result["promises"]} == {
        one["promise"]: 0 for one in result["promises"]
    }
    assert all(one["tested"] > 0 for one in result["promises"])
    assert result["holds"]


def test_the_world_has_its_troubles(result: dict[str, Any]) -> None:
    tries = result["mails"]["tries"]
    assert {"accepted", "refused", "refused-for-now", "reply-lost"} <= set(tries)
    assert result["mails"]["failed"] > 0
    assert result["statuses"]["guide"]["cancelled"] > 0
    assert len(result["relay"]["outages"]) == 3


def test_runs_begin_on_their_days_and_the_counts_agree(result: dict[str, Any]) -> None:
    days = {run["step"]: run["starts"][:16] for run in result["runs"] if run["scheme"] == "medical-function"}
    assert days == {
        "start": "2027-01-05T09:00",
        "L-10": "2027-03-16T09:00",
        "L-3": "2027-03-26T09:00",
        "L": "2027-03-31T09:00",
    }
    for run in result["runs"]:
        assert sum(run["became"].values()) == run["planned"]
    assert sum(one["mails"] for one in result["hours"]) == result["mails"]["taken"]
    assert sum(sum(day["mails"].values()) for day in result["days"]) == result["mails"]["taken"]
    assert sum(one["mails"] for one in result["domains"]) == result["mails"]["taken"]
    assert sum(one["institutions"] for one in result["prefectures"]) == 300


def test_the_same_seed_gives_the_same_report(folder: Path, result: dict[str, Any]) -> None:
    again = asyncio.run(rehearse(order(folder, 1)))
    assert json.dumps(again, ensure_ascii=False) == json.dumps(result, ensure_ascii=False)
    assert page(again) == page(result)


def test_another_seed_gives_another_season_that_holds_as_well(folder: Path, result: dict[str, Any]) -> None:
    other = asyncio.run(rehearse(order(folder, 2, 200)))
    assert other["holds"], other["promises"]
    assert other["hours"] != result["hours"]


def test_the_chart_is_well_formed_and_shows_every_day(result: dict[str, Any]) -> None:
    tree = ElementTree.fromstring(draw(result))
    titles = [element.text or "" for element in tree.iter("{http://www.w3.org/2000/svg}title")]
    assert any(text.startswith("催促 ") for text in titles)
    assert sum("件/時" in text for text in titles) == 47
    labels = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"start", "L-10", "L-3", "L"} <= set(labels)
