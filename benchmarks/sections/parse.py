"""Failure reports read, beside flufl.bounce, on the same mails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.figures import Section
from benchmarks.machine import REPOSITORY
from benchmarks.plan import Plan
from bounce_handler.parsing import parse
from core.reports import Action

_OWN = REPOSITORY / "tests" / "bounce_handler" / "data"
_BESIDE = "*/data/bounces/mails"
"""A folder with more mails may lie beside the repository."""

PASSES = 3


def measure(plan: Plan) -> Iterator[Section]:
    """A table for the mails of the tests, and one for those beside the repository, if any. Raises Missing."""
    for name, folder in folders():
        yield _compare(plan, name, folder)


def folders() -> Iterator[tuple[str, Path]]:
    """Where mails are, by what they are called."""
    yield "the mails of the tests", _OWN
    beside = next(REPOSITORY.parent.glob(_BESIDE), None)
    if beside is not None:
        yield "a public collection", beside


@dataclass(frozen=True, slots=True)
class _Pass:
    """All mails read; the seconds of one pass."""

    seconds: float
    failures: int  # mails in which a failed recipient was found


def _compare(plan: Plan, name: str, folder: Path) -> Section:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    mails = [path.read_bytes() for path in paths]
    ours, theirs = [], []
    for _ in range(plan.repetitions):
        ours.append(_read(mails))
        theirs.append(
            _Pass(**peers.ask("flufl_bounce.py", given={"passes": PASSES, "paths": [str(path) for path in paths]}))
        )
    average = sum(map(len, mails)) // len(mails)
    about = f"{len(mails)} mails, {average:,} octets on average, from octets to answer, by CPU time of one core."
    section = Section(f"parse: {name}", about)
    mine = section.add("todoke", "mails/s", [len(mails) / one.seconds for one in ours])
    other = section.add("flufl.bounce", "mails/s", [len(mails) / one.seconds for one in theirs])
    section.compare("todoke / flufl.bounce", mine, other)
    section.notes.append(
        f"A failed recipient was found in {ours[0].failures} mails by todoke and in {theirs[0].failures} by "
        "flufl.bounce. todoke's answer has status, reason and diagnostic of each recipient too, flufl.bounce's the "
        "addresses alone."
    )
    return section


def _read(mails: list[bytes]) -> _Pass:
    parse(mails[0])  # tables are made by the first one
    started = time.process_time()
    for _ in range(PASSES):
        reports = [parse(mail) for mail in mails]
    seconds = (time.process_time() - started) / PASSES
    failures = sum(any(one.action is Action.FAILED for one in report.recipients) for report in reports)
    return _Pass(seconds, failures)
