"""Asia/Tokyo: the zone of every business decision, and RFC 3339 in and out."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

TOKYO = timezone(timedelta(hours=9), "JST")
"""Japan has had no summer time since 1951: a fixed offset says all that the zone file says."""

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class BeyondYears(ValueError):
    """A moment that lies, seen from UTC, outside the years 1 to 9999."""


def to_tokyo(moment: datetime) -> datetime:
    """The same instant in Asia/Tokyo. Raises ValueError for a moment without offset."""
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset has no place in Asia/Tokyo")
    return moment.astimezone(TOKYO)


def tokyo_date(moment: datetime) -> date:
    """The date on the wall calendar in Tokyo."""
    return to_tokyo(moment).date()


def midnight(day: date) -> datetime:
    """The beginning of a day in Tokyo."""
    return datetime.combine(day, time(), TOKYO)


def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 with +09:00, seconds precision; None stays None."""
    return None if moment is None else to_tokyo(moment).isoformat(timespec="seconds")


def parse_rfc3339(text: str) -> datetime:
    """An aware instant (UTC) from RFC 3339 section 5.6, offset required. Raises ValueError otherwise.

    Where the form is right and the years are not, it is BeyondYears.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time with an offset")
    day, clock, fraction, offset = match.groups()
    offset = "+00:00" if offset in "Zz" else offset
    try:
        return datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{offset}").astimezone(UTC)
    except OverflowError as error:
        raise BeyondYears("out of range") from error


def parse_date(text: str) -> date:
    """A date from RFC 3339 `full-date`. Raises ValueError otherwise."""
    if _DATE.fullmatch(text) is None:
        raise ValueError("not a date as YYYY-MM-DD")
    return date.fromisoformat(text)
