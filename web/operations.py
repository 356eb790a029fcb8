"""Whether the process lives, and whether it can work. No token: load balancers and supervisors ask."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import JSONResponse

from store.engine import DatabaseUnavailable
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
        async with asyncio.timeout(_PATIENCE_SECONDS), services.db.read() as conn:
            await conn.execute(select(jobs.c.job_id).limit(1))
    except TimeoutError:
        raise DatabaseUnavailable("the database does not answer") from None
    return JSONResponse({"status": "ready"})
