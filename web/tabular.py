"""Rows as files: CSV that Excel opens as it is, and NDJSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

BOM = "\ufeff"
"""By it Excel knows UTF-8."""

_FORMULA = tuple("=+-@＝＋－＠\t\r\n")
_QUOTE = "'"

Item = Mapping[str, Any]
Columns = Mapping[str, Callable[[Item], Any]]
"""What stands in each column of a CSV file, by its heading."""


class Format(StrEnum):
    """Formats of an export."""

    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> str:
        """As HTTP has it."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Mapping[Format, str] = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.NDJSON: "application/x-ndjson",
}


@dataclass(frozen=True, slots=True)
class Writer:
    """Turns items into the pieces of a file."""

    format: Format
    columns: Columns

    def head(self) -> str:
        """What comes before the first item."""
        return BOM + _csv([list(self.columns)]) if self.format is Format.CSV else ""

    def body(self, items: Sequence[Item]) -> str:
        """Some items, in order."""
        if self.format is Format.NDJSON:
            return "".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n" for item in items)
        return _csv([[safe_cell(value(item)) for value in self.columns.values()] for item in items])


def safe_cell(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula (OWASP: CSV Injection); nothing for None."""
    text = "" if value is None else str(value)
    return _QUOTE + text if text.startswith(_FORMULA) else text


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue()
