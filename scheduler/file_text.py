"""The text of a file: its encoding found out, and its lines with their numbers, however long and however broken."""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from core.errors import TodokeError

MAX_LINE = 1_000_000
"""Characters of one line: no job has a hundredth of them."""

_UTF_16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ESCAPED = re.compile("[\udc80-\udcff]")
_UNASSIGNED = re.compile("[\udc80-\udcff\x80\uf8f0-\uf8f3]")
"""What Python makes of octets that stand for nothing in CP932."""

_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
"""Of UTF-8, beyond ASCII. In CP932 text there are hardly any by chance, and a stray octet for every letter."""

_HIGH = re.compile(rb"[\x80-\xff]")


class FileRefused(TodokeError):
    """A file that cannot be read at all; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's text is written."""

    name: str
    codec: str
    doubtful: re.Pattern[str]

    @contextmanager
    def open(self, stream: BinaryIO, *, newline: str | None) -> Iterator[TextIO]:
        """The text from its beginning, with what cannot be decoded kept as such. `stream` stays open."""
        stream.seek(0)
        text = io.TextIOWrapper(stream, self.codec, "surrogateescape", newline=newline)
        try:
            yield text
        finally:
            text.detach()

    def fault(self, text: str) -> str | None:
        """What is wrong with a piece of text, if anything."""
        broken = not text.isascii() and self.doubtful.search(text) is not None
        return f"holds octets that are not {self.name}" if broken else None


UTF_8 = Encoding("UTF-8", "utf-8-sig", _ESCAPED)
CP932 = Encoding("CP932", "cp932", _UNASSIGNED)


def encoding_of(stream: BinaryIO, name: str) -> Encoding:
    """UTF-8, or CP932 where most of the text speaks for it. Raises FileRefused for UTF-16 and UTF-32.

    A few broken octets do not turn a UTF-8 file into a CP932 one, whose names would then be garbled.
    """
    stream.seek(0)
    head = stream.read(4)
    if head.startswith(_UTF_16_OR_32) or b"\0" in head:
        raise FileRefused(f"{name}: is UTF-16 or UTF-32 text, or no text; save it as UTF-8")
    stream.seek(0)
    characters = strays = 0
    while line := stream.readline(MAX_LINE):
        if not line.isascii():
            rest, found = _CHARACTER.subn(b"", line)
            characters += found
            strays += len(_HIGH.findall(rest))
    return CP932 if strays > characters else UTF_8


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line with its end. `number` counts from 1; `fault` says why it cannot be read at all."""

    number: int
    text: str
    fault: str | None = None


class Lines:
    """The lines of a text one after the other; lines that were taken can be put back."""

    def __init__(self, text: TextIO, encoding: Encoding) -> None:
        self._text = text
        self._encoding = encoding
        self._number = 0
        self._waiting: deque[TextLine] = deque()

    def take(self) -> TextLine | None:
        """The next line, None after the last."""
        return self._waiting.popleft() if self._waiting else self._read()

    def put_back(self, lines: Iterable[TextLine]) -> None:
        """Lines just taken, in their order, to be taken again."""
        self._waiting.extendleft(reversed(list(lines)))

    def _read(self) -> TextLine | None:
        text = self._text.readline(MAX_LINE)
        if not text:
            return None
        self._number += 1
        if len(text) == MAX_LINE and not text.endswith(("\n", "\r")):
            self._skip_rest()
            return TextLine(self._number, "", f"is longer than {MAX_LINE:,} characters")
        return TextLine(self._number, text, self._encoding.fault(text))

    def _skip_rest(self) -> None:
        while (rest := self._text.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
            continue
