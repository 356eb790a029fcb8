"""Reports that could not be tied to a mail: looked at by the secretariat."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from store.reading_lists import unmatched_page, unmatched_view
from web.pages.lists import PAGE_SIZE, listed
from web.pages.rendering import page
from web.pages.visitors import MaySeeUnmatched
from web.queries import Query
from web.services import Serving

router = APIRouter(include_in_schema=False)


@router.get("/unmatched")
async def list_unmatched(request: Request, who: MaySeeUnmatched, services: Serving) -> HTMLResponse:
    """The queue, newest first."""
    query = Query(request)
    after = query.cursor()
    query.done()
    async with services.db.read() as conn:
        found = await unmatched_page(conn, after, PAGE_SIZE)
    items = [unmatched_view(row) for row in found.rows]
    return page(request, who, "unmatched.html", listed(request, found, items, {}))
