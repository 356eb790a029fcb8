"""Query parameters: each known by name, given once, and of the right form, or the request is refused with 422."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from starlette.requests import Request

from core.jst import BeyondYears, parse_rfc3339, to_tokyo
from core.problems import field_problem
from scheduler.addresses import AddressRefused, address_key
from scheduler.fields import TURNING, Reader
from store.reading import Place
from store.search import in_one_piece
from web.problems import Refusal

E = TypeVar("E", bound=StrEnum)

MAX_LIMIT = 250
MOST_BUSINESS_DAYS = 100_000
DEFAULT_LIMIT = 50
FIRST_YEAR, LAST_YEAR = 1949, 2099
"""The years that the business calendar knows."""

_DIGITS = re.compile(r"[0-9]{1,9}")
_ENDS = "\t\r\n"
_TURNING = dict.fromkeys(map(ord, TURNING))
_OFFSET = re.compile(r" (?=\d\d:\d\d\Z)")

UUID = re.compile(r"[0-9a-f-]{36}")
ROW_NUMBER = re.compile(r"[0-9]{1,18}")
CODE_AND_SCHEME = re.compile(r"[0-9A-Za-z-]{1,20}:[a-z-]{1,24}")
"""How rows of lists are named: in cursors nothing else is taken."""


class Query:
    """The parameters of one request. What is wrong is collected; `done` refuses it all together.

    An empty parameter counts as absent, and so do tabs and line ends around one, and marks that turn the direction of
    writing, which come along where it is copied from a spreadsheet or a dialog; a tab within is a space. A plus sign
    that a client did not encode, and that arrives as a space, is understood where no space can stand.
    """

    def __init__(self, request: Request) -> None:
        given = request.query_params.multi_items()
        self._raw = {name: _as_typed(value) or None for name, value in given}
        self._reader = Reader(self._raw)
        for name, count in Counter(name for name, _ in given).items():
            if count > 1:
                self._reader.refuse(name if name.isidentifier() else "?", "repeated", "is given more than once")

    def done(self) -> None:
        """Refuse the request if anything is wrong, parameters that nobody asked for included."""
        self._reader.unknown()
        if self._reader.errors:
            raise Refusal(field_problem(self._reader.errors))

    def refuse(self, name: str, code: str, detail: str) -> None:
        """Note what is wrong with a parameter."""
        self._reader.refuse(name, code, detail)

    def ignored(self, name: str) -> None:
        """A parameter that may be given but has no meaning here."""
        self._reader.get(name)

    def text(self, name: str) -> str | None:
        """Text of one line."""
        return self._reader.line(name, required=False)

    def institution_code(self, name: str) -> str | None:
        """An institution code, normalised."""
        return self._reader.institution_code(name) if self._given(name) else None

    def typed_code(self, name: str) -> str | None:
        """As `institution_code`, as people type it: with spaces in it, and whatever looks like a hyphen."""
        if self._given(name):
            self._raw[name] = in_one_piece(self._raw[name] or "")
        return self.institution_code(name)

    def identifier(self, name: str) -> str | None:
        """1-200 printable ASCII characters."""
        return self._reader.identifier(name) if self._given(name) else None

    def choice(self, name: str, choices: type[E], *, required: bool = False) -> E | None:
        """A member of a closed vocabulary."""
        return self._reader.choice(name, choices, required=required)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str | None:
        """One of these words."""
        return self._reader.one_of(name, choices, required=False)

    def truth(self, name: str) -> bool | None:
        """true or false."""
        value = self.one_of(name, ("true", "false"))
        return None if value is None else value == "true"

    def email_key(self, name: str) -> str | None:
        """An address as it is looked up, whatever its width and case."""
        if not self._given(name):
            return None
        value = (self._raw[name] or "").strip().replace(" ", "+")
        try:
            return address_key(value)
        except AddressRefused as refused:
            self.refuse(name, refused.code, str(refused))
            return None

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        """RFC 3339 with an offset, in the years that the calendar knows."""
        value = self._reader.string(name, required=required)
        if value is None:
            return None
        try:
            moment = parse_rfc3339(_OFFSET.sub("+", value))
            year = to_tokyo(moment).year
        except (BeyondYears, OverflowError):
            year = 0
        except ValueError:
            self.refuse(name, "format", "must be an RFC 3339 time with an offset")
            return None
        return moment if self._known_year(name, year) else None

    def day(self, name: str) -> date | None:
        """A date as YYYY-MM-DD, in the years that the calendar knows."""
        value = self._reader.day(name, required=False)
        return value if value is not None and self._known_year(name, value.year) else None

    def _known_year(self, name: str, year: int) -> bool:
        known = FIRST_YEAR <= year <= LAST_YEAR
        if not known:
            self.refuse(name, "range", f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
        return known

    def number(self, name: str, low: int, high: int) -> int | None:
        """A whole number within bounds."""
        value = self._reader.string(name, required=False)
        if value is None:
            return None
        number = int(value) if _DIGITS.fullmatch(value) else low - 1
        if not low <= number <= high:
            self.refuse(name, "range", f"must be a whole number from {low} to {high}")
            return None
        return number

    def limit(self) -> int:
        """How many items a page has."""
        return self.number("limit", 1, MAX_LIMIT) or DEFAULT_LIMIT

    def cursor(self, form: re.Pattern[str] = UUID) -> Place | None:
        """Where the page before ended; `form` is how the rows of this list are named."""
        value = self._reader.string("cursor", required=False)
        if value is None:
            return None
        place = _read_cursor(value, form)
        if place is None:
            self.refuse("cursor", "format", "is not the `next` of an answer of this call")
        return place

    def _given(self, name: str) -> bool:
        return self._reader.get(name) is not None


def _as_typed(value: str) -> str:
    return value.translate(_TURNING).strip(_ENDS).replace("\t", " ")


def without_query(request: Request) -> None:
    """Refuse whatever parameter a call is given that takes none: it would not be heeded."""
    Query(request).done()


def cursor_text(place: Place | None) -> str | None:
    """A place as the opaque text that clients hand back."""
    if place is None:
        return None
    packed = json.dumps([place.at.isoformat(), place.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def _read_cursor(text: str, form: re.Pattern[str]) -> Place | None:
    try:
        packed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        at, identifier = json.loads(packed)
        return Place(parse_rfc3339(at), identifier) if form.fullmatch(identifier) else None
    except (ValueError, TypeError, RecursionError):
        return None
