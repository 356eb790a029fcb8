"""`todoke publish` and `todoke reports set`: files in, however long, item by item."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from scheduler.file_columns import JOB_COLUMNS, REPORT_COLUMNS
from scheduler.files import Line, read_lines
from scheduler.intake import Answer
from store.people import COMMAND_LINE
from todoke.cli.output import complain, print_line, printable
from todoke.cli.running import InputRefused, open_wiring, refused, run
from todoke.wiring import Wiring

_JOBS_AT_ONCE = 500
_REPORTS_AT_ONCE = 5000
_READ_AT_ONCE = 25
_BAR = 40
_LONGEST_NAME = 200

Accept = Callable[[Sequence[Any], str], Awaitable[list[Answer]]]


def publish_jobs(file: str, *, as_json: bool) -> None:
    """Hand in jobs."""
    run(_feed(file, lambda wiring: wiring.intake.accept, JOB_COLUMNS, _JOBS_AT_ONCE, _outlet(as_json)))


def set_reports(file: str, *, as_json: bool) -> None:
    """Set reporting statuses."""
    run(_feed(file, lambda wiring: wiring.reporting.accept, REPORT_COLUMNS, _REPORTS_AT_ONCE, _outlet(as_json)))


async def _feed(
    file: str, accept_of: Callable[[Wiring], Accept], columns: Collection[str], at_once: int, outlet: Outlet
) -> None:
    with _opened(file) as (stream, name):
        lines = read_lines(stream, name, columns)
        progress = Progress(stream)
        async with open_wiring() as wiring:
            accept = accept_of(wiring)
            reading = asyncio.create_task(_next(lines, at_once))
            while batch := await reading:
                # While the database writes this batch, the next is read.
                reading = asyncio.create_task(_next(lines, at_once))
                answers = await accept([line.raw for line in batch], COMMAND_LINE)
                told = list(zip(batch, answers, strict=True))
                progress.clear()
                _complain(name, told)
                outlet.tell(told)
                progress.show(outlet.items)
        progress.clear()
    outlet.close()
    if outlet.counts["refused"]:
        refused()


async def _next(lines: Iterator[Line], count: int) -> list[Line]:
    """The next lines of a file, up to `count`; whatever else is under way goes on meanwhile."""
    batch: list[Line] = []
    while len(batch) < count and (few := list(islice(lines, min(_READ_AT_ONCE, count - len(batch))))):
        batch += few
        await asyncio.sleep(0)
    return batch


@contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, str]]:
    """A file that can be read twice, and its name for messages. Raises InputRefused."""
    with ExitStack() as stack:
        if file == "-":
            yield stack.enter_context(_spooled(sys.stdin.buffer)), "stdin"
            return
        try:
            opened = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise InputRefused(f"{file}: {error.strerror}") from error
        yield (opened if opened.seekable() else stack.enter_context(_spooled(opened))), file


@contextmanager
def _spooled(source: BinaryIO) -> Iterator[BinaryIO]:
    """What comes through a pipe, on disk."""
    with tempfile.TemporaryFile() as stream:
        shutil.copyfileobj(source, stream)
        yield cast(BinaryIO, stream)


def _complain(name: str, told: Sequence[tuple[Line, Answer]]) -> None:
    for line, answer in told:
        if not answer.accepted:
            complain(f"{name}:{line.number}: {_reason(line, answer)}")


def _reason(line: Line, answer: Answer) -> str:
    body = answer.body
    errors = "; ".join(f"{error['field'] or 'item'}: {error['detail']}" for error in body["errors"])
    return f"{body['code']}{_who(line.raw)}: {errors or body.get('detail') or body['title']}"


def _who(raw: Any) -> str:
    """By what its publisher knows an item: the job id, or whose report it is."""
    if not isinstance(raw, dict):
        return ""
    institution = raw.get("institution")
    code = institution.get("code") if isinstance(institution, dict) else None
    kind, name = ("job", raw["job_id"]) if "job_id" in raw else ("institution", code)
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        return ""
    return f" ({kind} {printable(name)})"


class Outlet:
    """Counts what items were answered, and says so at the end."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(accepted=0, repeated=0, stale=0, refused=0)

    @property
    def items(self) -> int:
        """How many there have been."""
        return self.counts["accepted"] + self.counts["refused"]

    def tell(self, told: Sequence[tuple[Line, Answer]]) -> None:
        """Take in answers."""
        for _, answer in told:
            self.counts["accepted" if answer.accepted else "refused"] += 1
            self.counts["repeated"] += answer.status == 200 and "job_id" in answer.body
            self.counts["stale"] += answer.body.get("stale") is True

    def close(self) -> None:
        """After the last."""
        counts = self.counts
        notes = [f"{counts['repeated']:,} of them repeated"] if counts["repeated"] else []
        notes += [f"{counts['stale']:,} of them older than what is on record"] if counts["stale"] else []
        noted = f" ({', '.join(notes)})" if notes else ""
        print_line(f"{counts['accepted']:,} accepted{noted}, {counts['refused']:,} refused")


class JsonOutlet(Outlet):
    """One JSON document, written while the answers come in: none has to be remembered."""

    def __init__(self) -> None:
        super().__init__()
        self._before = '{"results": ['

    def tell(self, told: Sequence[tuple[Line, Answer]]) -> None:
        """Take in answers, and write them."""
        super().tell(told)
        for line, answer in told:
            result = {"line": line.number, "http_status": answer.status, **answer.body}
            sys.stdout.write(f"{self._before}\n{json.dumps(result, ensure_ascii=False)}")
            self._before = ","

    def close(self) -> None:
        """Write the end of the document."""
        opening = self._before if self._before != "," else ""
        sys.stdout.write(f"{opening}], {json.dumps(self.counts)[1:]}\n")


def _outlet(as_json: bool) -> Outlet:
    return JsonOutlet() if as_json else Outlet()


class Progress:
    """A bar on a terminal: how much of the file has been read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = os.fstat(stream.fileno()).st_size
        self._shown = sys.stderr.isatty()

    def show(self, items: int) -> None:
        """Draw the bar."""
        filled = _BAR * min(self._stream.tell(), self._size) // max(self._size, 1)
        self._write(f"[{'#' * filled}{'.' * (_BAR - filled)}] {items:,}")

    def clear(self) -> None:
        """Take the bar away, for other words."""
        self._write("\r\033[K")

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(text)
            sys.stderr.flush()
