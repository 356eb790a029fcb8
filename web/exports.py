"""Lists as files: CSV for Excel, NDJSON for programs; streamed, within sight, and each with its line in the trail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from core.jst import rfc3339, to_tokyo, tokyo_date
from core.kinds import Kind, Scheme
from core.masking import mask_email
from core.statuses import Status
from scheduler.job_parsing import FIRST_FISCAL_YEAR, LAST_FISCAL_YEAR, PREFECTURES
from store.follow_ups import Channel, Result, closes, follow_ups_of
from store.people import AuditEntry, Principal, write_audit
from store.reading import AnyRow
from store.reading_exports import ROWS_AT_ONCE, Fetch, all_rows, messages_with_names
from store.reading_lists import audit_page, audit_view, suppression_page, suppression_view
from store.reading_queues import QueueFilter, Work, mail_queue
from store.reading_reach import ReachFilter, reach_page
from store.reading_views import message_view, shown_text
from web.auditing import audit_filter
from web.auth import MayAudit, MayLiftSuppressions, MayReadMessages, sees_whole, sight_of
from web.export_columns import (
    AUDIT_COLUMNS,
    SUPPRESSION_COLUMNS,
    message_columns,
    reach_columns,
    undelivered_columns,
)
from web.messages import message_filter, message_filter_told
from web.queries import Query
from web.services import Services, Serving
from web.suppressions import suppression_filter, suppression_filter_told
from web.tabular import Columns, Format, Item, Writer

router = APIRouter(prefix="/v1/exports", tags=["exports"])


@dataclass(frozen=True, slots=True)
class _Export:
    """What is exported: pages of rows, seen as items, under these columns. `asked` is what the trail may hold."""

    name: str
    asked: Mapping[str, Any]
    fetch: Fetch
    view: Callable[[Sequence[AnyRow]], Awaitable[Sequence[Item]]]
    columns: Columns


@router.get("/messages")
async def export_messages(request: Request, who: MayReadMessages, services: Serving) -> StreamingResponse:
    """Messages with the names of their institutions, newest first; narrowed as their list is."""
    query = Query(request)
    wanted, written = message_filter(query, services.clock.now()), _format(query)
    query.done()
    export = _Export(
        "messages",
        message_filter_told(wanted),
        lambda conn, after: messages_with_names(conn, wanted, sight_of(who), after, ROWS_AT_ONCE),
        _each(lambda row: _message_item(services, row, whole=sees_whole(who))),
        message_columns(services.prefecture_names),
    )
    return await _answer(services, who, export, written)


@router.get("/undelivered")
async def export_undelivered(request: Request, who: MayReadMessages, services: Serving) -> StreamingResponse:
    """Mails that came back (不達), with what was done about them, newest first."""
    query = Query(request)
    kind, prefecture = query.choice("kind", Kind), query.one_of("prefecture", PREFECTURES)
    code = query.institution_code("institution_code")
    work, written = query.choice("work", Work) or Work.ALL, _format(query)
    query.done()
    wanted = QueueFilter(Status.UNDELIVERED, prefecture, kind, work, code)
    asked = {"kind": kind, "prefecture": prefecture, "institution_code": code, "work": work}
    export = _Export(
        "undelivered",
        asked,
        lambda conn, after: mail_queue(conn, wanted, sight_of(who), after, ROWS_AT_ONCE),
        lambda rows: _undelivered_items(services, who, rows),
        undelivered_columns(services.prefecture_names),
    )
    return await _answer(services, who, export, written)


@router.get("/to-reach")
async def export_to_reach(request: Request, who: MayReadMessages, services: Serving) -> StreamingResponse:
    """Institutions that have not reported and that no mail reaches, with the reason: to be telephoned or written to.

    `fiscal_year` is the one whose reporting period counts now, unless another one is named. `why` is `paper`,
    `no-address`, `undelivered`, `complaint`, or `by-hand` where somebody of the staff stopped the mails; `stated_why`
    is then the reason they gave.
    """
    query = Query(request)
    scheme, prefecture = query.choice("scheme", Scheme), query.one_of("prefecture", PREFECTURES)
    year = query.number("fiscal_year", FIRST_FISCAL_YEAR, LAST_FISCAL_YEAR) or services.seasons.season_of_lists(
        tokyo_date(services.clock.now()), scheme, prefecture or sight_of(who).prefecture
    )
    written = _format(query)
    query.done()
    wanted = ReachFilter(year, scheme, prefecture)
    asked = {"fiscal_year": year, "scheme": scheme, "prefecture": prefecture}
    export = _Export(
        "to-reach",
        asked,
        lambda conn, after: reach_page(conn, wanted, sight_of(who), after, ROWS_AT_ONCE),
        _each(lambda row: _reach_item(row, whole=sees_whole(who))),
        reach_columns(services.prefecture_names),
    )
    return await _answer(services, who, export, written)


def _reach_item(row: AnyRow, *, whole: bool) -> dict[str, Any]:
    return {
        "fiscal_year": row.fiscal_year,
        "institution_code": row.institution_code,
        "institution_name": row.institution_name,
        "prefecture": row.prefecture,
        "scheme": row.scheme,
        "status": row.status,
        "why": row.why,
        "reason": row.reason,
        "stated_why": shown_text(row.stated_why, whole=whole),
        "email": row.email if whole or row.email is None else mask_email(row.email),
        "updated_at": rfc3339(row.updated_at),
    }


@router.get("/suppressions")
async def export_suppressions(request: Request, who: MayLiftSuppressions, services: Serving) -> StreamingResponse:
    """Suppressions, newest first; narrowed as their list is."""
    query = Query(request)
    wanted, written = suppression_filter(query), _format(query)
    query.done()
    export = _Export(
        "suppressions",
        suppression_filter_told(wanted),
        lambda conn, after: suppression_page(conn, wanted, sight_of(who), after, ROWS_AT_ONCE),
        _each(lambda row: suppression_view(row, whole=sees_whole(who))),
        SUPPRESSION_COLUMNS,
    )
    return await _answer(services, who, export, written)


@router.get("/audit")
async def export_audit(request: Request, who: MayAudit, services: Serving) -> StreamingResponse:
    """The audit trail, newest first; narrowed as its list is."""
    query = Query(request)
    wanted, written = audit_filter(query), _format(query)
    query.done()
    asked = {"actor": wanted.actor, "action": wanted.action, "subject": wanted.subject}
    export = _Export(
        "audit",
        asked,
        lambda conn, after: audit_page(conn, wanted, after, ROWS_AT_ONCE),
        _each(audit_view),
        AUDIT_COLUMNS,
    )
    return await _answer(services, who, export, written)


def _format(query: Query) -> Format:
    return query.choice("format", Format) or Format.CSV


def _message_item(services: Services, row: AnyRow, *, whole: bool) -> dict[str, Any]:
    return message_view(row, services.clock.now(), whole=whole) | {
        "institution_name": row.institution_name,
        "prefecture": row.institution_prefecture,
    }


async def _answer(services: Services, who: Principal, export: _Export, written: Format) -> StreamingResponse:
    """The file. Its line in the audit trail stands there before the first row leaves."""
    now = services.clock.now()
    detail = {name: value for name, value in export.asked.items() if value is not None} | {"format": written.value}
    async with services.db.write() as conn:
        await write_audit(conn, who, AuditEntry("exported", f"/v1/exports/{export.name}", detail), now)
    name = f"todoke-{export.name}-{to_tokyo(now):%Y%m%d-%H%M%S}.{written.value}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_written(services, export, written), 200, headers, written.media_type)


async def _written(services: Services, export: _Export, written: Format) -> AsyncIterator[str]:
    writer = Writer(written, export.columns)
    yield writer.head()
    async for rows in all_rows(services.db, export.fetch):
        yield writer.body(await export.view(rows))


def _each(view: Callable[[AnyRow], Item]) -> Callable[[Sequence[AnyRow]], Awaitable[Sequence[Item]]]:
    async def viewed(rows: Sequence[AnyRow]) -> Sequence[Item]:
        return [view(row) for row in rows]

    return viewed


async def _undelivered_items(services: Services, who: Principal, rows: Sequence[AnyRow]) -> Sequence[Item]:
    async with services.db.read() as conn:
        done = await follow_ups_of(conn, [row.id for row in rows])
    return [
        _message_item(services, row, whole=sees_whole(who))
        | {"status_at": rfc3339(row.status_at)}
        | _done(done.get(row.id, ()))
        for row in rows
    ]


def _done(rows: Sequence[AnyRow]) -> dict[str, Any]:
    told = (
        f"{to_tokyo(row.recorded_at):%Y-%m-%d} {Channel(row.channel).label} {Result(row.result).label} {row.note or ''}"
        for row in rows
    )
    return {"closed": closes(rows), "follow_ups": " / ".join(map(str.strip, told))}
