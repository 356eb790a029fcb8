"""CSV as spreadsheets write it (RFC 4180), with dotted keys in its first line; a broken line takes no others along."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scheduler.file_text import FileRefused, Lines, TextLine
from scheduler.intake import Unparsable

_KEY = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*")
_NUMBERS = frozenset({"fiscal_year", "data.fiscal_year"})
_BOOLEANS: Mapping[str, bool] = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_BOOLEAN_COLUMNS = frozenset({"last_year_data"})
_PREFECTURE_COLUMN = "institution.prefecture"

_UNCLOSED = "opens a quote that is not closed"
_MOST_LINES = 100
"""Of one record: cells with line ends are short texts. A quote that is never closed takes no more lines along."""


def csv_items(lines: Lines, name: str, columns: Collection[str] | None) -> Iterator[tuple[int, Any]]:
    """Number of the first line, and item, of every record. Raises FileRefused for a first line that names no keys.

    Where no record follows, they have to be among `columns` (None: any), or it would be silence about what is no CSV.
    """
    first = _next_line(lines)
    if first is None:
        raise FileRefused(f"{name}: is empty; its first line has to name the columns")
    header = _header(_cells([first]), name)
    empty = True
    while (line := _next_line(lines)) is not None:
        cells = _record(line, lines, len(header))
        if isinstance(cells, Unparsable):
            empty = False
            yield line.number, cells
        elif not _blank(cells):
            empty = False
            yield line.number, _item(header, cells)
    if empty and columns is not None:
        _refuse_strangers(header, columns, name)


def _next_line(lines: Lines) -> TextLine | None:
    """The next line that is not blank."""
    while (line := lines.take()) is not None and line.fault is None and not line.text.strip():
        continue
    return line


def _record(first: TextLine, lines: Lines, columns: int) -> list[str] | Unparsable:
    """The cells of the record that begins with this line. Of one that is broken, all but this line is put back."""
    alone = _cells([first])
    if isinstance(alone, list) or not _quotes(first) % 2:
        return _counted(alone, columns)
    taken = _together(first, lines)
    cells = _cells(taken)
    if isinstance(cells, Unparsable) or any(_is_record(line, columns) for line in taken[1:-1]):
        cells = alone  # a stray quote here, perhaps another one further down, and good lines in between
    cells = _counted(cells, columns)
    if isinstance(cells, Unparsable):
        lines.put_back(taken[1:])
    return cells


def _cells(taken: Sequence[TextLine]) -> list[str] | Unparsable:
    fault = next((line.fault for line in taken if line.fault is not None), None)
    if fault is not None:
        return Unparsable(fault)
    reader = csv.reader((line.text for line in taken), strict=True)
    try:
        cells = next(reader)
    except csv.Error as error:
        unclosed = sum(_quotes(line) for line in taken) % 2
        return Unparsable(_UNCLOSED if unclosed else f"not CSV: {error}")
    return cells if reader.line_num == len(taken) else Unparsable("ends before a quote that it has opened")


def _counted(cells: list[str] | Unparsable, columns: int) -> list[str] | Unparsable:
    """The cells where there is one for each column; cells beyond them may be there if they are blank."""
    if isinstance(cells, Unparsable) or _blank(cells) or (len(cells) >= columns and _blank(cells[columns:])):
        return cells
    return Unparsable(f"has {len(cells)} cells where the first line names {columns} columns")


def _blank(cells: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in cells)


def _is_record(line: TextLine, columns: int) -> bool:
    cells = _cells([line])
    return isinstance(cells, list) and len(cells) == columns > 1


def _together(first: TextLine, lines: Lines) -> list[TextLine]:
    """The line with those that follow up to the end of its last quoted cell; by itself where there is no end."""
    taken = [first]
    quotes = _quotes(first)
    while quotes % 2 and len(taken) < _MOST_LINES and (line := lines.take()) is not None:
        taken.append(line)
        quotes += _quotes(line)
    if quotes % 2:
        lines.put_back(taken[1:])
        return [first]
    return taken


def _quotes(line: TextLine) -> int:
    return line.text.count('"')


def _header(cells: list[str] | Unparsable, name: str) -> list[str]:
    if isinstance(cells, Unparsable):
        raise FileRefused(f"{name}: the first line, which names the columns, cannot be read: {cells.detail}")
    keys = [cell.strip() for cell in cells]
    for place, key in enumerate(keys, start=1):
        if key and _KEY.fullmatch(key) is None:
            raise FileRefused(f"{name}: column {place} of the first line is no dotted key such as recipient.email")
    named = [key for key in keys if key]
    for key in named:
        if named.count(key) > 1:
            raise FileRefused(f"{name}: the first line names the column {key} twice")
        if any(other.startswith(f"{key}.") for other in named):
            raise FileRefused(f"{name}: the first line names both {key} and what is below it")
    return keys


def _refuse_strangers(header: Sequence[str], columns: Collection[str], name: str) -> None:
    for place, key in enumerate(header, start=1):
        if key and key not in columns:
            fault = f"no record follows its first line, of which column {place} is no key known here"
            raise FileRefused(f"{name}: was read as CSV: {fault}")


def _item(header: Sequence[str], cells: Sequence[str]) -> Any:
    item: dict[str, Any] = {}
    for key, cell in zip(header, cells, strict=False):
        if not cell.strip():
            continue  # as if the key were absent
        if not key:
            return Unparsable("has a value under a column without a name")
        _put(item, key.split("."), _typed(key, cell))
    return item


def _put(item: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        item = item.setdefault(key, {})
    item[path[-1]] = value


def _typed(key: str, cell: str) -> Any:
    plain = unicodedata.normalize("NFKC", cell).strip()
    digits = plain.isascii() and plain.isdigit()
    if key in _NUMBERS and digits and len(plain) <= 9:
        return int(plain)
    if key in _BOOLEAN_COLUMNS:
        return _BOOLEANS.get(plain.lower(), cell)
    if key == _PREFECTURE_COLUMN and digits:
        return plain.zfill(2)  # spreadsheets take the leading zero away
    return cell
