"""What all lists of the pages have in common: fifty rows, and where the next page begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from store.reading import AnyRow, Page
from web.pages.notices import notice
from web.queries import cursor_text

PAGE_SIZE = 50


def listed(request: Request, found: Page, items: Sequence[Any], asked: Mapping[str, str | None]) -> dict[str, Any]:
    """The values of a list's page. `asked` are the filters, kept from page to page."""
    return {"items": items, "next": cursor_text(found.next), "asked": asked, "notice": notice(request)}


def name_of(row: AnyRow) -> str:
    """The institution's name; a code has none."""
    name: str | None = row.institution_name
    return name or "（申請の前）"
