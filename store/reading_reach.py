"""Who has not reported and is reached by no mail: paper, no address, 不達, complaint. For telephone and letter."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, String, case, func, literal, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind, Scheme
from core.statuses import Status
from store.reading import Page, Place, Sight, in_prefecture, page
from store.tables import institutions, messages, reporting, suppressions


class Why(StrEnum):
    """Why no mail reaches an institution."""

    PAPER = "paper"
    NO_ADDRESS = "no-address"
    UNDELIVERED = "undelivered"  # its address is known as 不達, or its last reminder came back
    COMPLAINT = "complaint"

    @property
    def label(self) -> str:
        """As a person reads it."""
        return _LABELS[self]


_LABELS = {
    Why.PAPER: "紙で報告する機関",
    Why.NO_ADDRESS: "メールアドレスの登録がない",
    Why.UNDELIVERED: "メールが届かない（不達）",
    Why.COMPLAINT: "迷惑メールとして届け出があった",
}


@dataclass(frozen=True, slots=True)
class ReachFilter:
    """Whose list it is. `scheme` None: of all schemes."""

    fiscal_year: int
    scheme: Scheme | None = None
    prefecture: str | None = None


_address: ColumnElement[str] = reporting.c.recipient["email"].as_string()
_identifier = reporting.c.institution_code.concat(literal(":")).concat(reporting.c.scheme).label("identifier")


def _entry(column: ColumnElement[Any]) -> Any:
    """Of the suppression in force for an institution's address; a hard failure's before a complaint's."""
    return (
        select(column)
        .where(
            suppressions.c.institution_code == reporting.c.institution_code,
            suppressions.c.email_key == func.lower(_address),
            suppressions.c.released_at.is_(None),
        )
        .order_by(suppressions.c.scope)
        .limit(1)
        .correlate(reporting)
        .scalar_subquery()
    )


def _last_reminder(column: ColumnElement[Any]) -> Any:
    """Of the last reminder that has left, or came to an end, for an institution."""
    return (
        select(column)
        .where(
            messages.c.institution_code == reporting.c.institution_code,
            messages.c.kind.concat("") == Kind.REMINDER,  # by the institution, never by the index on `kind`
            messages.c.status.in_([Status.SENT, Status.UNDELIVERED]),
            messages.c.data["scheme"].as_string() == reporting.c.scheme,
            messages.c.data["fiscal_year"].as_integer() == reporting.c.fiscal_year,
            messages.c.email_key == func.lower(_address),
        )
        .order_by(messages.c.due_at.desc(), messages.c.id.desc())
        .limit(1)
        .correlate(reporting)
        .scalar_subquery()
    )


async def reach_page(conn: AsyncConnection, wanted: ReachFilter, sight: Sight, after: Place | None, limit: int) -> Page:
    """Institutions to be reached otherwise, those last heard of first. `why` is a `Why`, `reason` a failure's."""
    scope, came_back = _entry(suppressions.c.scope), _last_reminder(messages.c.status) == Status.UNDELIVERED
    why = case(
        (reporting.c.channel == "paper", literal(Why.PAPER.value, String())),
        (_address.is_(None), literal(Why.NO_ADDRESS.value, String())),
        (scope == "all", literal(Why.UNDELIVERED.value, String())),
        (scope == "reminder", literal(Why.COMPLAINT.value, String())),
        (came_back, literal(Why.UNDELIVERED.value, String())),
    )
    reason = case(
        (or_(reporting.c.channel == "paper", _address.is_(None)), None),
        else_=func.coalesce(_entry(suppressions.c.reason), _last_reminder(messages.c.reason)),
    )
    query = (
        select(
            reporting.c.fiscal_year,
            reporting.c.institution_code,
            reporting.c.scheme,
            reporting.c.status,
            reporting.c.updated_at,
            _identifier,
            _address.label("email"),
            institutions.c.name.label("institution_name"),
            institutions.c.prefecture,
            why.label("why"),
            reason.label("reason"),
        )
        .join(institutions, institutions.c.code == reporting.c.institution_code)
        .where(*_narrowed(wanted, sight), why.is_not(None))
    )
    return await page(conn, query, (reporting.c.updated_at, _identifier), after, limit)


def _narrowed(wanted: ReachFilter, sight: Sight) -> list[ColumnElement[bool]]:
    open_still = reporting.c.status != literal_column("'reported'")  # written out, as the index has it
    conditions: list[ColumnElement[bool]] = [reporting.c.fiscal_year == wanted.fiscal_year, open_still]
    if wanted.scheme is not None:
        conditions.append(reporting.c.scheme == wanted.scheme)
    places = [place for place in (wanted.prefecture, sight.prefecture) if place is not None]
    return conditions + [in_prefecture(reporting.c.institution_code, place) for place in places]
