"""メールアドレスの変更依頼: the form, and the life of a request: requested, approved, done, or rejected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from core.jst import tokyo_date
from core.problems import Problem
from scheduler.address_changes import next_step
from scheduler.commands import CommandRefused
from store.address_changes import ChangeFilter, ChangeState, change_page, change_record, change_view, institution_of
from store.people import AuditEntry, Principal, write_audit
from store.reading import AnyRow
from web.auth import actor, sees_whole, sight_of
from web.pages.faults import wrong
from web.pages.input import form_reader, read_why, shown_again
from web.pages.lists import PAGE_SIZE, listed
from web.pages.notices import notice, see
from web.pages.rendering import page
from web.pages.visitors import MayChangeAddresses
from web.paths import uuid_in
from web.problems import not_found
from web.queries import Query
from web.services import Services, Serving

router = APIRouter(include_in_schema=False)

_FIELDS = ("institution_name", "institution_code", "prefecture", "old_email", "new_email")
_UNPROCESSABLE = 422


@router.get("/address-changes")
async def list_changes(request: Request, who: MayChangeAddresses, services: Serving) -> HTMLResponse:
    """Requests, newest first."""
    query = Query(request)
    wanted = ChangeFilter(query.choice("state", ChangeState), query.institution_code("institution_code"))
    after = query.cursor()
    query.done()
    async with services.db.read() as conn:
        found = await change_page(conn, wanted, sight_of(who), after, PAGE_SIZE)
    items = [change_view(row, whole=False) for row in found.rows]
    asked = {"state": wanted.state, "institution_code": wanted.institution_code}
    return page(request, who, "address_changes.html", listed(request, found, items, asked) | {"states": ChangeState})


@router.get("/address-changes/new")
async def new_change(request: Request, who: MayChangeAddresses, services: Serving) -> HTMLResponse:
    """The form, with the institution filled in where it is known."""
    query = Query(request)
    code = query.institution_code("institution_code")
    query.done()
    typed = dict.fromkeys(_FIELDS, "")
    if code is not None:
        async with services.db.read() as conn:
            institution = await institution_of(conn, code, sight_of(who))
        if institution is None:
            raise not_found()
        typed |= {"institution_name": institution.name, "institution_code": code, "prefecture": institution.prefecture}
    return _form(request, who, typed)


@router.post("/address-changes/new")
async def request_change(request: Request, who: MayChangeAddresses, services: Serving) -> Response:
    """Take a request; where the guide is 不達, the procedure says what to do instead."""
    reader = await form_reader(request, services.max_body_bytes)
    typed = {name: reader.get(name) or "" for name in _FIELDS}
    try:
        row = await services.address_changes.request(reader, actor(who))
    except CommandRefused as refused:
        return _form(request, who, typed, refused.problem)
    return see(f"/address-changes/{row.id}", "requested")


@router.get("/address-changes/{change_id}")
async def show_change(request: Request, who: MayChangeAddresses, services: Serving) -> HTMLResponse:
    """One request: how far it is, and what happens next."""
    return await _page(request, who, services)


@router.post("/address-changes/{change_id}/addresses")
async def show_addresses(request: Request, who: MayChangeAddresses, services: Serving) -> HTMLResponse:
    """Both whole addresses, for a reason that the audit trail keeps."""
    change_id = uuid_in(request, "change_id")
    reader = await form_reader(request, services.max_body_bytes)
    why = read_why(reader)
    await _record(services, who, change_id)
    if why is None or not sees_whole(who):
        return await _page(request, who, services, shown_again("addresses", reader), _UNPROCESSABLE)
    async with services.db.write() as conn:
        entry = AuditEntry("address-shown", change_id, {"why": why, "addresses": 2})
        await write_audit(conn, who, entry, services.clock.now())
    return await _page(request, who, services, {"whole": True})


@router.post("/address-changes/{change_id}/approve")
async def approve(request: Request, who: MayChangeAddresses, services: Serving) -> Response:
    """The prefecture office agrees."""
    change_id = uuid_in(request, "change_id")
    await services.address_changes.approve(change_id, actor(who))
    return see(f"/address-changes/{change_id}", "approved")


@router.post("/address-changes/{change_id}/done")
async def complete(request: Request, who: MayChangeAddresses, services: Serving) -> Response:
    """The address is changed; the login ID is told to the new one."""
    change_id = uuid_in(request, "change_id")
    reader = await form_reader(request, services.max_body_bytes)
    login_id = reader.line("login_id", required=True)
    if login_id is None:
        return await _page(request, who, services, shown_again("done", reader, ("login_id",)), _UNPROCESSABLE)
    await services.address_changes.complete(change_id, login_id, actor(who))
    return see(f"/address-changes/{change_id}", "done")


@router.post("/address-changes/{change_id}/reject")
async def reject(request: Request, who: MayChangeAddresses, services: Serving) -> Response:
    """It will not be carried out, for a reason."""
    change_id = uuid_in(request, "change_id")
    reader = await form_reader(request, services.max_body_bytes)
    why = read_why(reader)
    if why is None:
        return await _page(request, who, services, shown_again("reject", reader), _UNPROCESSABLE)
    await services.address_changes.reject(change_id, why, actor(who))
    return see(f"/address-changes/{change_id}", "rejected")


def _form(request: Request, who: Principal, typed: Mapping[str, Any], problem: Problem | None = None) -> HTMLResponse:
    values = {
        "typed": typed,
        "wrong": wrong(problem.errors) if problem else {},
        "problem": problem if problem and not problem.errors else None,
        "candidates": problem.extra.get("candidates", ()) if problem else (),
        "procedure": problem.extra.get("procedure") if problem else None,
        "other_change": problem.extra.get("address_change_id") if problem else None,
    }
    return page(request, who, "address_change_form.html", values, problem.status if problem else 200)


async def _record(services: Services, who: Principal, change_id: str) -> AnyRow:
    async with services.db.read() as conn:
        row = await change_record(conn, change_id, sight_of(who))
    if row is None:
        raise not_found()
    return row


async def _page(
    request: Request, who: Principal, services: Services, more: Mapping[str, Any] | None = None, status: int = 200
) -> HTMLResponse:
    row = await _record(services, who, uuid_in(request, "change_id"))
    more = dict(more or {})
    whole = more.get("whole", False)
    values = {
        "change": change_view(row, whole=whole),
        "next_step": next_step(row, tokyo_date(services.clock.now())),
        "whole": whole,
        "sees_whole": sees_whole(who),
        "wrong": {},
        "typed": {},
        "notice": notice(request),
    }
    return page(request, who, "address_change.html", values | more, status)
