"""Mutated failure reports read: none raises, none takes longer than its size allows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from benchmarks.figures import Section
from benchmarks.machine import REPOSITORY
from benchmarks.mutations import endlessly
from benchmarks.plan import Plan
from benchmarks.problems import Failed
from benchmarks.sections.parse import folders
from bounce_handler.parsing.parser import read

BUDGET_SECONDS = 0.05
"""For 100 KB, and for anything smaller."""

_FINDS = REPOSITORY / "build" / "fuzz"
_LARGEST_SEED = 60_000
_SEED = 20261122


@dataclass(slots=True)
class _Found:
    """What came of all mails."""

    octets: int = 0
    seconds: float = 0.0
    slowest: float = 0.0  # as a share of what its size allows
    bad: list[str] = field(default_factory=list)


def measure(plan: Plan) -> Iterator[Section]:
    """One table. Raises Failed where a mail raised or took too long; those are kept in `build/fuzz`."""
    count = plan.count or plan.size(100_000, 5_000)
    found = _read(islice(endlessly(_seeds(), _SEED), count))
    if found.bad:
        raise Failed(f"{len(found.bad)} of {count:,} mails, kept in {_FINDS}; the first: {found.bad[0]}")
    average = found.octets // count
    section = Section(
        "fuzz", f"{count:,} mutated mails, {average:,} octets on average: none raised, none was too slow."
    )
    section.add("mails read by CPU time of one core", "mails/s", [count / found.seconds])
    section.add(f"slowest mail, of {BUDGET_SECONDS * 1000:.0f} ms per 100 KB", "%", [100 * found.slowest])
    yield section


def _seeds() -> list[bytes]:
    paths = sorted(path for _, folder in folders() for path in folder.rglob("*") if path.is_file())
    return [mail for path in paths if len(mail := path.read_bytes()) <= _LARGEST_SEED]


def _read(mails: Iterator[bytes]) -> _Found:
    found = _Found()
    for mail in mails:
        found.octets += len(mail)
        try:
            seconds = _seconds(mail)
        except Exception as error:
            found.bad.append(_keep(mail, repr(error)[:200]))
            continue
        found.seconds += seconds
        share = seconds / _allowed(mail)
        if share > 0.5:  # the machine may have been busy with something else
            share = min(_seconds(mail) for _ in range(3)) / _allowed(mail)
        if share > 1:
            found.bad.append(_keep(mail, f"took {share:.1f} times what its size allows"))
        found.slowest = max(found.slowest, share)
    return found


def _allowed(mail: bytes) -> float:
    return BUDGET_SECONDS * max(1.0, len(mail) / 100_000)


def _seconds(mail: bytes) -> float:
    started = time.process_time()
    read(mail)
    return time.process_time() - started


def _keep(mail: bytes, why: str) -> str:
    _FINDS.mkdir(parents=True, exist_ok=True)
    path: Path = _FINDS / f"{hashlib.sha256(mail).hexdigest()[:16]}.eml"
    path.write_bytes(mail)
    return f"{path.name}: {why}"
