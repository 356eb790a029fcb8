"""Extra closures and openings: what no law of holidays knows (contract section 1, "business day")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, StringConstraints

from config.datafile import load_table, shaped
from config.prefectures import PrefectureCode
from core.jst import parse_date

FILE = "closures.toml"

_Day = Annotated[date, BeforeValidator(lambda value: parse_date(str(value)))]
_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Days that are closed or open against the rule, with the reason in Japanese."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    closed: Mapping[_Day, _Reason] = field(default_factory=dict)
    open: Mapping[_Day, _Reason] = field(default_factory=dict)

    def __post_init__(self) -> None:
        both = self.closed.keys() & self.open.keys()
        if both:
            raise ValueError(f"{min(both)} is both closed and open")


@dataclass(frozen=True, slots=True)
class Closures(Exceptions):
    """Those of the whole country, and of prefectures, whose word counts more."""

    prefectures: Mapping[PrefectureCode, Exceptions] = field(default_factory=dict)


def load_closures(config_dir: Path | None = None) -> Closures:
    """The closures and openings. Raises ConfigurationError."""
    return shaped(FILE, config_dir, Closures, load_table(FILE, config_dir))
