"""Everything that the page of a message shows, gathered under one pair of eyes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import Kind
from core.statuses import Status
from store.address_changes import institution_of
from store.follow_ups import follow_ups_of
from store.people import Principal
from store.reading import AnyRow, MessageRecord, message_record
from store.reading_views import is_settled, record_view, shown_text
from store.resends import Resent, newest_other, stopping
from web.auth import sees_whole, sight_of
from web.pages.follow_up_view import CHOICES, done_about
from web.pages.mails import PreCheck, because_of_the_season, mail_view, pre_check_of
from web.pages.timeline import entries
from web.problems import not_found
from web.services import Services


async def record_of(services: Services, who: Principal, message_id: str) -> MessageRecord:
    """A message with its story. Refused as not found where these eyes may see none."""
    async with services.db.read() as conn:
        record = await message_record(conn, message_id, sight_of(who))
    if record is None:
        raise not_found()
    return record


async def message_values(services: Services, who: Principal, message_id: str) -> dict[str, Any]:
    """The values of the page, its address masked. Refused as not found where these eyes may see no such message."""
    record = await record_of(services, who, message_id)
    row, now = record.message, services.clock.now()
    around = await _around(services, who, record)
    view = record_view(record, now)
    mail = mail_view(row, now, services.timing, around.prefecture, around.pre_check)
    if mail["waiting"]:
        season = because_of_the_season(row, record.events, services.explainer, around.prefecture)
        mail["because"] = season or mail["because"]
    return {
        "mail": mail,
        "delivery": view["delivery"] | {"diagnostic": shown_text(row.diagnostic, whole=False)},
        "reports": [report | {"diagnostic": _masked(report)} for report in view["delivery"]["reports"]],
        "institution_name": around.institution_name,
        "seen": max((event.id for event in record.events), default=0),
        "timeline": entries(record.events, row.kind, minor=True),
        "instead": await services.advisor.resend_refusal(Kind(row.kind), row.institution_code, row.id),
        "copy": _copy_view(around.copy, now),
        "stopped_by": around.stopped_by,
        "follow_ups": around.follow_ups,
        **CHOICES,
        "sees_whole": sees_whole(who),
        "address": None,
        "wrong": {},
        "typed": {},
        "notice": None,
    }


def _masked(report: Mapping[str, Any]) -> str | None:
    return shown_text(report["diagnostic"], whole=False)


@dataclass(frozen=True, slots=True)
class _Around:
    """What lies around a message: its institution, the pre-check it waits for, the copy that was made of it, what
    stops another one, and what was done about it where it came back."""

    prefecture: str | None = None
    institution_name: str | None = None
    pre_check: PreCheck | None = None
    copy: Resent | None = None
    stopped_by: AnyRow | None = None
    follow_ups: Mapping[str, Any] | None = None


async def _around(services: Services, who: Principal, record: MessageRecord) -> _Around:
    row, sight = record.message, sight_of(who)
    if row.institution_code is None:
        return _Around()
    async with services.db.read() as conn:
        institution = await institution_of(conn, row.institution_code, sight)
        waited = None if row.waits_for is None else await message_record(conn, row.waits_for, sight)
        return _Around(
            None if institution is None else institution.prefecture,
            None if institution is None else institution.name,
            None if waited is None else pre_check_of(waited),
            await newest_other(conn, row),
            await stopping(conn, row),
            await _follow_ups(conn, row),
        )


async def _follow_ups(conn: AsyncConnection, row: AnyRow) -> Mapping[str, Any] | None:
    if row.status != Status.UNDELIVERED:
        return None
    return {"id": row.id, **done_about((await follow_ups_of(conn, [row.id])).get(row.id, ()))}


def _copy_view(found: Resent | None, now: datetime) -> dict[str, Any] | None:
    """The mail that was sent again, when and by whom; `under_way` while another has to wait for it."""
    if found is None:
        return None
    row, status = found.copy, Status(found.copy.status)
    label = status.label(settled=is_settled(row, now))
    return {"id": row.id, "label": label, "at": row.created_at, "by": found.by, "under_way": not status.final}
