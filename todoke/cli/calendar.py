"""`todoke calendar`: which days are business days in a year, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from core.jst import tokyo_date
from scheduler.calendar import FIRST_YEAR, LAST_YEAR, short_date
from scheduler.calendar_year import Month, Year, year_of
from scheduler.job_parsing import PREFECTURES
from todoke.cli.output import bold, print_json, print_line, width
from todoke.cli.running import settings_of_command, wrong_usage
from todoke.wiring import Wiring

_DATE_WIDTH = 16
_PROVISIONAL = "※ 春分の日・秋分の日などは、前年2月に公表される暦要項で定まります。それまでは計算による予定です。"


def show_calendar(year: int | None, prefecture: str | None, *, as_json: bool) -> None:
    """A year with its closed days."""
    if prefecture is not None and prefecture not in PREFECTURES:
        wrong_usage("--prefecture: must be 01 to 47")
    number = tokyo_date(datetime.now(UTC)).year if year is None else year
    if not FIRST_YEAR <= number <= LAST_YEAR:
        wrong_usage(f"--year: the calendar knows {FIRST_YEAR} to {LAST_YEAR}")
    wiring = Wiring(settings_of_command())
    found = year_of(wiring.calendar, number, prefecture)
    if as_json:
        print_json(found.as_dict())
        return
    place = "全国" if prefecture is None else wiring.data.prefectures.name(prefecture)
    for line in _lines(found, place):
        print_line(line)


def _lines(year: Year, place: str) -> Iterator[str]:
    weekends = sum(day.weekend_alone for day in year.closed)
    yield bold(f"{year.number}年（{year.era}）の営業日　{place}")
    yield (
        f"営業日 {year.business_days}日　閉庁日 {len(year.closed)}日"
        f"（土曜日・日曜日 {weekends}日、そのほか {len(year.closed) - weekends}日）"
    )
    for month in year.months:
        yield ""
        yield from _month_lines(month)
    if any(day.provisional for day in year.closed):
        yield ""
        yield _PROVISIONAL


def _month_lines(month: Month) -> Iterator[str]:
    yield bold(f"{month.number}月　営業日 {month.business_days}日　閉庁日 {len(month.closed)}日")
    told = [
        (day.day, "・".join(day.reasons) + ("※" if day.provisional else ""))
        for day in month.closed
        if not day.weekend_alone
    ]
    told += [(day.day, f"営業日（{day.reason}）") for day in month.opened]
    for day, text in sorted(told):
        date = short_date(day)
        yield f"{' ' * (_DATE_WIDTH - width(date))}{date}　{text}"
    weekends = "  ".join(str(day.day.day) for day in month.closed if day.weekend_alone)
    yield f"{' ' * (_DATE_WIDTH - width('土曜日・日曜日'))}土曜日・日曜日　{weekends}"
