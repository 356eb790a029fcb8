"""メールアドレスの変更依頼 on record: entered once, moved by guarded updates, read newest first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.jst import rfc3339
from core.masking import mask_email
from store.bulk import insert_into, is_sqlite
from store.reading import AnyRow, AnySelect, Page, Place, Sight, in_prefecture, page
from store.tables import address_changes, institutions, messages


class ChangeState(StrEnum):
    """How far a request has come; it goes forward one step at a time, or is rejected on the way."""

    REQUESTED = "requested"  # waits for the prefecture office
    APPROVED = "approved"  # to be changed in the account
    DONE = "done"  # changed; the login ID is told to the new address
    REJECTED = "rejected"  # not to be carried out, for a reason

    @property
    def label(self) -> str:
        """The state as a person reads it."""
        return _LABELS[self]


_LABELS: Mapping[ChangeState, str] = {
    ChangeState.REQUESTED: "依頼受付",
    ChangeState.APPROVED: "承認済",
    ChangeState.DONE: "変更完了",
    ChangeState.REJECTED: "却下",
}
OPEN_STATES = (ChangeState.REQUESTED, ChangeState.APPROVED)
"""In these somebody has something to do."""


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """What a list of requests is narrowed to."""

    state: ChangeState | None = None
    institution_code: str | None = None


async def institution_of(conn: AsyncConnection, code: str, sight: Sight) -> AnyRow | None:
    """The institution of this code; None where these eyes may see none."""
    query = select(institutions).where(institutions.c.code == code)
    if sight.prefecture is not None:
        query = query.where(institutions.c.prefecture == sight.prefecture)
    return (await conn.execute(query)).one_or_none()


async def institutions_named(conn: AsyncConnection, key: str, prefecture: str) -> Sequence[AnyRow]:
    """The institutions of a prefecture whose name has this key (`store.search.name_key`), by their codes."""
    query = select(institutions).where(institutions.c.prefecture == prefecture, institutions.c.name_key == key)
    return (await conn.execute(query.order_by(institutions.c.code))).all()


async def enter(conn: AsyncConnection, row: Mapping[str, Any]) -> AnyRow:
    """Enter a request unless one for the same institution and new address is open; the row on record then."""
    await conn.execute(
        insert_into(address_changes, on_sqlite=is_sqlite(conn)).values(dict(row)).on_conflict_do_nothing()
    )
    on_record = select(address_changes).where(
        address_changes.c.institution_code == row["institution_code"],
        address_changes.c.new_email_key == row["new_email_key"],
        address_changes.c.state.in_(OPEN_STATES),
    )
    return (await conn.execute(on_record)).one()


async def advance(
    conn: AsyncConnection, change_id: str, sources: Collection[ChangeState], values: Mapping[str, Any]
) -> bool:
    """Move a request on from one of `sources`; False where it is in another state."""
    statement = (
        update(address_changes)
        .where(address_changes.c.id == change_id, address_changes.c.state.in_(sources))
        .values(dict(values))
    )
    return (await conn.execute(statement)).rowcount == 1


async def told_again(
    conn: AsyncConnection, institution_code: str | None, message_ids: Collection[str], again: str
) -> None:
    """Have a request whose mail is one of these tell of `again`, the mail that was sent in its stead."""
    statement = update(address_changes).where(
        address_changes.c.institution_code == institution_code, address_changes.c.message_id.in_(message_ids)
    )
    await conn.execute(statement.values(message_id=again))


async def change_record(conn: AsyncConnection, change_id: str, sight: Sight) -> AnyRow | None:
    """One request with its institution and mail; None where these eyes may see none."""
    return (await conn.execute(_shown(sight).where(address_changes.c.id == change_id))).one_or_none()


async def change_page(
    conn: AsyncConnection,
    wanted: ChangeFilter,
    sight: Sight,
    after: Place | None,
    limit: int,
) -> Page:
    """Requests, newest first."""
    query = _shown(sight).where(*_narrowed(wanted))
    return await page(conn, query, (address_changes.c.requested_at, address_changes.c.id), after, limit)


def _shown(sight: Sight) -> AnySelect:
    query = (
        select(
            address_changes,
            institutions.c.name.label("registered_name"),
            institutions.c.prefecture,
            messages.c.status.label("mail_status"),
            messages.c.due_at.label("mail_due_at"),
        )
        .join(institutions, institutions.c.code == address_changes.c.institution_code)
        .outerjoin(messages, messages.c.id == address_changes.c.message_id)
    )
    if sight.prefecture is None:
        return query
    return query.where(in_prefecture(address_changes.c.institution_code, sight.prefecture))


def _narrowed(wanted: ChangeFilter) -> list[ColumnElement[bool]]:
    equal: Mapping[ColumnElement[Any], str | None] = {
        address_changes.c.state: wanted.state,
        address_changes.c.institution_code: wanted.institution_code,
    }
    return [column == value for column, value in equal.items() if value is not None]


def change_view(row: AnyRow, *, whole: bool) -> dict[str, Any]:
    """One request. `institution_name` is as it was typed, `registered_name` as registration systems have it."""
    return {
        "id": row.id,
        "state": row.state,
        "label": ChangeState(row.state).label,
        "institution_code": row.institution_code,
        "institution_name": row.institution_name,
        "registered_name": row.registered_name,
        "prefecture": row.prefecture,
        "old_email": row.old_email if whole else mask_email(row.old_email),
        "new_email": row.new_email if whole else mask_email(row.new_email),
        "due_from": row.due_from.isoformat(),
        "due_to": row.due_to.isoformat(),
        "requested_at": rfc3339(row.requested_at),
        "requested_by": row.requested_by,
        "approved_at": rfc3339(row.approved_at),
        "approved_by": row.approved_by,
        "done_at": rfc3339(row.done_at),
        "done_by": row.done_by,
        "rejected_at": rfc3339(row.rejected_at),
        "rejected_by": row.rejected_by,
        "rejected_why": row.rejected_why,
        "login_id": row.login_id,
        "message": _mail_view(row),
    }


def _mail_view(row: AnyRow) -> dict[str, Any] | None:
    if row.message_id is None:
        return None
    return {"id": row.message_id, "status": row.mail_status, "due_at": rfc3339(row.mail_due_at)}
