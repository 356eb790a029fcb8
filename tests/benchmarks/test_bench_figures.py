"""Figures of the benchmark: medians, paired ratios, percentiles, and how they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure, Section, number, percentile, ratio, render


def test_a_ratio_is_taken_repetition_by_repetition() -> None:
    """On a machine that slows both down tenfold in one repetition, the ratio stays."""
    ours = Figure("ours", "mails/s", (1000.0, 100.0, 900.0))
    theirs = Figure("theirs", "mails/s", (500.0, 50.0, 450.0))
    assert ratio("ours / theirs", ours, theirs).values == (2.0, 2.0, 2.0)


def test_a_ratio_needs_as_many_repetitions_of_both() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio("r", Figure("a", "s", (1.0, 2.0)), Figure("b", "s", (1.0,)))


def test_a_figure_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Figure("empty", "s", ())


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50.0), (0.99, 99.0), (1, 100.0), (0.001, 1.0)])
def test_percentiles_of_one_to_a_hundred(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_its_share_does_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_a_share_outside_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], share)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1234567.8, "1,234,568"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.0123")],
)
def test_numbers_have_three_significant_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_section_is_a_markdown_table_with_median_minimum_and_maximum() -> None:
    section = Section("drain", "What it was.")
    section.add("todoke", "mails/s", [300.0, 100.0, 200.0])
    section.notes.append("A note.")
    lines = render(section).splitlines()
    assert lines[0] == "### drain"
    assert "| todoke | 200 | 100 | 300 | mails/s |" in lines
    assert lines[-1] == "- A note."


def test_json_has_every_value() -> None:
    section = Section("drain", "What it was.")
    section.compare("x", section.add("a", "s", [2.0, 6.0]), section.add("b", "s", [1.0, 2.0]))
    assert [figure["values"] for figure in section.as_dict()["figures"]] == [[2.0, 6.0], [1.0, 2.0], [2.0, 3.0]]
