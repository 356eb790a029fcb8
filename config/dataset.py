"""All data that people edit, read together (contract sections 5 and 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from config import closures, destinations, periods, prefectures, reminders, spreading, timing
from config.closures import Closures
from config.periods import ReportingPeriods
from config.prefectures import Prefectures
from config.reminders import ReminderPolicy
from config.spreading import Rates
from config.timing import HoursOfKinds
from core.destinations import Destination
from core.errors import ConfigurationError

FILES = (prefectures.FILE, periods.FILE, closures.FILE, reminders.FILE, spreading.FILE, timing.FILE, destinations.FILE)

TEMPLATES = "templates"
"""The folder beside these files that holds texts of mails."""

PROCEDURES = "procedures"
"""The folder beside these files that holds what the helpdesk tells callers."""

_FOLDERS = (TEMPLATES, PROCEDURES)


@dataclass(frozen=True, slots=True)
class DataSet:
    """The data files."""

    prefectures: Prefectures
    periods: ReportingPeriods
    closures: Closures
    reminders: ReminderPolicy
    rates: Rates
    destinations: tuple[Destination, ...]
    hours: HoursOfKinds


def load_data(config_dir: Path | None, symptoms: Collection[str], fixed: Mapping[str, str] | None = None) -> DataSet:
    """Everything from the shipped files and those in `config_dir`.

    `symptoms` are those that desks may answer; of the `fixed` ones among them nobody chooses the desk, for the reason.
    Raises ConfigurationError, also for a .toml file in `config_dir` that is none of ours: it would have no effect.
    """
    _refuse_strangers(config_dir)
    return DataSet(
        prefectures.load_prefectures(config_dir, symptoms, fixed),
        periods.load_periods(config_dir),
        closures.load_closures(config_dir),
        reminders.load_reminder_policy(config_dir),
        spreading.load_rates(config_dir),
        destinations.load_destinations(config_dir),
        timing.load_hours(config_dir),
    )


def strangers(config_dir: Path | None, used: Collection[Path]) -> list[str]:
    """What lies in the configuration folder and has no effect, one sentence each; .toml files are refused instead.

    `used` are the files and folders that settings name: they may lie there, too.
    """
    entries = sorted(config_dir.iterdir()) if config_dir else []
    return [f"{entry} has no effect{_hint(entry.name)}" for entry in entries if not _is_known(entry, used)]


def _is_known(entry: Path, used: Collection[Path]) -> bool:
    """Also what is hidden, or there for people to read."""
    name = entry.name
    return name in _FOLDERS or entry.suffix == ".toml" or name.startswith((".", "README")) or _is_used(entry, used)


def _is_used(entry: Path, used: Collection[Path]) -> bool:
    return any(path.is_relative_to(entry) or entry.is_relative_to(path) for path in used)


def _hint(name: str) -> str:
    near = get_close_matches(name, (*_FOLDERS, *FILES), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _refuse_strangers(config_dir: Path | None) -> None:
    for path in sorted(config_dir.glob("*.toml")) if config_dir else ():
        if path.name not in FILES:
            hint = _hint(path.name) or f"; they are {', '.join(FILES)}"
            raise ConfigurationError(f"{path}: is no data file of ours{hint}")
