"""The audit trail, for those who look after it."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from core.errors import FieldError
from core.jst import TOKYO, parse_date
from core.problems import field_problem
from store.reading_lists import AuditFilter, audit_page, audit_view
from web.pages.lists import PAGE_SIZE, listed
from web.pages.rendering import page
from web.pages.rooms import ROLE_LABELS
from web.pages.visitors import MayAudit
from web.pages.vocabulary import ACTIONS
from web.problems import Refusal
from web.queries import ROW_NUMBER, Query
from web.services import Serving

router = APIRouter(include_in_schema=False)


@router.get("/audit")
async def list_audit(request: Request, who: MayAudit, services: Serving) -> HTMLResponse:
    """Who did or was shown what, newest first."""
    query = Query(request)
    asked = {name: query.text(name) for name in ("actor", "action", "subject", "since", "until")}
    after = query.cursor(ROW_NUMBER)
    query.done()
    until = _midnight(asked["until"], "until")
    wanted = AuditFilter(
        asked["actor"],
        asked["action"],
        asked["subject"],
        _midnight(asked["since"], "since"),
        None if until is None else until + timedelta(days=1),
    )
    async with services.db.read() as conn:
        found = await audit_page(conn, wanted, after, PAGE_SIZE)
    items = [audit_view(row) | {"role_label": ROLE_LABELS.get(row.role, row.role)} for row in found.rows]
    return page(request, who, "audit.html", listed(request, found, items, asked) | {"actions": ACTIONS})


def _midnight(text: str | None, name: str) -> datetime | None:
    """The beginning of a day in Tokyo."""
    if text is None:
        return None
    try:
        return datetime.combine(parse_date(text), time(), TOKYO)
    except ValueError:
        raise Refusal(field_problem([FieldError(name, "format", "must be a date as YYYY-MM-DD")])) from None
