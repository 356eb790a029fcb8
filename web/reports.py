"""Reporting statuses in (contract section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from core.errors import FieldError
from core.problems import field_problem
from scheduler.fields import normalise_code
from web import answers
from web.auth import MaySetReports
from web.bodies import read_batch, read_json
from web.problems import Refusal
from web.queries import Query
from web.services import Serving

router = APIRouter(tags=["reports"])


@router.put("/v1/reports/{fiscal_year}/{institution_code}")
async def set_report(request: Request, who: MaySetReports, services: Serving) -> JSONResponse:
    """Say how far an institution is with its report of a fiscal year, under the scheme of its type or another one."""
    raw = await read_json(request, services.max_body_bytes)
    item = _of_scheme(_of_path(raw, request.path_params), _scheme(request))
    told = await services.reporting.accept([item], who.name)
    return answers.single(told[0])


@router.post("/v1/reports")
async def set_reports(request: Request, who: MaySetReports, services: Serving) -> JSONResponse:
    """Say so of many institutions: a JSON array or NDJSON of up to 1,000, each with its `fiscal_year`."""
    batch = await read_batch(request, services.max_body_bytes)
    scheme = _scheme(request)
    told = await services.reporting.accept([_of_scheme(item, scheme) for item in batch.items], who.name)
    return answers.single(told[0]) if batch.single else answers.results(told)


def _scheme(request: Request) -> str | None:
    query = Query(request)
    scheme = query.text("scheme")
    query.done()
    return scheme


def _of_scheme(item: Any, scheme: str | None) -> Any:
    """The query's scheme for an item that names none."""
    if scheme is None or not isinstance(item, Mapping) or item.get("scheme") is not None:
        return item
    return {**item, "scheme": scheme}


def _of_path(raw: Any, path: Mapping[str, str]) -> Any:
    """The item with the path's fiscal year. Refused where its body names another year or institution."""
    if not isinstance(raw, Mapping):
        return raw
    year = _year(path["fiscal_year"])
    institution = raw.get("institution")
    code = institution.get("code") if isinstance(institution, Mapping) else None
    errors = []
    if year is None:
        errors.append(FieldError("fiscal_year", "format", "must be a year of four digits"))
    elif raw.get("fiscal_year") not in (None, year):
        errors.append(FieldError("fiscal_year", "differs", "differs from the year in the path"))
    if isinstance(code, str) and normalise_code(code) != normalise_code(path["institution_code"]):
        errors.append(FieldError("institution.code", "differs", "differs from the code in the path"))
    if errors:
        raise Refusal(field_problem(errors))
    return {**raw, "fiscal_year": year}


def _year(text: str) -> int | None:
    return int(text) if len(text) == 4 and text.isascii() and text.isdigit() else None
