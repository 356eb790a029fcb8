"""JSON files as people have them: an object a line (NDJSON), one array over any number of lines, or a single object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TextIO

from core.json_reading import NotJson, parse_json
from scheduler.file_text import MAX_LINE, Encoding, Lines
from scheduler.intake import Unparsable

_CHUNK = 1 << 16
_STRUCTURE = re.compile(r'[\\"\[\]{},]')


def ndjson_items(lines: Lines) -> Iterator[tuple[int, Any]]:
    """Number and item of every line that is not blank."""
    while (line := lines.take()) is not None:
        if line.fault is not None:
            yield line.number, Unparsable(line.fault)
        elif line.text.strip():
            yield line.number, _value(line.text.rstrip("\r\n"))


def single_object(text: TextIO, encoding: Encoding) -> tuple[int, Any] | None:
    """The object that a small text consists of, and the number of its first line; None where it is something else."""
    whole = text.read(MAX_LINE + 1)
    if len(whole) > MAX_LINE or encoding.fault(whole) is not None:
        return None
    value = _value(whole)
    return (1 + _blank_lines(whole), value) if isinstance(value, dict) else None


def array_items(text: TextIO, encoding: Encoding) -> Iterator[tuple[int, Any]]:
    """The items of an array, each with the number of the line on which it begins. Line ends have to be LF."""
    array = _Array()
    while chunk := text.read(_CHUNK):
        for number, item in array.feed(chunk):
            yield number, _checked(item, encoding)
    if array.fault is not None:
        yield array.number, Unparsable(array.fault)


def _checked(text: str | None, encoding: Encoding) -> Any:
    if text is None:
        return Unparsable(f"is longer than {MAX_LINE:,} characters")
    fault = encoding.fault(text)
    return _value(text) if fault is None else Unparsable(fault)


def _value(text: str) -> Any:
    try:
        return parse_json(text)
    except NotJson as refused:
        return Unparsable(str(refused))


def _blank_lines(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")


class _Array:
    """Cuts an array into the texts of its items without reading them: a broken one does not end the others."""

    def __init__(self) -> None:
        self._line = 1  # on which the text kept so far begins
        self._kept: list[str] = []
        self._length = 0
        self._newlines = 0
        self._items = 0
        self._depth = 0
        self._quoted = False
        self._escaped = False
        self._ended = False

    @property
    def number(self) -> int:
        """The line on which what has not ended yet begins."""
        return self._line + _blank_lines("".join(self._kept))

    @property
    def fault(self) -> str | None:
        """What is wrong with the array as a whole, once all of it was fed."""
        if not self._ended:
            return "this item, or the array, is not closed"
        return "something follows the end of the array" if "".join(self._kept).strip() else None

    def feed(self, chunk: str) -> Iterator[tuple[int, str | None]]:
        """Line and text of the items that end in this chunk; None for the text of one too long to keep."""
        begin = 0
        literal = 0 if self._escaped else -1
        for mark in _STRUCTURE.finditer(chunk):
            place, char = mark.start(), mark.group()
            if place == literal or self._ended:
                continue
            if char == "\\" and self._quoted:
                literal = place + 1
            elif self._cuts(char):
                self._keep(chunk[begin:place])
                yield from self._cut(opens=char == "[")
                begin = place + 1
        self._escaped = literal == len(chunk)
        self._keep(chunk[begin:])

    def _cuts(self, char: str) -> bool:
        """Whether this character, which is of the structure unless it is quoted, stands between two items."""
        if char == '"':
            self._quoted = not self._quoted
        elif self._quoted:
            return False
        elif char in "[{":
            self._depth += 1
            return self._depth == 1
        elif char in "]}" and self._depth > 1:
            self._depth -= 1
        elif char == "]":
            self._ended = True
            return True
        return char == "," and self._depth == 1

    def _keep(self, text: str) -> None:
        self._newlines += text.count("\n")
        self._length += len(text)
        if self._length <= MAX_LINE:
            self._kept.append(text)

    def _cut(self, *, opens: bool) -> Iterator[tuple[int, str | None]]:
        text = "".join(self._kept)
        begins, too_long = self.number, self._length > MAX_LINE
        self._line += self._newlines
        self._kept, self._length, self._newlines = [], 0, 0
        empty = self._ended and self._items == 0 and not text.strip()
        if not opens and not empty:
            self._items += 1
            yield begins, None if too_long else text
