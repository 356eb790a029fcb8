"""A list of recipients in plain text, cut into what is said of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from bounce_handler.parsing import addresses, quotations

MAX_BLOCK = 3000

_CLOSING = ">)]\"':;, \t"
_WORD = re.compile(r"[^\W\d_]{2}")
_COLONS = (":", "：")
_SENTENCE_ENDS = (".", "!", "。", "！")
_ADVICE = re.compile(
    r"\b(?:contact|questions?|assistance|help ?desk|inquir(?:y|ies))\b|問い?合わ?せ|ご不明|ご連絡|連絡先|窓口",
    re.IGNORECASE,
)


class Block(NamedTuple):
    """What is said of one recipient: its lines, and the part of them that follows the address."""

    address: str
    text: str
    reply: str


class _Start(NamedTuple):
    """Where a recipient's line is, the column behind its address, and the line where its introduction begins."""

    address: str
    line: int
    column: int
    above: int


def read(lines: Sequence[str], pattern: re.Pattern[str], above: str = "") -> dict[str, Block]:
    """By lower-case address, what stands from its line to the next recipient's or to what introduces that one.

    Where nothing follows an address, what introduces it is its reply. Addresses that the reader is told to ask are
    left out where there are others. `above` is the line before the first.
    """
    starts = _starts(lines, pattern)
    if not starts:
        return {}
    ends = [*[start.above for start in starts[1:]], len(lines)]
    blocks = {start.address.lower(): _block(lines, start, end) for start, end in zip(starts, ends, strict=False)}
    if len(blocks) == 1:
        return blocks
    leading = [_leading(lines, start.line, above) for start in starts]
    failed = {key: block for (key, block), lead in zip(blocks.items(), leading, strict=True) if not _asks(lead, block)}
    return failed or blocks


def _starts(lines: Sequence[str], pattern: re.Pattern[str]) -> list[_Start]:
    """The first line of each address."""
    starts: dict[str, _Start] = {}
    floor = 0
    for number, line in enumerate(lines):
        match = pattern.search(line) if "@" in line else None
        address = addresses.trim(match.group(1)) if match else ""
        if match and address and address.lower() not in starts:
            starts[address.lower()] = _Start(address, number, match.end(), _introduction(lines, number, floor))
            floor = number + 1
    return list(starts.values())


def _introduction(lines: Sequence[str], number: int, floor: int) -> int:
    """The first line of the paragraph above that leads to this line by a colon, or this line itself."""
    last = _worded(lines, number, floor)
    if last < floor or not lines[last].rstrip().endswith(_COLONS):
        return number
    first = last
    while first > floor and lines[first - 1].strip():
        first -= 1
    # What goes on from the line of another recipient is said of that one, all but its last line.
    first = last if first == floor and floor else first
    told = "\n".join(lines[first : last + 1])
    return number if "@" in told or quotations.smtp_code(told) or quotations.status(told) else first


def _worded(lines: Sequence[str], number: int, floor: int) -> int:
    """The last line above this one that is not empty; one before `floor` where there is none."""
    last = number - 1
    while last >= floor and not lines[last].strip():
        last -= 1
    return last


def _block(lines: Sequence[str], start: _Start, end: int) -> Block:
    text = "\n".join(lines[start.line : end])[:MAX_BLOCK]
    reply = text[start.column :].lstrip(_CLOSING)
    if not _WORD.search(reply) and start.above < start.line:
        reply = "\n".join(lines[start.above : start.line])[-MAX_BLOCK:]
    return Block(start.address, text, reply)


def advises(line: str) -> bool:
    """Whether it tells the reader whom to ask."""
    return _ADVICE.search(line) is not None


def _leading(lines: Sequence[str], number: int, above: str) -> str:
    last = _worded(lines, number, 0)
    return (lines[last] if last >= 0 else above).rstrip()


def _asks(leading: str, block: Block) -> bool:
    """Whether the line above leads to somebody who helps, and no refusal is quoted for him."""
    if leading.endswith(_SENTENCE_ENDS) or not advises(leading):
        return False
    return not (quotations.smtp_code(block.text) or quotations.status(block.text))
