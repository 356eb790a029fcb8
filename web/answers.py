"""Answers in the shapes of the contract, and the line in the audit trail that whole addresses leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse

from core.problems import MEDIA_TYPE
from scheduler.intake import Answer
from store.people import AuditEntry, Principal, write_audit
from store.reading import Place
from web.permissions import ADDRESSES_AUDITED
from web.queries import cursor_text
from web.services import Services

_MULTI_STATUS = 207


def single(answer: Answer) -> JSONResponse:
    """What one item is answered."""
    media_type = None if answer.accepted else MEDIA_TYPE
    return JSONResponse(answer.body, answer.status, media_type=media_type)


def results(answers: Sequence[Answer]) -> JSONResponse:
    """What many items are answered, in order."""
    told = [{**answer.body, "http_status": answer.status} for answer in answers]
    return JSONResponse({"results": told}, _MULTI_STATUS)


def listed(items: Sequence[Mapping[str, Any]], after: Place | None) -> JSONResponse:
    """One page of a list."""
    return JSONResponse({"items": items, "next": cursor_text(after)})


async def note_shown(
    services: Services, who: Principal, action: str, subject: str, detail: Mapping[str, Any], count: int
) -> None:
    """Record that `count` whole addresses are about to be shown; nothing where they need no record, or there are none.

    `detail` names what was asked for, without addresses.
    """
    if count == 0 or who.role not in ADDRESSES_AUDITED:
        return
    entry = AuditEntry(action, subject, {**detail, "addresses": count})
    async with services.db.write() as conn:
        await write_audit(conn, who, entry, services.clock.now())
