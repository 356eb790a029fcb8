"""Lines of Japanese text at a width that every mail reader shows whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

WIDTH = 70
"""Columns of a line of prose: 35 full-width characters."""

_NEVER_LAST = "‘“（〔［｛〈《「『【〘〖｟«￥＄£№"
_NEVER_FIRST = (
    "、。，．・：；？！゛゜ヽヾゝゞ々ー’”）〕］｝〉》」』】〙〗｠»％‰℃～〜…‥ \u3000"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ"
)
_DATE = r"(?:令和|平成|昭和)(?:元|\d+)年(?:度(?:（\d+年度）)?|\d+月\d+日(?:（.）)?)?"
_WORD = "[!-~]+"  # also numbers, addresses and URLs
_MARKS = "[\u3099\u309a\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]*"  # belong to the character before them
_PIECE = re.compile(
    rf"(?:[{_NEVER_LAST}])*(?:{_DATE}|{_WORD}|.{_MARKS})(?:[{_NEVER_FIRST}]{_MARKS}|[!),.:;?\]}}](?![!-~]))*",
    re.DOTALL,
)
"""What stays on one line: a date, a word or a character, with the brackets and stops that cling to it (kinsoku)."""

_WIDE = re.compile("[\u1100-\uff60\uffe0-\U0010ffff]")


def columns(text: str) -> int:
    """How wide `text` stands: full-width characters count two."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def wrap(text: str, width: int = WIDTH) -> str:
    """Break each line of `text` where Japanese typesetting allows; only line feeds are added.

    What may not be broken and is wider than `width`, such as a URL, stays whole on one line.
    """
    return "\n".join(line for source in text.split("\n") for line in _lines(source, width))


def _lines(source: str, width: int) -> Iterator[str]:
    line, used = "", 0
    for piece in _PIECE.findall(source):
        needed = columns(piece)
        if line and used + needed > width:
            yield line
            line, used = "", 0
        line, used = line + piece, used + needed
    yield line
