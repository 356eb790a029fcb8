"""Publishing jobs, and what became of them (contract section 3)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from store.reading import job_record
from store.reading_views import job_view
from web import answers
from web.auth import MayCancelJobs, MayPublish, MayReadJobs, actor, sees_whole, sight_of
from web.bodies import read_batch
from web.paths import identifier_in
from web.problems import not_found
from web.queries import without_query
from web.services import Serving

router = APIRouter(tags=["jobs"])


@router.post("/v1/jobs")
async def publish_jobs(request: Request, who: MayPublish, services: Serving) -> JSONResponse:
    """Publish one job, a JSON array of up to 1,000, or NDJSON.

    What is answered with 2xx is durable. In an array or NDJSON, a bad job never loses a good one: each result is
    what the single job would have been answered, plus its `http_status`.
    """
    without_query(request)
    batch = await read_batch(request, services.max_body_bytes)
    if batch.single:
        return answers.single(await services.intake.accept_one(batch.items[0], who.name))
    return answers.results(await services.intake.accept(batch.items, who.name))


@router.post("/v1/jobs/{job_id:path}/cancel")
async def cancel_job(request: Request, who: MayCancelJobs, services: Serving) -> JSONResponse:
    """Withdraw those mails of a job that have not left, and tell which have left already.

    Withdrawing twice comes to the same as once. 409 `nothing-to-cancel` where no mail of the job is cancelled then.
    """
    without_query(request)
    outcome = await services.commands.cancel_job(identifier_in(request, "job_id"), actor(who))
    view = job_view(outcome.record, services.clock.now(), whole=sees_whole(who))
    return JSONResponse(view | {"cancelled": list(outcome.cancelled), "left": list(outcome.left)})


@router.get("/v1/jobs/{job_id:path}")
async def read_job(request: Request, who: MayReadJobs, services: Serving) -> JSONResponse:
    """What became of a job. A publisher reads its own, a prefecture those of its institutions.

    The id stands in the path percent-encoded; it may hold slashes and spaces.
    """
    without_query(request)
    job_id = identifier_in(request, "job_id")
    async with services.db.read() as conn:
        record = await job_record(conn, job_id, sight_of(who))
    if record is None:
        raise not_found()
    await answers.note_shown(services, who, "job-shown", job_id, {}, len(record.messages))
    return JSONResponse(job_view(record, services.clock.now(), whole=sees_whole(who)))
