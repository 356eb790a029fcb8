"""How commands print: a table for people (the same text without colour when piped), JSON when asked."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_line(text: str = "") -> None:
    """One line on stdout, at once: other programs wait for it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(text + "\n")


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Rows under headings; `columns` maps keys to headings. Wide characters count double."""
    cells = [list(columns.values())]
    cells += [["" if row.get(key) is None else printable(str(row[key])) for key in columns] for row in rows]
    widths = [max(width(row[place]) for row in cells) for place in range(len(columns))]
    for number, row in enumerate(cells):
        line = "  ".join(padded(cell, wide) for cell, wide in zip(row, widths, strict=True)).rstrip()
        print_line(bold(line) if number == 0 else line)


def printable(text: str) -> str:
    """Text without the control characters by which a hostile diagnostic could drive a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def width(text: str) -> int:
    """Columns on a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def padded(text: str, wide: int) -> str:
    """Text filled up to a width."""
    return text + " " * (wide - width(text))


def bold(text: str) -> str:
    """Text that stands out on a terminal, and is itself elsewhere."""
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text
