"""`todoke simulate`: a season rehearsed from beginning to end, and what it came to."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from config.settings import Settings
from core.era import fiscal_year_of
from core.jst import TOKYO
from core.kinds import Scheme
from scheduler.job_parsing import PREFECTURES
from scheduler.reminders import ReminderRules
from todoke.cli.output import complain, print_json, print_line
from todoke.cli.running import refused, settings_of_command, wrong_usage
from todoke.rehearsal.assumptions import Assumed, load_assumptions
from todoke.rehearsal.audit import audit
from todoke.rehearsal.chart import draw
from todoke.rehearsal.draws import Draws
from todoke.rehearsal.office import open_office
from todoke.rehearsal.page import page
from todoke.rehearsal.play import play, set_stage
from todoke.rehearsal.result import conclude
from todoke.rehearsal.text import print_result
from todoke.rehearsal.world import Season

_TOLD_EVERY_SECONDS = 5.0
_MOST_DAYS = 366
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be rehearsed. `last` is the day at whose beginning the season ends."""

    settings: Settings
    first: date
    last: date
    institutions: int
    seed: int
    assumed: Assumed
    compose_every: int = 1


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the result goes besides the terminal."""

    json: Path | None = None
    chart: Path | None = None
    page: Path | None = None

    def files(self) -> list[tuple[str, Path, Callable[[Mapping[str, Any]], str]]]:
        """Of each that is wanted: its option, the file, and what makes its text of a result."""
        known = ("--json-file", self.json, _json), ("--chart", self.chart, draw), ("--page", self.page, page)
        return [(option, path, make) for option, path, make in known if path is not None]


def run(
    first: str,
    last: str,
    institutions: int,
    seed: int,
    seeds: int | None,
    assumptions: Path | None,
    compose_every: int,
    outputs: Outputs,
    *,
    as_json: bool,
) -> None:
    """Rehearse; exit code 1 where a promise was broken or a file not written.

    With `seeds`, so many seasons from `seed` on, told briefly.
    """
    order = Order(
        settings=settings_of_command(),
        first=_day(first, "--from"),
        last=_day(last, "--to"),
        institutions=institutions,
        seed=seed,
        assumed=load_assumptions(assumptions),
        compose_every=compose_every,
    )
    if not 0 < (order.last - order.first).days <= _MOST_DAYS:
        wrong_usage("--to: must be a day after --from, at most a year later")
    _check(outputs, alone=seeds is None)
    if seeds is not None:
        _run_many(order, seeds, as_json=as_json)
        return
    result = asyncio.run(rehearse(order, told=not as_json))
    if as_json:
        print_json(result)
    else:
        print_result(result)
    written = _write(result, outputs)
    if not (written and result["holds"]):
        refused()


def _check(outputs: Outputs, *, alone: bool) -> None:
    """Refuse, before a season is played, what could not be written after it."""
    taken: dict[Path, str] = {}
    for option, path, _ in outputs.files():
        if not alone:
            wrong_usage(f"{option}: is of one season; leave --seeds away, and name the season by --seed")
        try:
            _try_to_open(path)
            other = taken.setdefault(path.resolve(), option)
        except OSError as error:
            wrong_usage(f"{option}: {path}: {error.strerror}")
        if other != option:
            wrong_usage(f"{option}: is the file of {other}")


def _try_to_open(path: Path) -> None:
    """As for writing, which leaves no trace. Raises OSError."""
    new = not path.exists()
    with path.open("ab"):
        pass
    if new:
        path.resolve().unlink()


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong_usage(f"{option}: must be a day such as 2026-12-01")


async def rehearse(order: Order, *, told: bool = False) -> dict[str, Any]:
    """One season; with `told`, how far it is on stderr."""
    draws = Draws(order.seed)
    first = _midnight(order.first)
    with tempfile.TemporaryDirectory(prefix="todoke-simulate-") as folder:
        async with open_office(order.settings, Path(folder), first, draws) as wiring:
            season = Season(fiscal_year(order, wiring.reminder_rules), first, _midnight(order.last))
            stage = set_stage(season, wiring, order.institutions, order.assumed.world, draws, order.compose_every)
            await play(stage, _Telling() if told else _say_nothing)
            await audit(stage)
            return await conclude(stage, order.assumed, order.seed)


def fiscal_year(order: Order, rules: ReminderRules) -> int:
    """That of the first day, unless more days of the last one's periods are rehearsed, as where these were extended."""

    def days(year: int) -> int:
        periods = [rules.period(scheme, place, year) for scheme in Scheme for place in PREFECTURES]
        return sum(max(0, (min(one.end + _DAY, order.last) - max(one.start, order.first)).days) for one in periods)

    year = fiscal_year_of(order.first)
    return max(year, year - 1, key=days)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time_of_day.min, TOKYO)


class _Telling:
    """Says on stderr how far it is, every few seconds."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()

    def __call__(self, moment: datetime, mails: int) -> None:
        now = time.monotonic()
        if now - self._said >= _TOLD_EVERY_SECONDS:
            self._said = now
            complain(f"{moment:%Y-%m-%d %H:%M}  {mails:,} mails  ({now - self._began:.0f} s)")


def _say_nothing(_moment: datetime, _mails: int) -> None:
    """JSON is one document."""


def _run_many(order: Order, count: int, *, as_json: bool) -> None:
    """Seasons side by side, one process each; what each came to, in the order of the seeds."""
    orders = [replace(order, seed=order.seed + number) for number in range(count)]
    context = get_context("spawn")
    with ProcessPoolExecutor(mp_context=context) as pool:
        results = []
        for result in pool.map(_rehearse_alone, orders):
            results.append(result)
            if not as_json:
                print_line(_brief(result))
    if as_json:
        print_json({"holds": all(one["holds"] for one in results), "seasons": results})
    if not all(one["holds"] for one in results):
        refused()


def _rehearse_alone(order: Order) -> dict[str, Any]:
    from config.logging import configure_logging

    configure_logging(order.settings)
    return asyncio.run(rehearse(order))


def _brief(result: Mapping[str, Any]) -> str:
    tested = sum(one["tested"] for one in result["promises"])
    broken = ", ".join(f"{one['promise']} {one['broken']}" for one in result["promises"] if one["broken"])
    return f"seed {result['seed']}: {result['mails']['taken']:,} mails, {tested:,} tests, broken: {broken or 'none'}"


def _write(result: Mapping[str, Any], outputs: Outputs) -> bool:
    """Whether all files were written; why one was not is said, and the others are."""
    written = [_write_one(path, make(result)) for _, path, make in outputs.files()]
    return all(written)


def _write_one(path: Path, text: str) -> bool:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        complain(f"todoke: {path}: {error.strerror}")
        return False
    complain(str(path))
    return True


def _json(result: Mapping[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False, indent=1) + "\n"
