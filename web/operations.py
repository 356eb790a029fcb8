"""Whether the process lives, and whether it can work. No token: load balancers and supervisors ask."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError
from starlette.responses import JSONResponse

from core.ending import within
from core.problems import Problem
from store.engine import Database, DatabaseUnavailable
from store.tables import jobs
from web.problems import RETRY_AFTER, Refusal
from web.services import Serving

router = APIRouter(tags=["operations"])

_PATIENCE_SECONDS = 5.0
_NO_WRITES = "データベースに書き込めません。ディスクの空き容量と、読み取り専用になっていないかを確認してください。"

_NO_TABLES = "データベースに必要な表がありません。todoke db check で確認してください。"


@router.get("/livez")
async def live() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz")
async def ready(request: Request, services: Serving) -> JSONResponse:
    """The database answers too, has our tables and takes writes; 503 with what is wrong otherwise."""
    try:
        await within(_PATIENCE_SECONDS, _ask(services.db))
    except TimeoutError:
        raise DatabaseUnavailable("the database does not answer") from None
    except ProgrammingError as error:
        raise Refusal(Problem("unavailable", detail=_NO_TABLES), RETRY_AFTER) from error
    try:
        await within(_PATIENCE_SECONDS, services.writable.check())
    except (TimeoutError, DatabaseUnavailable) as error:
        raise Refusal(Problem("unavailable", detail=_NO_WRITES), RETRY_AFTER) from error
    request.app.state.outage.passed()
    return JSONResponse({"status": "ready"})


async def _ask(db: Database) -> None:
    async with db.read() as conn:
        await conn.execute(select(jobs.c.job_id).limit(1))
