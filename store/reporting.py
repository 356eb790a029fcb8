"""Reporting statuses, and the reminders planned for those who have not reported (contract section 5).

A newer word (`as_of`) overwrites an older one, never the other way round. Whoever has written a status holds its row
until the end of the transaction: what follows from it is decided by one process at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, bindparam, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import InstitutionType, Kind, Scheme
from core.mail import Institution
from core.statuses import Status
from store.bulk import among, insert_from, insert_rows, is_sqlite, parameter
from store.candidates import COUNTING
from store.moves import ONCE_IN_DOUBT
from store.tables import events, institutions, messages, reporting

AnyRow = Row[*tuple[Any, ...]]

Key = tuple[int, str, str]
"""Fiscal year, institution code, scheme."""

NO_RECIPIENT: Mapping[str, Any] = {}
"""The recipient of a word that takes the recipient away; None is that of a word which does not mention one."""

UNSENT = (Status.SCHEDULED, Status.DEFERRED)

_KEY = (reporting.c.fiscal_year, reporting.c.institution_code, reporting.c.scheme)
_year = messages.c.data["fiscal_year"].as_integer()
_scheme = messages.c.data["scheme"].as_string()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an institution stands. `recipient` has an `email` and what recipients have besides."""

    fiscal_year: int
    institution_code: str
    scheme: Scheme
    prefecture: str
    status: str
    channel: str
    recipient: Mapping[str, Any] | None

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.fiscal_year, self.institution_code, self.scheme.value


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """A reminder on record that counts as a step."""

    id: str
    step: str
    direct: bool  # published as a job: its text and its day are the publisher's
    status: Status
    reason: str | None
    prefecture: str
    email: str
    recipient: Mapping[str, Any]
    data: Mapping[str, Any]
    due_at: datetime | None
    expires_at: datetime | None

    @property
    def unsent(self) -> bool:
        """Whether it is still to leave."""
        return self.status in UNSENT

    @property
    def counts(self) -> bool:
        """Whether it has left as its step, or is to."""
        return self.status in COUNTING


async def institutions_on_record(conn: AsyncConnection, codes: Iterable[str]) -> dict[str, Institution]:
    """What is known of these institutions."""
    rows = await conn.execute(select(institutions).where(among(conn, institutions.c.code, codes)))
    return {row.code: Institution(row.code, row.name, InstitutionType(row.type), row.prefecture) for row in rows}


async def add_institutions(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Enter institutions; one that somebody else has entered meanwhile stays as it is."""
    if rows:
        statement = insert_from(institutions, tuple(rows[0]), on_sqlite=is_sqlite(conn)).on_conflict_do_nothing()
        await conn.execute(statement, {"rows": parameter(conn, rows)})


async def change_institutions(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Overwrite what is known of institutions."""
    if rows:
        statement = update(institutions).where(institutions.c.code == bindparam("of_code"))
        await conn.execute(statement, [{"of_code": row["code"], **row} for row in rows])


async def record(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[Key, AnyRow]:
    """Write statuses, of each key one, and give those that are on record now; a staler word than the last is not.

    Rows are locked in the order of their keys, so that uploads wait for each other and never in a circle.
    """
    guarded = _guarded(insert_from(reporting, tuple(rows[0]), on_sqlite=is_sqlite(conn)))
    ordered = sorted(rows, key=lambda row: (row["fiscal_year"], row["institution_code"], row["scheme"]))
    written = await conn.execute(guarded, {"rows": parameter(conn, ordered)})
    return {(row.fiscal_year, row.institution_code, row.scheme): row for row in written}


async def on_record(conn: AsyncConnection, keys: Collection[Key]) -> dict[Key, AnyRow]:
    """The statuses and `as_of` of these keys as they stand."""
    query = select(*_KEY, reporting.c.status, reporting.c.as_of).where(
        among(conn, reporting.c.institution_code, {code for _, code, _ in keys}),
        reporting.c.fiscal_year.in_(sorted({year for year, _, _ in keys})),
    )
    return {(row.fiscal_year, row.institution_code, row.scheme): row for row in await conn.execute(query)}


@lru_cache(4)
def _guarded(statement: Any) -> Any:
    """The insertion that overwrites what is not newer."""
    new = statement.excluded
    values = {column.name: new[column.name] for column in reporting.c if not column.primary_key}
    values["recipient"] = func.coalesce(new.recipient, reporting.c.recipient)
    written = statement.on_conflict_do_update(
        index_elements=list(_KEY), set_=values, where=reporting.c.as_of <= new.as_of
    )
    return written.returning(*_KEY, reporting.c.status, reporting.c.channel, reporting.c.recipient)


async def standings(conn: AsyncConnection, first_year: int, after: Key | None, limit: int) -> list[Standing]:
    """The next statuses on record in the order of their keys, locked, from this fiscal year on."""
    query = (
        select(*_KEY, reporting.c.status, reporting.c.channel, reporting.c.recipient, institutions.c.prefecture)
        .join(institutions, institutions.c.code == reporting.c.institution_code)
        .where(reporting.c.fiscal_year >= first_year)
        .order_by(*_KEY)
        .limit(limit)
        .with_for_update(of=reporting)
    )
    if after is not None:
        query = query.where(tuple_(*_KEY) > after)
    return [standing(row, row.prefecture) for row in await conn.execute(query)]


def standing(row: AnyRow, prefecture: str) -> Standing:
    """A status as written."""
    return Standing(
        row.fiscal_year,
        row.institution_code,
        Scheme(row.scheme),
        prefecture,
        row.status,
        row.channel,
        row.recipient or None,
    )


async def reminders(conn: AsyncConnection, keys: Collection[Key]) -> dict[Key, list[ReminderRow]]:
    """The reminders that count as steps of these seasons."""
    query = select(
        messages.c.id,
        messages.c.institution_code,
        messages.c.step_key,
        messages.c.job_id,
        messages.c.status,
        messages.c.reason,
        messages.c.prefecture,
        messages.c.email,
        messages.c.recipient,
        messages.c.data,
        messages.c.due_at,
        messages.c.expires_at,
    ).where(
        among(conn, messages.c.institution_code, {code for _, code, _ in keys}),
        # Expressions, so that no planner goes by the index on one of them and through the reminders of everybody.
        messages.c.kind.concat("") == Kind.REMINDER,
        func.coalesce(messages.c.step_key, "") != "",
        _year.in_(sorted({year for year, _, _ in keys})),
    )
    found: dict[Key, list[ReminderRow]] = {}
    for row in await conn.execute(query):
        key = (row.data["fiscal_year"], row.institution_code, row.data["scheme"])
        found.setdefault(key, []).append(_reminder_row(row))
    return found


def _reminder_row(row: AnyRow) -> ReminderRow:
    return ReminderRow(
        id=row.id,
        step=row.step_key.rpartition(":")[2],
        direct=row.job_id is not None,
        status=Status(row.status),
        reason=row.reason,
        prefecture=row.prefecture,
        email=row.email,
        recipient=row.recipient,
        data=row.data,
        due_at=row.due_at,
        expires_at=row.expires_at,
    )


async def plan(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]], story: Sequence[Mapping[str, Any]]) -> None:
    """Enter reminders. Raises IntegrityError where one for the same step was published in between."""
    if rows:
        await insert_rows(conn, messages, rows)
        await insert_rows(conn, events, story)


async def release_steps(conn: AsyncConnection, ids: Collection[str]) -> set[str]:
    """Let reminders that never left no longer count as their step; which ones. One once in doubt may have arrived."""
    if not ids:
        return set()
    statement = update(messages).where(messages.c.id.in_(sorted(ids)), ~ONCE_IN_DOUBT).values(step_key=None)
    return set((await conn.execute(statement.returning(messages.c.id))).scalars())


@dataclass(frozen=True, slots=True)
class DirectGroup:
    """Directly published reminders that are still to leave and expire together."""

    scheme: Scheme
    fiscal_year: int
    prefecture: str
    expires_at: datetime | None


async def direct_groups(conn: AsyncConnection) -> list[DirectGroup]:
    """Every group there is."""
    columns = (_scheme.label("scheme"), _year.label("fiscal_year"), messages.c.prefecture, messages.c.expires_at)
    rows = await conn.execute(select(*columns).where(*_unsent_direct()).distinct())
    return [DirectGroup(Scheme(row.scheme), row.fiscal_year, row.prefecture, row.expires_at) for row in rows]


async def set_expiry(conn: AsyncConnection, group: DirectGroup, expires_at: datetime) -> int:
    """Let a group expire at another moment; how many reminders it was."""
    statement = (
        update(messages)
        .where(
            *_unsent_direct(),
            _scheme == group.scheme.value,
            _year == group.fiscal_year,
            messages.c.prefecture == group.prefecture,
            messages.c.expires_at.is_not_distinct_from(group.expires_at),
        )
        .values(expires_at=expires_at)
    )
    return (await conn.execute(statement)).rowcount


def _unsent_direct() -> tuple[Any, ...]:
    return messages.c.kind == Kind.REMINDER, messages.c.job_id.is_not(None), messages.c.status.in_(UNSENT)
