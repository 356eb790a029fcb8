"""In which hours mails of each kind may leave (contract section 3, "Timing")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from config.datafile import load_table, shaped
from core.kinds import Kind

FILE = "timing.toml"


def _read_time(value: object) -> time:
    try:
        return time.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError('must be a time of day, written "HH:MM"') from error


_Time = Annotated[time, BeforeValidator(_read_time)]


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of day in Asia/Tokyo; the end is not included."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    start: _Time
    end: _Time

    def __post_init__(self) -> None:
        if self.start >= self.end or self.start.tzinfo or self.end.tzinfo:
            raise ValueError("start must come before end, both without an offset")


@dataclass(frozen=True, slots=True)
class _File:
    __pydantic_config__ = ConfigDict(extra="forbid")

    business_hours: Annotated[Hours, Field(alias="business-hours")]
    kinds: Mapping[Kind, Literal["immediate", "business-hours"] | Hours]


HoursOfKinds = Mapping[Kind, Hours | None]
"""For every kind its hours on business days; None is day and night, every day."""


def load_hours(config_dir: Path | None = None) -> HoursOfKinds:
    """The hours of all kinds. Raises ConfigurationError."""
    file = shaped(FILE, config_dir, _File, load_table(FILE, config_dir))
    return {kind: _hours(file.kinds[kind], file.business_hours) for kind in Kind}


def _hours(choice: Literal["immediate", "business-hours"] | Hours, usual: Hours) -> Hours | None:
    if isinstance(choice, Hours):
        return choice
    return None if choice == "immediate" else usual
