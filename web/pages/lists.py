"""What all lists of the pages have in common: fifty rows, and where the next page begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from starlette.requests import Request

from core.jst import midnight
from store.reading import AnyRow, Page
from web.pages.notices import notice
from web.queries import Query, cursor_text

PAGE_SIZE = 50


def listed(request: Request, found: Page, items: Sequence[Any], asked: Mapping[str, str | None]) -> dict[str, Any]:
    """The values of a list's page. `asked` are the filters, kept from page to page."""
    return {"items": items, "next": cursor_text(found.next), "asked": asked, "notice": notice(request)}


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in Tokyo that a list is narrowed to, the last one included; either end may be open."""

    first: date | None
    last: date | None

    @property
    def since(self) -> datetime | None:
        """When it begins."""
        return None if self.first is None else midnight(self.first)

    @property
    def until(self) -> datetime | None:
        """The moment with which it is over."""
        return None if self.last is None else midnight(self.last + timedelta(days=1))

    def told(self) -> dict[str, str | None]:
        """As it is asked for."""
        return {
            "since": None if self.first is None else self.first.isoformat(),
            "until": None if self.last is None else self.last.isoformat(),
        }


def period(query: Query) -> Period:
    """The days that somebody asked for."""
    return Period(query.day("since"), query.day("until"))


def name_of(row: AnyRow) -> str:
    """The institution's name; a code has none."""
    name: str | None = row.institution_name
    return name or "（申請の前）"
