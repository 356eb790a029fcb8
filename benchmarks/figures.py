"""What was measured: every value of every repetition, shown as median, minimum and maximum."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: one value for each repetition."""

    label: str
    unit: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.label}: nothing was measured")

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "label": self.label,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


def ratio(label: str, ours: Figure, theirs: Figure) -> Figure:
    """Ours over theirs, repetition by repetition: both of a pair met the machine in the same state."""
    pairs = zip(ours.values, theirs.values, strict=True)
    return Figure(label, "×", tuple(mine / other for mine, other in pairs))


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` (above 0, up to 1) of all values do not exceed."""
    ordered = sorted(values)
    if not ordered or not 0 < share <= 1:
        raise ValueError("needs values, and a share above 0 and up to 1")
    return ordered[math.ceil(share * len(ordered)) - 1]


@dataclass(slots=True)
class Section:
    """One table with what has to be known to read it."""

    name: str
    about: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, label: str, unit: str, values: Sequence[float]) -> Figure:
        """Add a line."""
        figure = Figure(label, unit, tuple(values))
        self.figures.append(figure)
        return figure

    def compare(self, label: str, ours: Figure, theirs: Figure) -> Figure:
        """Add a line with the ratio of two others."""
        figure = ratio(label, ours, theirs)
        self.figures.append(figure)
        return figure

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        figures = [figure.as_dict() for figure in self.figures]
        return {"name": self.name, "about": self.about, "figures": figures, "notes": self.notes}


def render(section: Section) -> str:
    """The section in Markdown."""
    return "\n".join(_lines(section))


def _lines(section: Section) -> Iterator[str]:
    yield f"### {section.name}"
    yield ""
    yield section.about
    if section.figures:
        yield ""
        yield "| | median | min | max | |"
        yield "|---|---:|---:|---:|---|"
    for figure in section.figures:
        shown = (number(value) for value in (figure.median, min(figure.values), max(figure.values)))
        yield f"| {figure.label} | {' | '.join(shown)} | {figure.unit} |"
    if section.notes:
        yield ""
        yield from (f"- {note}" for note in section.notes)


def number(value: float) -> str:
    """Three significant digits, whole numbers with separators."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(digits, 6)}f}"
