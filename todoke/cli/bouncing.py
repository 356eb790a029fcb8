"""`todoke bounces`: reports from files."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from todoke.cli.mailfiles import FoundMail, find_mails
from todoke.cli.output import complain, print_json, print_line, print_table
from todoke.cli.running import open_wiring, refused, run
from todoke.wiring import Wiring

_CHUNK_MAILS = 100
_CHUNK_OCTETS = 16 * 1024 * 1024
_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_COLUMNS = {"where": "mail", "type": "type", "state": "state", "reason": "reason", "message_id": "message"}
_STATES = ("applied", "duplicate", "unmatched", "new")


def parse(paths: Sequence[Path]) -> None:
    """One JSON line a file."""
    from bounce_handler.parsing.lines import lines

    failed = False
    for path in paths:
        if not path.exists():
            complain(f"todoke: {path}: no such file or folder")
            failed = True
            continue
        for line in lines([path]):
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            failed = failed or "error" in line
    if failed:
        refused()


def ingest(path: str, *, as_json: bool) -> None:
    """Keep and apply the reports of a file, a Maildir or an mbox; exit code 1 where a mail could not be taken in."""
    rows, problems = run(_ingest(path))
    counts = Counter(row["state"] for row in rows)
    if as_json:
        print_json({"taken_in": len(rows), **{state: counts[state] for state in _STATES}, "reports": rows})
    else:
        print_table(rows, _COLUMNS)
        print_line(f"{len(rows)} taken in: " + ", ".join(f"{counts[state]} {state}" for state in _STATES))
    for problem in problems:
        complain(f"todoke: {problem.where}: not taken in: {problem.problem}")
    if problems:
        refused()


async def _ingest(path: str) -> tuple[list[dict[str, Any]], list[FoundMail]]:
    rows: list[dict[str, Any]] = []
    problems: list[FoundMail] = []
    async with open_wiring() as wiring:
        for chunk in _chunks(find_mails(path, wiring.settings.bounce_max_bytes)):
            problems += [mail for mail in chunk if mail.problem is not None]
            rows += await _take_in(wiring, [mail for mail in chunk if mail.problem is None])
    return rows, problems


def _chunks(mails: Iterator[FoundMail]) -> Iterator[list[FoundMail]]:
    chunk: list[FoundMail] = []
    octets = 0
    for mail in mails:
        chunk.append(mail)
        octets += len(mail.raw)
        if len(chunk) >= _CHUNK_MAILS or octets >= _CHUNK_OCTETS:
            yield chunk
            chunk, octets = [], 0
    if chunk:
        yield chunk


async def _take_in(wiring: Wiring, mails: Sequence[FoundMail]) -> list[dict[str, Any]]:
    """Keep mails and see to it that they are settled; one row a mail."""
    from bounce_handler.addressed import arrival_of

    if not mails:
        return []
    report_ids = await wiring.reports.keep([arrival_of(mail.raw, wiring.return_paths) for mail in mails])
    outcomes = await _settled(wiring, report_ids)
    return [{"where": mail.where} | outcomes[report_id] for mail, report_id in zip(mails, report_ids, strict=True)]


async def _settled(wiring: Wiring, report_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Outcomes by report id. What is in the hands of a running service, or waits, is `new` after a few seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    while True:
        while await wiring.applier.apply_waiting():
            pass
        outcomes = {row["id"]: row for row in await wiring.reports.outcomes(report_ids)}
        if loop.time() > deadline or all(row["state"] != "new" for row in outcomes.values()):
            return outcomes
        await asyncio.sleep(_LOOK_SECONDS)
