"""Each figure of the dashboard counts what the list behind it shows, on both databases, whatever there is."""

from __future__ import annotations

import csv
import html
import io
import random
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from core.kinds import Kind
from core.statuses import Status
from store.people import Role
from store.tables import institutions, messages
from tests.web.conftest import START

HTML = {"Accept": "text/html"}
HERE, THERE = ("3510012345", "35"), ("1300000001", "13")
TILE = re.compile(r'<span class="figure">([\d,]+)</span><a href="([^"]+)">')
CELL = re.compile(r'<a href="([^"]+)">([\d,]+)</a></td>')
AREA = re.compile(r'<th scope="row"><a href="(/undelivered[^"]*)">[^<]*</a></th><td class="number">([\d,]+)</td>')
AGES = [timedelta(days=days, seconds=seconds) for days in (0, 6, 7, 8, 30, 31, 89, 200) for seconds in (0, 1, 43_200)]
"""Some of them just before and just after the midnights (Tokyo) with which the spans begin; it is 10:00 there."""

Row = dict[str, Any]


def a_mail(chance: random.Random, number: int) -> Row:
    """A mail in any state, of any age, of an institution here or there, or of none."""
    kind, status = chance.choice(list(Kind)), chance.choice(list(Status))
    code, prefecture = (None, None) if kind is Kind.CODE else chance.choice([HERE, THERE])
    settles = chance.choice([None, START - timedelta(days=1), START, START + timedelta(seconds=1)])
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "kind": kind,
        "status": status,
        "institution_code": code,
        "prefecture": prefecture,
        "email": "soumu@example.jp",
        "email_key": "soumu@example.jp",
        "recipient": {},
        "data": {},
        "message_id_header": f"<{number}@example.jp>",
        "rule": "immediate",
        "lane": 1,
        "created_at": START - chance.choice(AGES),
        "settles_at": settles if status is Status.SENT else None,
        "lease": "a sender" if status is Status.SENDING else None,
    }


async def populate(api: Any, rows: Sequence[Row]) -> None:
    async with api.wiring.db.write() as conn:
        for code, prefecture in (HERE, THERE):
            place = {"code": code, "name": code, "name_key": code, "type": "clinic", "prefecture": prefecture}
            await conn.execute(insert(institutions).values(updated_at=START, **place))
        await conn.execute(insert(messages), rows)


async def shown(api: Any, role: Role, place: str) -> str:
    answer = await api.ask(role, "GET", place, headers=HTML)
    assert answer.status_code == 200, (place, answer.text)
    text: str = answer.text
    return text


async def length(api: Any, role: Role, place: str) -> int:
    """How many rows a list has, page after page."""
    text = await shown(api, role, place)
    rows = max(text.count("<tr>") - 1, 0)
    further = re.findall(r'href="(\?[^"]*cursor=[^"]*)"', text)
    path = place.partition("?")[0]
    return rows + (await length(api, role, path + html.unescape(further[0])) if further else 0)


async def exported(api: Any, role: Role, place: str) -> int:
    """How many rows the file has that the list offers."""
    [link] = re.findall(r'href="(/v1/exports/[^"]*)"', await shown(api, role, place))
    answer = await api.ask(role, "GET", html.unescape(link))
    assert answer.status_code == 200, answer.text
    return len(list(csv.reader(io.StringIO(answer.text)))) - 1


def number(text: str) -> int:
    return int(text.replace(",", ""))


def figures(page: str) -> list[tuple[int, str]]:
    """Each figure with the place of its list."""
    found = [(number(figure), link) for figure, link in TILE.findall(page)]
    found += [(number(figure), link) for link, figure in CELL.findall(page) + AREA.findall(page)]
    return [(figure, html.unescape(link)) for figure, link in found]


@pytest.mark.parametrize("role", [Role.HELPDESK, Role.PREFECTURE])
@pytest.mark.parametrize("days", [7, 30])
@pytest.mark.parametrize("seed", [1, 2])
async def test_every_figure_is_the_length_of_its_list(api: Any, seed: int, days: int, role: Role) -> None:
    chance = random.Random(seed)
    await populate(api, [a_mail(chance, number) for number in range(400)])
    found = figures(await shown(api, role, f"/dashboard?days={days}"))
    assert len(found) > 30
    for figure, place in found:
        assert await length(api, role, place) == figure, place
        if not place.startswith("/in-doubt"):
            assert await exported(api, role, place) == figure, place


async def test_work_that_waits_has_no_age_limit(api: Any) -> None:
    chance = random.Random(0)
    old = {"kind": Kind.GUIDE, "created_at": START - timedelta(days=400), "institution_code": HERE[0]}
    old |= {"prefecture": HERE[1]}
    rows = [a_mail(chance, number) | old for number in range(len(Status))]
    for row, status in zip(rows, Status, strict=True):
        row |= {"status": status, "settles_at": None, "lease": "s" if status is Status.SENDING else None}
    await populate(api, rows)
    page = await shown(api, Role.HELPDESK, "/dashboard?days=7")
    assert [figure for figure, link in figures(page) if "kind=guide" in link] == [1] * 5
    assert "受付の時期にかかわらず" in page


@pytest.mark.parametrize("settled", ["true", "false"])
async def test_the_api_tells_settled_mails_from_others(api: Any, settled: str) -> None:
    chance = random.Random(3)
    await populate(api, [a_mail(chance, number) for number in range(200)])
    everything = (await api.get("/v1/messages?limit=250"))["items"]
    narrowed = (await api.get(f"/v1/messages?limit=250&settled={settled}"))["items"]
    assert narrowed == [item for item in everything if item["settled"] is (settled == "true")]
    assert 0 < len(narrowed) < len(everything)


@pytest.mark.parametrize("settled", ["yes", "1", "True"])
async def test_settled_is_true_or_false(sqlite_api: Any, settled: str) -> None:
    assert (await sqlite_api.ask(Role.HELPDESK, "GET", f"/v1/messages?settled={settled}")).status_code == 422


async def test_the_list_keeps_its_period_from_page_to_page_and_shows_it(api: Any) -> None:
    chance = random.Random(4)
    rows = [a_mail(chance, number) | {"created_at": START - timedelta(days=number % 3)} for number in range(200)]
    await populate(api, rows)
    inside = sum(1 for row in rows if row["created_at"] < datetime(2026, 11, 23, 15, tzinfo=START.tzinfo))
    place = "/messages?since=2026-11-01&until=2026-11-23"
    assert await length(api, Role.HELPDESK, place) == inside > 50
    page = await shown(api, Role.HELPDESK, place)
    assert 'value="2026-11-01"' in page
    assert 'value="2026-11-23"' in page


@pytest.mark.parametrize("query", ["since=gestern", "until=9999-12-31", "since=0001-01-01", "status=fine"])
async def test_a_period_that_is_none_is_refused(sqlite_api: Any, query: str) -> None:
    for place in ("/messages", "/audit") if "status" not in query else ("/messages",):
        answer = await sqlite_api.ask(Role.ADMIN, "GET", f"{place}?{query}", headers=HTML)
        assert answer.status_code == 422
