"""News for open pages: events that say only that something changed; the page then asks for what it shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from store.happenings import Happenings, Watch
from store.people import Principal
from store.reading_story import newest_event
from web.auth import sight_of
from web.pages.visitors import MayReadMessages, still_there
from web.problems import not_found
from web.queries import Query
from web.services import Services, Serving

router = APIRouter(include_in_schema=False)

HEARTBEAT_SECONDS = 10.0
"""Within this time a stream notices that its session is over, or that nobody listens any more."""

_EVENT_ID = re.compile(r"[0-9]{1,18}")
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_BEGUN = "retry: 5000\n\n"
_CHANGED = "event: changed\ndata: 1\n\n"
_ENDED = "event: ended\ndata: 1\n\n"
_STILL_HERE = ": \n\n"


@router.get("/live")
async def live(request: Request, who: MayReadMessages, services: Serving) -> StreamingResponse:
    """Says when something happened to the institution that is looked at, or to any that this person may see."""
    query = Query(request)
    code = query.institution_code("institution_code")
    seen = query.text("seen") or ""
    query.done()
    if code is not None and not await services.advisor.visible(code, sight_of(who)):
        raise not_found()
    watched = _Watched(Watch(code, who.prefecture), int(seen) if _EVENT_ID.fullmatch(seen) else None)
    return StreamingResponse(_news(request, who, services, watched), media_type="text/event-stream", headers=_HEADERS)


@dataclass(frozen=True, slots=True)
class _Watched:
    """What a page looks at, and the id of the last event that it shows; None where it shows no events."""

    watch: Watch
    seen: int | None


async def _news(request: Request, who: Principal, services: Services, watched: _Watched) -> AsyncIterator[str]:
    happenings: Happenings = request.app.state.happenings
    watch = watched.watch
    async with happenings.watching(watch):
        yield _BEGUN
        if await _missed(services, who, watched):
            yield _CHANGED
        while True:
            changed = await _waited(watch.changed)
            if happenings.closed.is_set():
                return
            watch.changed.clear()  # before anything is waited for: what happens meanwhile is news again
            if not await still_there(request, who, services):
                yield _ENDED
                return
            yield _CHANGED if changed else _STILL_HERE


async def _missed(services: Services, who: Principal, watched: _Watched) -> bool:
    """Whether something happened after the page was made and before anybody watched."""
    code = watched.watch.institution_code
    if code is None or watched.seen is None:
        return False
    async with services.db.read() as conn:
        return await newest_event(conn, code, sight_of(who)) > watched.seen


async def _waited(changed: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            await changed.wait()
    except TimeoutError:
        return changed.is_set()
    return True
