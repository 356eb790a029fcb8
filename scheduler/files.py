"""Jobs and reporting statuses from files: NDJSON, a JSON array, or CSV with dotted keys; in UTF-8 (with or without BOM)
or CP932. However long a file is, little of it is in memory at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from scheduler.file_csv import csv_items
from scheduler.file_json import array_items, ndjson_items, single_object
from scheduler.file_text import Encoding, FileRefused, Lines, encoding_of
from scheduler.intake import Unparsable

__all__ = ["FileRefused", "Line", "read_lines"]

_JSON_NAMES = (".json", ".ndjson", ".jsonl")
_SPACE = " \t\r\n"
_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Line:
    """An item of a file, or why it could not be read. `number` is that of its first line, from 1."""

    number: int
    raw: Any


def read_lines(stream: BinaryIO, name: str, columns: Collection[str] | None = None) -> Iterator[Line]:
    """The items of a file that can be read twice. Raises FileRefused where nothing of it can be read.

    `columns` are those that a CSV file of this use may have (None: any); a record with others is told by itself.
    """
    encoding = encoding_of(stream, name)
    for number, raw in _items(stream, name, encoding, columns):
        yield Line(number, raw)


def _items(
    stream: BinaryIO, name: str, encoding: Encoding, columns: Collection[str] | None
) -> Iterator[tuple[int, Any]]:
    first = _first_character(stream, encoding)
    if name.lower().endswith(".csv") or not (name.lower().endswith(_JSON_NAMES) or first in ("{", "[", "")):
        with encoding.open(stream, newline="") as text:
            yield from csv_items(Lines(text, encoding), name, columns)
    elif first == "[":
        with encoding.open(stream, newline=None) as text:
            yield from array_items(text, encoding)
    else:
        yield from _objects(stream, encoding)


def _objects(stream: BinaryIO, encoding: Encoding) -> Iterator[tuple[int, Any]]:
    """NDJSON, unless the first line is none and the whole of it is one object."""
    with encoding.open(stream, newline="") as text:
        first = next(ndjson_items(Lines(text, encoding)), None)
    if first is not None and isinstance(first[1], Unparsable):
        with encoding.open(stream, newline=None) as text:
            whole = single_object(text, encoding)
        if whole is not None:
            yield whole
            return
    with encoding.open(stream, newline="") as text:
        yield from ndjson_items(Lines(text, encoding))


def _first_character(stream: BinaryIO, encoding: Encoding) -> str:
    """The first one that is no white space; none in a file without any."""
    with encoding.open(stream, newline="") as text:
        while piece := text.read(_PIECE):
            if rest := piece.lstrip(_SPACE):
                return rest[0]
    return ""
