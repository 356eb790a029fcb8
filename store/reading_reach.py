"""Who has not reported and is reached by no mail: paper, no address, 不達, complaint, stopped by staff.

For telephone and letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, func, literal, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind, Scheme
from core.statuses import Status
from store.reading import Page, Place, Sight, in_prefecture, page
from store.suppressions import ADDED, BY_HAND
from store.tables import audit, institutions, messages, reporting, suppressions


class Why(StrEnum):
    """Why no mail reaches an institution."""

    PAPER = "paper"
    NO_ADDRESS = "no-address"
    UNDELIVERED = "undelivered"  # its address is known as 不達, or its last reminder came back
    COMPLAINT = "complaint"
    BY_HAND = "by-hand"  # somebody of the staff stopped its mails, or its reminders

    @property
    def label(self) -> str:
        """As a person reads it."""
        return _LABELS[self]


_LABELS = {
    Why.PAPER: "紙で報告する機関",
    Why.NO_ADDRESS: "メールアドレスの登録がない",
    Why.UNDELIVERED: "メールが届かない（不達）",
    Why.COMPLAINT: "迷惑メールとして届け出があった",
    Why.BY_HAND: "担当者が送信を停止",
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
    """Of the suppression in force for an institution's address; one of all mails before one of reminders."""
    return _of_the_first(select(column))


def _of_the_first(query: Select[Any]) -> Any:
    return (
        query.where(
            suppressions.c.institution_code == reporting.c.institution_code,
            suppressions.c.email_key == func.lower(_address),
            suppressions.c.released_at.is_(None),
        )
        .order_by(suppressions.c.scope)
        .limit(1)
        .correlate(reporting)
        .scalar_subquery()
    )


_why_stopped = case(
    (suppressions.c.reason == BY_HAND, literal(Why.BY_HAND.value, String())),
    (suppressions.c.scope == "all", literal(Why.UNDELIVERED.value, String())),
    else_=literal(Why.COMPLAINT.value, String()),
)


def _stated_why() -> Any:
    """What the person who stopped mails to an institution's address said of it; the audit trail keeps that."""
    said = and_(audit.c.subject == suppressions.c.id, audit.c.action == ADDED)
    return _of_the_first(select(audit.c.detail["why"].as_string()).select_from(suppressions).outerjoin(audit, said))


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
    """Institutions to be reached otherwise, those last heard of first. `why` is a `Why`, `reason` a failure's.

    `stated_why` is what somebody of the staff gave as the reason where they stopped the mails, and None elsewhere.
    """
    came_back = _last_reminder(messages.c.status) == Status.UNDELIVERED
    why = case(
        (reporting.c.channel == "paper", literal(Why.PAPER.value, String())),
        (_address.is_(None), literal(Why.NO_ADDRESS.value, String())),
        else_=func.coalesce(_entry(_why_stopped), case((came_back, literal(Why.UNDELIVERED.value, String())))),
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
            case((why == Why.BY_HAND, _stated_why())).label("stated_why"),
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
