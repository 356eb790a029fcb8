"""Whether the process lives, and whether it can work. No token: load balancers and supervisors ask."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import JSONResponse

from core.ending import within
from store.engine import Database, DatabaseUnavailable
from store.tables import jobs
from web.services import Serving

router = APIRouter(tags=["operations"])

_PATIENCE_SECONDS = 5.0


@router.get("/livez")
async def live() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz")
async def ready(services: Serving) -> JSONResponse:
    """The database answers too, and has our tables; 503 otherwise."""
    try:
        await within(_PATIENCE_SECONDS, _ask(services.db))
    except TimeoutError:
        raise DatabaseUnavailable("the database does not answer") from None
    return JSONResponse({"status": "ready"})


async def _ask(db: Database) -> None:
    async with db.read() as conn:
        await conn.execute(select(jobs.c.job_id).limit(1))
