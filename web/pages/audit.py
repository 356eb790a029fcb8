"""The audit trail, for those who look after it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from store.reading_lists import AuditFilter, audit_page, audit_view
from web.pages.lists import PAGE_SIZE, listed, period
from web.pages.rendering import page
from web.pages.rooms import ROLE_LABELS
from web.pages.visitors import MayAudit
from web.pages.vocabulary import ACTIONS
from web.queries import ROW_NUMBER, Query
from web.services import Serving

router = APIRouter(include_in_schema=False)


@router.get("/audit")
async def list_audit(request: Request, who: MayAudit, services: Serving) -> HTMLResponse:
    """Who did or was shown what, newest first."""
    query = Query(request)
    asked = {name: query.text(name) for name in ("actor", "action", "subject")}
    days = period(query)
    after = query.cursor(ROW_NUMBER)
    query.done()
    wanted = AuditFilter(**asked, since=days.since, until=days.until)
    async with services.db.read() as conn:
        found = await audit_page(conn, wanted, after, PAGE_SIZE)
    items = [audit_view(row) | {"role_label": ROLE_LABELS.get(row.role, row.role)} for row in found.rows]
    return page(request, who, "audit.html", listed(request, found, items, asked | days.told()) | {"actions": ACTIONS})
