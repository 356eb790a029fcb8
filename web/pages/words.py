"""Filters of the templates: codes as words, moments and days as they are written in Japan."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from markupsafe import Markup, escape

from core.era import date_text, era_year, fiscal_year_text
from core.jst import rfc3339, to_tokyo
from core.kinds import InstitutionType, Kind, Scheme
from core.statuses import Status
from web.pages import vocabulary
from web.pages.own_words import in_japanese
from web.pages.vocabulary import Look

_WEEKDAYS = "月火水木金土日"
_PIECE = re.compile(
    r"(?P<whole>https?://[!-~]+|[\w.+-]+@[\w.-]+\w)"  # may be longer than a line
    r"|G-MIS|\d{2,5}-\d{1,4}-\d{3,4}",
    re.ASCII,
)
_SPAN = Markup('<span class="{}">{}</span>')
_JOB_KINDS = {"account-issue": "アカウント発行"}


def as_moment(value: datetime | str) -> datetime:
    """A moment of Asia/Tokyo from what a read model or its view holds."""
    return to_tokyo(datetime.fromisoformat(value) if isinstance(value, str) else value)


def when(value: datetime | str | None) -> str:
    """令和8年12月28日（月）9:05, a dash for nothing."""
    if value is None:
        return "－"
    moment = as_moment(value)
    return f"{date_text(moment.date())}{moment.hour}:{moment.minute:02}"


def short_when(value: datetime | str | None) -> str:
    """12月28日（月）9:05, for lists whose year is plain."""
    if value is None:
        return "－"
    moment = as_moment(value)
    return f"{short_day(moment.date())}{moment.hour}:{moment.minute:02}"


def short_day(day: date) -> str:
    """12月28日（月）."""
    return f"{day.month}月{day.day}日（{_WEEKDAYS[day.weekday()]}）"


def day(value: date | str | None) -> str:
    """令和8年12月28日（月）, a dash for nothing."""
    if value is None:
        return "－"
    return date_text(date.fromisoformat(value) if isinstance(value, str) else value)


def edition(version: str) -> str:
    """令和8年1月6日時点, as dated texts say it (rule 174); a version that is no day stands as it is."""
    try:
        on = date.fromisoformat(version)
    except ValueError:
        return version
    return f"{era_year(on)}{on.month}月{on.day}日時点"


def machine_time(value: datetime | str) -> str:
    """For the `datetime` attribute."""
    return str(rfc3339(as_moment(value)))


def look(status: str) -> Look:
    """Mark and tone of a status."""
    return vocabulary.LOOKS[Status(status)]


def kind_label(kind: str) -> str:
    """The mail's name; a job may be an account-issue."""
    return _JOB_KINDS.get(kind) or Kind(kind).label


def count(number: int) -> str:
    """1,234."""
    return f"{number:,}"


def percent(share: float | None) -> str:
    """1.2%, a dash where there is nothing to divide."""
    return "－" if share is None else f"{share * 100:.1f}%"


def together(text: str) -> Markup:
    """Text whose names and numbers stay on one line: a hyphen is a place to break, but not in G-MIS, in a telephone
    number, or in a URL or an address that has room on the next line."""
    told, end = Markup(), 0
    for piece in _PIECE.finditer(text):
        told += escape(text[end : piece.start()]) + _SPAN.format(piece.lastgroup or "together", piece[0])
        end = piece.end()
    return told + escape(text[end:])


def told(value: Any, name: str) -> str:
    """A value of the audit trail by the name of the detail, as a word where it is a code of ours."""
    if value is None:
        return "－"
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    text = str(value)
    return when(text) if name in ("since", "until") else vocabulary.VALUES.get(name, {}).get(text, text)


def _from(words: Mapping[str, str]) -> Callable[[str | None], str]:
    return lambda code: "－" if code is None else words.get(code, code)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "when": when,
    "short_when": short_when,
    "day": day,
    "edition": edition,
    "short_day": short_day,
    "machine_time": machine_time,
    "look": look,
    "kind": kind_label,
    "count": count,
    "percent": percent,
    "institution_type": lambda code: InstitutionType(code).label,
    "scheme": lambda code: Scheme(code).label,
    "fiscal_year": fiscal_year_text,
    "event": _from(vocabulary.EVENTS),
    "reason": _from(vocabulary.REASONS),
    "rule": _from(vocabulary.RULES),
    "note": _from(vocabulary.NOTES),
    "route": _from(vocabulary.ROUTES),
    "account": _from(vocabulary.ACCOUNTS),
    "report_status": _from(vocabulary.REPORT_STATUSES),
    "channel": _from(vocabulary.CHANNELS),
    "scope": _from(vocabulary.SCOPES),
    "matched": _from(vocabulary.MATCHED),
    "report_type": _from(vocabulary.REPORT_TYPES),
    "unmatched": _from(vocabulary.UNMATCHED),
    "detail": _from(vocabulary.DETAILS),
    "told": told,
    "in_japanese": in_japanese,
    "together": together,
    "action": _from(vocabulary.ACTIONS),
    "subject": _from(vocabulary.SUBJECTS),
}
