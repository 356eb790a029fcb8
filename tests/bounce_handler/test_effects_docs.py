"""The table in docs/bounce-effects.md is the one that the code follows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bounce_handler.effects import Told, step
from core.statuses import Status

PAGE = Path(__file__).parents[2] / "docs" / "bounce-effects.md"


def told_in_page() -> dict[tuple[Status, Told], str]:
    """What the page's cells say."""
    _, _, table = PAGE.read_text("utf-8").partition("## What it does")
    lines = [line for line in table.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    told = [Told(name.strip("`")) for name in rows[0][1:]]
    return {
        (Status(row[0].split("`")[1]), what): cell
        for row in rows[2 : 2 + len(Status)]
        for what, cell in zip(told, row[1:], strict=True)
    }


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("told", list(Told))
def test_page_and_code_agree(told: Told, status: Status) -> None:
    taken = step(told, status)
    cell = told_in_page()[status, told]
    if taken is None:
        assert cell == "waits"
    elif taken.status is None:
        assert cell == f"`{taken.event}`"
    else:
        assert cell == f"`{taken.event}` → `{taken.status}` {taken.status.label()}"


def test_page_names_every_reason_of_an_unmatched_report() -> None:
    sources = [*PAGE.parents[1].glob("bounce_handler/*.py"), *PAGE.parents[1].glob("store/*.py")]
    used = {"no-token", "unknown-message", "another-message", "not-a-report", "bad-token", "not-processed"}
    code = "".join(source.read_text("utf-8") for source in sources)
    assert {reason for reason in used if f'"{reason}"' in code} == used
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)) >= used
