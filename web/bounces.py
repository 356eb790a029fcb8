"""Failure reports that could not be tied to a message: kept whole, for the secretariat to look at."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from core.problems import Problem
from store.cipher import SecretUnreadable
from store.reading_lists import unmatched_page, unmatched_raw, unmatched_view
from web import answers
from web.auth import MaySeeUnmatched
from web.paths import uuid_in
from web.problems import Refusal, not_found
from web.queries import Query, without_query
from web.services import Serving

router = APIRouter(tags=["bounces"])


@router.get("/v1/bounces/unmatched")
async def list_unmatched(request: Request, _who: MaySeeUnmatched, services: Serving) -> JSONResponse:
    """Mails that came to the bounce listener and belong to no message, and return paths that were refused there.

    Newest first, addresses masked; `size` is in octets, null where there was no mail.
    """
    query = Query(request)
    after, limit = query.cursor(), query.limit()
    query.done()
    async with services.db.read() as conn:
        page = await unmatched_page(conn, after, limit)
    return answers.listed([unmatched_view(row) for row in page.rows], page.next)


@router.get("/v1/bounces/unmatched/{report_id}/raw")
async def read_unmatched(request: Request, who: MaySeeUnmatched, services: Serving) -> Response:
    """The mail as it was received."""
    without_query(request)
    report_id = uuid_in(request, "report_id")
    try:
        async with services.db.read() as conn:
            raw = await unmatched_raw(conn, services.cipher, report_id)
    except SecretUnreadable as error:
        raise Refusal(Problem("report-unreadable")) from error
    if raw is None:
        raise not_found()
    await answers.note_shown(services, who, "report-shown", report_id, {}, 1)
    disposition = f'attachment; filename="{report_id}.eml"'
    return Response(raw, media_type="message/rfc822", headers={"Content-Disposition": disposition})
