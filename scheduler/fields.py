"""Reading untrusted JSON objects: every error is collected by its dotted path, no value is echoed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from core.errors import FieldError
from core.jst import BeyondYears, parse_date, parse_rfc3339

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

MAX_NAME = 200
_ID = re.compile(r"[\x20-\x7e]{1,200}")
_CODE = re.compile(r"[A-Za-z0-9-]{1,20}")
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
"""Within which every date of a job lies. Systems write "no date" as one far outside: 0001-01-01, 1900-01-01,
1970-01-01, 9999-12-31; the helpdesk would read it to callers as the day of their application."""

_LATEST_YEAR = LAST_DAY.year
_HALF = re.compile("[\ud800-\udfff]")
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Embeddings, overrides and isolates (UAX #9): they turn round what stands beside a name, on pages and in mails."""

_CONTROL = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{TURNING}]")
_CONTROL_IN_LINES = re.compile(f"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029{TURNING}]")
"""The category Cc, the two separators of lines and paragraphs, and TURNING; without the ends of lines."""
_NO_CONTROLS = "must not hold control characters, line ends or characters that turn the direction of writing"
_NO_CONTROLS_IN_LINES = "must not hold control characters or characters that turn the direction of writing"
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What shows nothing and is neither white space nor of the category Cf: fillers, the empty braille pattern, selectors
of variants, which are at home behind a kanji."""
_MOST_UNKNOWN = 20  # named in one answer


class Reader:
    """One JSON object at `path`; sub-objects share the same list of errors."""

    def __init__(self, raw: Mapping[str, Any], path: str = "", errors: list[FieldError] | None = None) -> None:
        self._raw = raw
        self._path = path
        self.errors: list[FieldError] = [] if errors is None else errors
        self._known: set[str] = set()

    def where(self, key: str) -> str:
        """The dotted path of a key."""
        return f"{self._path}.{key}" if self._path else key

    def refuse(self, key: str, code: str, detail: str) -> None:
        """Note what is wrong with a key."""
        self.errors.append(FieldError(self.where(key), code, detail))

    def get(self, key: str) -> Any:
        """The raw value; an absent key and null are the same."""
        self._known.add(key)
        return self._raw.get(key)

    def unknown(self) -> None:
        """Refuse whatever key was not asked for."""
        unknown = [key for key in self._raw if key not in self._known]
        for key in unknown[:_MOST_UNKNOWN]:
            shown = key if re.fullmatch(r"[\w.-]{1,64}", key, re.ASCII) else "?"
            self.refuse(shown, "unknown-field", "this field does not belong here")

    def child(self, key: str, *, required: bool) -> Reader | None:
        """A sub-object, or None where it is absent or no object."""
        value = self.get(key)
        if isinstance(value, Mapping):
            return Reader(value, self.where(key), self.errors)
        if value is not None:
            self.refuse(key, "type", "must be an object")
        elif required:
            self.refuse(key, "required", "is required")
        return None

    def string(self, key: str, *, required: bool) -> str | None:
        """Any string that a database can hold."""
        value = self.get(key)
        if value is None:
            if required:
                self.refuse(key, "required", "is required")
            return None
        if not isinstance(value, str):
            self.refuse(key, "type", "must be a string")
            return None
        if _HALF.search(value):
            self.refuse(key, "format", "holds half a character (a lone surrogate)")
            return None
        return value

    def line(self, key: str, *, required: bool, most: int = MAX_NAME, several: bool = False) -> str | None:
        """Text of one line (or several), 1 to `most` characters, never changed. Optional and blank is absent.

        What joins letters or chooses a variant of one (U+200D, selectors behind a kanji) stays, if it is not all.
        """
        value = self.string(key, required=required)
        if value is None or is_blank(value):
            if value is not None and required:
                self.refuse(key, "empty", "must not be empty")
            return None
        if len(value) > most:
            self.refuse(key, "too-long", f"has at most {most} characters")
        elif (_CONTROL_IN_LINES if several else _CONTROL).search(value):
            self.refuse(key, "control-character", _NO_CONTROLS_IN_LINES if several else _NO_CONTROLS)
        else:
            return value
        return None

    def name(self, key: str, *, required: bool) -> str | None:
        """Text of one line, 1 to 200 characters, never blank. Optional and null is absent."""
        return self.line(key, required=required or self.get(key) is not None)

    def identifier(self, key: str) -> str | None:
        """1-200 printable ASCII characters."""
        return self._matched(key, _ID, "has 1 to 200 printable ASCII characters", lambda value: value)

    def institution_code(self, key: str) -> str | None:
        """1-20 letters, digits or hyphens after NFKC and trimming."""
        return self._matched(key, _CODE, "has 1 to 20 letters, digits or hyphens", normalise_code)

    def _matched(self, key: str, form: re.Pattern[str], detail: str, prepare: Callable[[str], str]) -> str | None:
        value = self.string(key, required=True)
        if value is None:
            return None
        value = prepare(value)
        if not value:
            self.refuse(key, "empty", "must not be empty")
        elif form.fullmatch(value) is None:
            self.refuse(key, "format", detail)
        else:
            return value
        return None

    def choice(self, key: str, choices: type[E], *, required: bool) -> E | None:
        """A member of a closed vocabulary."""
        value = self.string(key, required=required)
        if value is None:
            return None
        try:
            return choices(value)
        except ValueError:
            self.refuse(key, "choice", "must be one of " + ", ".join(choices))
            return None

    def one_of(self, key: str, choices: Collection[str], *, required: bool) -> str | None:
        """A string among `choices`."""
        value = self.string(key, required=required)
        if value is not None and value not in choices:
            self.refuse(key, "choice", "must be one of " + ", ".join(choices))
            return None
        return value

    def day(self, key: str, *, required: bool) -> date | None:
        """YYYY-MM-DD, from FIRST_DAY to LAST_DAY."""
        value = self._parsed(key, parse_date, "must be a date as YYYY-MM-DD", required=required)
        if value is not None and not FIRST_DAY <= value <= LAST_DAY:
            self.refuse(key, "range", f"must lie between {FIRST_DAY} and {LAST_DAY}")
            return None
        return value

    def moment(self, key: str, *, required: bool) -> datetime | None:
        """RFC 3339 with an offset, up to the year 2099."""
        try:
            value = self._parsed(key, parse_rfc3339, "must be an RFC 3339 time with an offset", required=required)
            if value is None or 1970 <= value.year <= _LATEST_YEAR:
                return value
        except BeyondYears:
            pass
        self.refuse(key, "range", f"must lie between 1970 and {_LATEST_YEAR}")
        return None

    def _parsed(self, key: str, parse: Callable[[str], T], detail: str, *, required: bool) -> T | None:
        value = self.string(key, required=required)
        if value is None:
            return None
        try:
            return parse(value)
        except BeyondYears:
            raise
        except ValueError:
            self.refuse(key, "format", detail)
            return None

    def integer(self, key: str, low: int, high: int, *, required: bool) -> int | None:
        """A whole number from `low` to `high`."""
        value = self.get(key)
        if value is None:
            if required:
                self.refuse(key, "required", "is required")
        elif not isinstance(value, int) or isinstance(value, bool):
            self.refuse(key, "type", "must be a whole number")
        elif not low <= value <= high:
            self.refuse(key, "range", f"must lie between {low} and {high}")
        else:
            return value
        return None

    def boolean(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.refuse(key, "type", "must be true or false")
        return default


def is_blank(text: str) -> bool:
    """Whether nothing of a text would be seen."""
    return all(char.isspace() or unicodedata.category(char) == "Cf" or _UNSEEN.match(char) for char in text)


def normalise_code(text: str) -> str:
    """An institution code as it is stored and looked up: NFKC, trimmed (rule 143)."""
    return unicodedata.normalize("NFKC", text).strip()
