"""`python -m benchmarks [SECTION …] [--quick] [--million] [--count N] [--json FILE]`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.figures import Section, render
from benchmarks.plan import Plan
from benchmarks.problems import Failed, Missing

SECTIONS = (
    "weights",
    "drain",
    "claim",
    "intake",
    "latency",
    "kills",
    "helpdesk",
    "listen",
    "parse",
    "fuzz",
    "season",
    "calendar",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write JSON where asked to. 1 when a section failed; one that is left out is no failure."""
    options = _options(arguments)
    found = machine.describe()
    print(f"{machine.sentence(found)}\n", flush=True)
    sections: list[Section] = []
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="todoke-bench-") as folder:
        for name in options.sections or SECTIONS:
            home = Path(folder) / name
            home.mkdir()
            sections += _run(name, Plan(home, options.quick, options.million, options.count), failures)
    found["load_after"] = machine.load()
    print(f"Load average afterwards: {found['load_after']}.")
    if options.json:
        _write(options.json, found, options.quick, sections)
    return 1 if failures else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; without: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, two repetitions")
    parser.add_argument("--million", action="store_true", help="a queue of 1,000,000, a helpdesk of 10,000,000")
    parser.add_argument(
        "--count", type=int, default=0, metavar="N", help="mails for fuzz, messages for helpdesk, kills"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value of every repetition")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no such section: {unknown[0]}; they are {', '.join(SECTIONS)}")
    return options


def _run(name: str, plan: Plan, failures: list[str]) -> Iterator[Section]:
    """The tables of a section, printed as they come; one that cannot be measured says why and is left out."""
    try:
        for section in importlib.import_module(f"benchmarks.sections.{name}").measure(plan):
            print(f"{render(section)}\n", flush=True)
            yield section
    except Missing as missing:
        print(f"{name} is left out: {missing}\n", file=sys.stderr, flush=True)
    except Failed as failed:
        failures.append(name)
        print(f"{name} failed: {failed}\n", file=sys.stderr, flush=True)


def _write(path: Path, found: dict[str, Any], quick: bool, sections: Sequence[Section]) -> None:
    report = {"machine": found, "quick": quick, "sections": [section.as_dict() for section in sections]}
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
