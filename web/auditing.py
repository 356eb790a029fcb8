"""The audit trail: who did or was shown what."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from store.reading_lists import AuditFilter, audit_page, audit_view
from web import answers
from web.auth import MayAudit
from web.queries import ROW_NUMBER, Query
from web.services import Serving

router = APIRouter(tags=["audit"])


@router.get("/v1/audit")
async def list_audit(request: Request, _who: MayAudit, services: Serving) -> JSONResponse:
    """The audit trail, newest first."""
    query = Query(request)
    wanted = audit_filter(query)
    after, limit = query.cursor(ROW_NUMBER), query.limit()
    query.done()
    async with services.db.read() as conn:
        page = await audit_page(conn, wanted, after, limit)
    return answers.listed([audit_view(row) for row in page.rows], page.next)


def audit_filter(query: Query) -> AuditFilter:
    """What the audit trail is narrowed to."""
    return AuditFilter(
        actor=query.text("actor"),
        action=query.text("action"),
        subject=query.text("subject"),
        since=query.moment("since"),
        until=query.moment("until"),
    )
