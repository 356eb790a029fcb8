"""メールアドレスの変更依頼: taken, approved, done, or rejected (contract section 4)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from core.jst import tokyo_date
from core.problems import field_problem
from scheduler.address_changes import next_step
from store.address_changes import ChangeFilter, ChangeState, change_page, change_record, change_view
from store.reading import AnyRow
from web import answers
from web.auth import MayChangeAddresses, actor, sight_of
from web.bodies import read_object
from web.paths import uuid_in
from web.problems import Refusal, not_found
from web.queries import Query, without_query
from web.services import Services, Serving

router = APIRouter(tags=["address changes"])

_MAX_WHY = 1000
_ADDRESSES = 2
"""Of one request: the old and the new one."""


@router.post("/v1/address-changes")
async def request_address_change(request: Request, who: MayChangeAddresses, services: Serving) -> JSONResponse:
    """Take a request to change an institution's address. The same one again gets the answer of the one on record.

    Without `institution_code` the institution is looked up by its name in `prefecture`, whatever the width of its
    letters; a prefecture office looks in its own. 409 `reapply-instead`, with the procedure, where pre-check or
    guide are 不達 and no earlier guide was sent: the way is a new application then. No mail on record takes the new
    address.
    """
    without_query(request)
    reader = await read_object(request, services.max_body_bytes)
    row = await services.address_changes.request(reader, actor(who))
    return JSONResponse(_view(services, row), 202)


@router.get("/v1/address-changes")
async def list_address_changes(request: Request, who: MayChangeAddresses, services: Serving) -> JSONResponse:
    """Requests, newest first. A prefecture sees those of its institutions."""
    query = Query(request)
    wanted = ChangeFilter(
        state=query.choice("state", ChangeState),
        institution_code=query.institution_code("institution_code"),
    )
    after, limit = query.cursor(), query.limit()
    query.done()
    async with services.db.read() as conn:
        page = await change_page(conn, wanted, sight_of(who), after, limit)
    told = {"state": wanted.state, "institution_code": wanted.institution_code}
    asked = {name: value for name, value in told.items() if value is not None}
    count = _ADDRESSES * len(page.rows)
    await answers.note_shown(services, who, "address-changes-listed", "/v1/address-changes", asked, count)
    return answers.listed([_view(services, row) for row in page.rows], page.next)


@router.get("/v1/address-changes/{change_id}")
async def read_address_change(request: Request, who: MayChangeAddresses, services: Serving) -> JSONResponse:
    """One request: how far it is, and what happens next."""
    without_query(request)
    change_id = uuid_in(request, "change_id")
    async with services.db.read() as conn:
        row = await change_record(conn, change_id, sight_of(who))
    if row is None:
        raise not_found()
    await answers.note_shown(services, who, "address-change-shown", row.id, {}, _ADDRESSES)
    return JSONResponse(_view(services, row))


@router.post("/v1/address-changes/{change_id}/approve")
async def approve_address_change(request: Request, who: MayChangeAddresses, services: Serving) -> JSONResponse:
    """Approve a request."""
    without_query(request)
    change_id = uuid_in(request, "change_id")
    row = await services.address_changes.approve(change_id, actor(who))
    return JSONResponse(_view(services, row))


@router.post("/v1/address-changes/{change_id}/done")
async def complete_address_change(request: Request, who: MayChangeAddresses, services: Serving) -> JSONResponse:
    """Record that an approved request was carried out. The `address-changed` mail tells the login ID to the new
    address, within business hours."""
    without_query(request)
    change_id = uuid_in(request, "change_id")
    reader = await read_object(request, services.max_body_bytes)
    login_id = reader.line("login_id", required=True)
    reader.unknown()
    if reader.errors or login_id is None:
        raise Refusal(field_problem(reader.errors))
    row = await services.address_changes.complete(change_id, login_id, actor(who))
    return JSONResponse(_view(services, row))


@router.post("/v1/address-changes/{change_id}/reject")
async def reject_address_change(request: Request, who: MayChangeAddresses, services: Serving) -> JSONResponse:
    """Reject a request that is not done, and say why. No mail follows: whoever asked is told by the desk."""
    without_query(request)
    change_id = uuid_in(request, "change_id")
    reader = await read_object(request, services.max_body_bytes)
    why = reader.line("why", required=True, most=_MAX_WHY, several=True)
    reader.unknown()
    if reader.errors or why is None:
        raise Refusal(field_problem(reader.errors))
    row = await services.address_changes.reject(change_id, why, actor(who))
    return JSONResponse(_view(services, row))


def _view(services: Services, row: AnyRow) -> dict[str, Any]:
    """A request with its next step. Commands have left their own line in the audit trail."""
    step = next_step(row, tokyo_date(services.clock.now()))
    return change_view(row, whole=True) | {"next_step": step}
