"""The list of mails, narrowed by kind and status: what stands behind the figures of the dashboard."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from core.kinds import Kind
from core.statuses import Status
from store.reading import MessageFilter
from store.reading_exports import messages_with_names
from store.reading_views import message_view
from web.auth import sight_of
from web.pages.lists import PAGE_SIZE, listed, name_of
from web.pages.rendering import page
from web.pages.rooms import sees_kind
from web.pages.visitors import MayReadMessages
from web.queries import Query
from web.services import Serving

router = APIRouter(include_in_schema=False)


@router.get("/messages")
async def list_messages(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """Mails, newest first, addresses masked."""
    query = Query(request)
    wanted = MessageFilter(
        institution_code=query.institution_code("institution_code"),
        kind=query.choice("kind", Kind),
        status=query.choice("status", Status),
    )
    after = query.cursor()
    query.done()
    async with services.db.read() as conn:
        found = await messages_with_names(conn, wanted, sight_of(who), after, PAGE_SIZE)
    now = services.clock.now()
    items = [message_view(row, now, whole=False) | {"institution_name": name_of(row)} for row in found.rows]
    asked = {"institution_code": wanted.institution_code, "kind": wanted.kind, "status": wanted.status}
    choices = {"kinds": [kind for kind in Kind if sees_kind(who, kind)], "statuses": list(Status)}
    return page(request, who, "messages.html", listed(request, found, items, asked) | choices)
