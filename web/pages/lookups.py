"""Two questions that come up: when would a mail go, and what became of a job."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from core.jst import TOKYO
from core.kinds import Kind
from scheduler.calendar import OutsideCalendar
from scheduler.job_parsing import PREFECTURES
from scheduler.windows import Plan
from store.reading import job_record
from store.reading_views import job_view
from web.auth import sight_of
from web.pages.rendering import page
from web.pages.visitors import MayPlan, MayReadJobs
from web.problems import not_found
from web.queries import Query
from web.services import Serving

router = APIRouter(include_in_schema=False)


@router.get("/plan")
async def plan(request: Request, who: MayPlan, services: Serving) -> HTMLResponse:
    """A dry run: when a mail of a kind would go, and why. A prefecture office asks for its own."""
    query = Query(request)
    kind = query.choice("kind", Kind)
    at_text = query.text("at")
    prefecture = query.one_of("prefecture", PREFECTURES)
    query.done()
    at = services.clock.now().astimezone(TOKYO) if at_text is None else _moment(at_text)
    place = who.prefecture or prefecture
    found: Plan | None = None
    if kind is not None and at is not None:
        try:
            found = services.explainer.explain(kind, at, place)
        except OutsideCalendar:
            at = None
    values = {
        "kind": kind,
        "kinds": tuple(Kind),
        "at": at_text if at is None else at.strftime("%Y-%m-%dT%H:%M"),
        "wrong_at": at is None,
        "prefecture": place,
        "plan": found,
    }
    return page(request, who, "plan.html", values)


def _moment(text: str) -> datetime | None:
    """What a browser's field for a moment sends; it is of Tokyo."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=TOKYO)
    except ValueError:
        return None


@router.get("/jobs")
async def job(request: Request, who: MayReadJobs, services: Serving) -> HTMLResponse:
    """What became of a job; its id stands in the query, since it may hold any character."""
    query = Query(request)
    job_id = query.identifier("job_id")
    query.done()
    if job_id is None:
        raise not_found()
    async with services.db.read() as conn:
        record = await job_record(conn, job_id, sight_of(who))
    if record is None:
        raise not_found()
    return page(request, who, "job.html", {"job": job_view(record, services.clock.now(), whole=False)})
