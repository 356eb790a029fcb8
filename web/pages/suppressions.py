"""Addresses that get no mail: listed, added and released, each for a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from core.problems import field_problem
from scheduler.commands import CommandRefused
from scheduler.fields import Reader
from scheduler.suppressing import SCOPES
from store.people import Principal
from store.reading_lists import SuppressionFilter, SuppressionState, suppression_page, suppression_view
from store.searching import code_meant
from web.auth import actor, sight_of
from web.pages.faults import wrong
from web.pages.input import form_reader, read_why
from web.pages.lists import PAGE_SIZE, listed
from web.pages.notices import see
from web.pages.rendering import page
from web.pages.visitors import MayLiftSuppressions
from web.paths import uuid_in
from web.problems import Refusal
from web.queries import Query
from web.services import Serving

router = APIRouter(include_in_schema=False)

_FIELDS = ("institution_code", "email", "scope", "why")


@router.get("/suppressions")
async def list_suppressions(request: Request, who: MayLiftSuppressions, services: Serving) -> HTMLResponse:
    """Entries in force, or those that were released."""
    query = Query(request)
    wanted = SuppressionFilter(
        institution_code=query.typed_code("institution_code"),
        state=query.choice("state", SuppressionState) or SuppressionState.ACTIVE,
    )
    after = query.cursor()
    query.ignored("done")
    query.done()
    async with services.db.read() as conn:
        if wanted.institution_code is not None:
            wanted = replace(wanted, institution_code=await code_meant(conn, wanted.institution_code, sight_of(who)))
        found = await suppression_page(conn, wanted, sight_of(who), after, PAGE_SIZE)
    items = [suppression_view(row, whole=False) for row in found.rows]
    asked = {"institution_code": wanted.institution_code, "state": wanted.state.value}
    return page(request, who, "suppressions.html", listed(request, found, items, asked))


@router.get("/suppressions/new")
async def new_suppression(request: Request, who: MayLiftSuppressions) -> HTMLResponse:
    """The form for a new entry."""
    query = Query(request)
    code = query.institution_code("institution_code")
    query.done()
    return _form(request, who, dict.fromkeys(_FIELDS, "") | {"institution_code": code or ""})


@router.post("/suppressions/new")
async def add_suppression(request: Request, who: MayLiftSuppressions, services: Serving) -> Response:
    """Stop mail to an address."""
    reader = await form_reader(request, services.max_body_bytes)
    typed = {name: reader.get(name) or "" for name in _FIELDS}
    try:
        await services.suppressing.add(reader, actor(who))
    except CommandRefused as refused:
        if not refused.problem.errors:
            raise
        return _form(request, who, typed, wrong(refused.problem.errors))
    return see("/suppressions", "suppressed")


@router.post("/suppressions/{suppression_id}/release")
async def release_suppression(request: Request, who: MayLiftSuppressions, services: Serving) -> Response:
    """Let mail go to an address again."""
    suppression_id = uuid_in(request, "suppression_id")
    reader = await form_reader(request, services.max_body_bytes)
    await services.commands.release(suppression_id, _why(reader), actor(who))
    return see("/suppressions", "released")


def _why(reader: Reader) -> str:
    why = read_why(reader)
    if why is None:
        raise Refusal(field_problem(reader.errors))
    return why


def _form(
    request: Request, who: Principal, typed: Mapping[str, Any], errors: Mapping[str, str] | None = None
) -> HTMLResponse:
    values = {"typed": typed, "wrong": errors or {}, "scopes": SCOPES}
    return page(request, who, "suppression_form.html", values, 422 if errors else 200)
