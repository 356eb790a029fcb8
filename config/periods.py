"""Reporting periods: one of the country, with prefectures' own starts and ends (rules 66, 70)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, ConfigDict

from config.datafile import file_name
from config.seasonal import Seasonal, load_seasonal
from core.errors import ConfigurationError
from core.kinds import Scheme

FILE = "periods.toml"

_FIRST_MONTH = 4  # of a fiscal year
_EXTENSIONS = range(4, 7)  # months into which a period that began before April may be extended
_ANY_YEAR = 2023  # its March is that of a leap year: every written day exists


class MonthDay(NamedTuple):
    """A day of every fiscal year."""

    month: int
    day: int

    def in_fiscal_year(self, year: int) -> date:
        """The date in the fiscal year that begins in April of `year`; 29 February may be the 28th."""
        calendar_year = year if self.month >= _FIRST_MONTH else year + 1
        try:
            return date(calendar_year, self.month, self.day)
        except ValueError:
            return date(calendar_year, self.month, self.day - 1)


def _read_month_day(value: object) -> MonthDay:
    try:
        day = date.fromisoformat(f"2024-{value}")
    except ValueError as error:
        raise ValueError('must be a day written "MM-DD"') from error
    return MonthDay(day.month, day.day)


_MonthDay = Annotated[MonthDay, BeforeValidator(_read_month_day)]


@dataclass(frozen=True, slots=True)
class _Bounds:
    __pydantic_config__ = ConfigDict(extra="forbid")

    start: _MonthDay | None = None
    end: _MonthDay | None = None


class ReportingPeriods:
    """When institutions of a prefecture report."""

    def __init__(self, bounds: Seasonal[_Bounds]) -> None:
        self._bounds = bounds

    def bounds(self, scheme: Scheme, prefecture: str | None, fiscal_year: int) -> tuple[date, date]:
        """First and last day, both included, in the fiscal year that begins in April of `fiscal_year`.

        A period that starts in January to March may end in the April to June after it: an extension.
        """
        rules = tuple(self._bounds.nearest_first(scheme, prefecture, fiscal_year))
        start = next(rule.start for rule in rules if rule.start is not None).in_fiscal_year(fiscal_year)
        end = next(rule.end for rule in rules if rule.end is not None)
        extended = end.month in _EXTENSIONS and start.year > fiscal_year
        return start, end.in_fiscal_year(fiscal_year + 1 if extended else fiscal_year)


def load_periods(config_dir: Path | None = None) -> ReportingPeriods:
    """The periods. Raises ConfigurationError, also for a period that ends before it starts."""
    bounds = load_seasonal(FILE, config_dir, _Bounds)
    periods = ReportingPeriods(bounds)
    for fault in _faults(periods, bounds):
        raise ConfigurationError(f"{file_name(FILE, config_dir)}: {fault}")
    return periods


def _faults(periods: ReportingPeriods, bounds: Seasonal[_Bounds]) -> Iterator[str]:
    """Periods that end before they start, in every prefecture and year that the file names or leaves unnamed."""
    scopes = tuple(bounds.scopes())
    years = {_ANY_YEAR} | {year for _, _, year in scopes if year is not None}
    for scheme, prefecture in {(scheme, prefecture) for scheme, prefecture, _ in scopes}:
        for year in years:
            start, end = periods.bounds(scheme, prefecture, year)
            if start > end:
                yield f"{scheme} ends on {end}, before it starts on {start}, in prefecture {prefecture or 'any'}"
