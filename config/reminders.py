"""When reminders go: the steps of each reporting period (contract section 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict

from config.seasonal import Seasonal, load_seasonal
from core.kinds import Scheme

FILE = "reminders.toml"

_STEP = re.compile(r"(?P<start>start(?:\+(?P<after>[0-9]{1,3}))?)|L(?:-(?P<before>[0-9]{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class StepRule:
    """A day of the period: `business_days` after its first business day or before its last."""

    key: str  # as written: "start", "L-10"
    from_start: bool
    business_days: int


def read_step(value: object) -> StepRule:
    """`start`, `start+5`, `L` or `L-10`. Raises ValueError."""
    match = _STEP.fullmatch(str(value))
    if match is None:
        raise ValueError("must be start, start+5, L or L-10")
    return StepRule(match[0], match["start"] is not None, int(match["after"] or match["before"] or 0))


@dataclass(frozen=True, slots=True)
class _Policy:
    __pydantic_config__ = ConfigDict(extra="forbid")

    steps: tuple[Annotated[StepRule, BeforeValidator(read_step)], ...]


class ReminderPolicy:
    """Which steps a prefecture's period has."""

    def __init__(self, policies: Seasonal[_Policy]) -> None:
        self._policies = policies

    def steps(self, scheme: Scheme, prefecture: str | None, fiscal_year: int) -> tuple[StepRule, ...]:
        """The steps in the order written; none where this service reminds nobody."""
        return next(self._policies.nearest_first(scheme, prefecture, fiscal_year)).steps


def load_reminder_policy(config_dir: Path | None = None) -> ReminderPolicy:
    """The policy. Raises ConfigurationError."""
    return ReminderPolicy(load_seasonal(FILE, config_dir, _Policy))
