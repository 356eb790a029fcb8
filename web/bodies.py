"""Request bodies: bounded, read once, and taken for what they are, namely anything at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from core.errors import FieldError
from core.json_reading import BOM, MoreJson, NotJson, parse_json
from core.problems import Problem, field_problem
from scheduler.fields import Reader
from scheduler.intake import MAX_JOBS, Unparsable, too_many
from web.problems import Refusal

_NDJSON = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines")
)
_LINES_MEANT = "; several items, one a line, are sent as application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Batch:
    """What was handed in: one item by itself, or any number of them."""

    items: Sequence[Any]
    single: bool


async def read_body(request: Request, most: int) -> bytes:
    """The whole body. Refused with `too-large` as soon as it is known to exceed `most` octets.

    Refused with `unsupported-encoding`, too: nothing is unpacked here, where a little may become much.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refusal(Problem("unsupported-encoding"), {"Accept-Encoding": "identity"})
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > most):
        raise _too_large(most)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(most: int) -> Refusal:
    problem = Problem("too-large", errors=[FieldError("", "too-large", f"a body has at most {most} octets")])
    return Refusal(problem, {"Connection": "close"})  # the rest may be without end


async def read_json(request: Request, most: int) -> Any:
    """The body's one JSON value. Refused with `unparsable`."""
    return _parsed(await read_body(request, most))


def _parsed(body: bytes, for_lines: str = "") -> Any:
    """The one value; `for_lines` is what to say besides where there are more than one."""
    try:
        return parse_json(body)
    except MoreJson as error:
        raise Refusal(Problem("unparsable", f"{error}{for_lines}")) from None
    except NotJson as error:
        raise Refusal(Problem("unparsable", str(error))) from None


async def read_object(request: Request, most: int) -> Reader:
    """The body's one JSON object, to be read field by field."""
    return parse_object(await read_body(request, most))


def parse_object(body: bytes) -> Reader:
    """One JSON object, to be read field by field. Refused with `unparsable` or `invalid`."""
    value = _parsed(body)
    if not isinstance(value, dict):
        raise Refusal(field_problem([FieldError("", "type", "must be a JSON object")]))
    return Reader(value)


async def read_batch(request: Request, most: int) -> Batch:
    """One item, a JSON array of them, or NDJSON, in which a line that is no JSON becomes an `Unparsable`.

    Refused with `too-large` for more than MAX_JOBS items.
    """
    if _media_type(request) in _NDJSON:
        batch = Batch(_lines(await read_body(request, most)), single=False)
    else:
        value = _parsed(await read_body(request, most), _LINES_MEANT)
        batch = Batch(value, single=False) if isinstance(value, list) else Batch([value], single=True)
    if len(batch.items) > MAX_JOBS:
        raise Refusal(too_many())
    return batch


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _lines(body: bytes) -> list[Any]:
    lines = body.removeprefix(BOM).split(b"\n")
    return [_line(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _line(number: int, line: bytes) -> Any:
    try:
        return parse_json(line)
    except NotJson as error:
        return Unparsable(f"line {number}: {error}")
