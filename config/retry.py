"""The retry schedule as people write it: `1m, 5m*2, 15m, 1h*3, 4h*…` (contract section 1, "Retrying")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby, repeat

_UNIT_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_FOR_EVER = frozenset({"…", "..."})
_STEP = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])(?:\*(?P<times>[0-9]{1,3}|…|\.\.\.))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Intervals in seconds. The last one repeats until the retry hours are over, whether or not `*…` says so."""

    intervals: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> RetrySchedule:
        """Read a number with s, m, h or d; `*3` is three times, `*…` or `*...` for ever (the last step only).

        Raises ValueError with a sentence that names the step by its place.
        """
        steps = text.split(",")
        intervals: list[int] = []
        for place, step in enumerate(steps, start=1):
            intervals.extend(_read_step(step, place, last=place == len(steps)))
        return cls(tuple(intervals))

    def __str__(self) -> str:
        """The schedule as people write it."""
        runs = [(_shortest(seconds), len(tuple(run))) for seconds, run in groupby(self.intervals)]
        *head, (last, count) = runs
        parts = [text if times == 1 else f"{text}*{times}" for text, times in head]
        return ", ".join([*parts, *repeat(last, count - 1), f"{last}*…"])


def _read_step(text: str, place: int, *, last: bool) -> repeat[int]:
    match = _STEP.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"has a step {place} that is not like 30s, 5m*2, 1h or 4h*…")
    seconds = int(match["number"]) * _UNIT_SECONDS[match["unit"]]
    times = match["times"] or "1"
    if times in _FOR_EVER and not last:
        raise ValueError(f"repeats its step {place} for ever, though others follow")
    count = 1 if times in _FOR_EVER else int(times)
    if not seconds or not count:
        raise ValueError(f"has a step {place} that is zero")
    return repeat(seconds, count)


def _shortest(seconds: int) -> str:
    size, unit = next((size, unit) for unit, size in _UNIT_SECONDS.items() if seconds % size == 0)
    return f"{seconds // size}{unit}"
