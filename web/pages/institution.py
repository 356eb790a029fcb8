"""The page of an institution: one sentence, what to tell the caller, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from helpdesk.vocabulary import Symptom
from scheduler.job_parsing import PREFECTURES
from store.people import Principal
from web.auth import sight_of
from web.pages.institution_view import institution_page
from web.pages.rendering import page, piece
from web.pages.symptoms import GROUPS
from web.pages.visitors import MayAdvise, MayReadMessages
from web.paths import institution_code_in
from web.problems import not_found
from web.queries import Query
from web.services import Services, Serving

router = APIRouter(include_in_schema=False)


@router.get("/institutions/{code}")
async def show_institution(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """The whole page; `symptom` says what the caller complains of."""
    code = institution_code_in(request, "code")
    symptom = _symptom(request)
    values = await institution_page(services, who, code, symptom)
    return page(
        request,
        who,
        "institution.html",
        values | {"symptom": symptom, "groups": GROUPS, "code": code, "prefecture": None},
    )


@router.get("/institutions/{code}/now")
async def show_state(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """How the institution stands, for a page that is open while something happens."""
    return await _live(request, who, services, "institution_now.html")


@router.get("/institutions/{code}/story")
async def show_story(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """Its mails and what happened to them, for a page that is open."""
    return await _live(request, who, services, "institution_story.html")


async def _live(request: Request, who: Principal, services: Services, template: str) -> HTMLResponse:
    code = institution_code_in(request, "code")
    return piece(request, template, await institution_page(services, who, code, Symptom.NOT_ARRIVED) | {"code": code})


@router.get("/advice")
async def show_advice(request: Request, who: MayAdvise, services: Serving) -> HTMLResponse:
    """What to tell a caller of whom nothing is known but the prefecture."""
    asked = _asked(request, who)
    return page(request, who, "advice.html", await _advice(services, who, asked) | {"groups": GROUPS})


@router.get("/advice/procedure")
async def show_procedure(request: Request, who: MayAdvise, services: Serving) -> HTMLResponse:
    """The procedure alone, for an institution or for nobody in particular."""
    return piece(request, "procedure.html", await _advice(services, who, _asked(request, who)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A symptom, and whose: an institution's, or anybody's in a prefecture."""

    symptom: Symptom
    code: str | None
    prefecture: str | None


def _asked(request: Request, who: Principal) -> _Asked:
    query = Query(request)
    asked = _Asked(
        query.choice("symptom", Symptom) or Symptom.NOT_ARRIVED,
        query.institution_code("institution_code"),
        query.one_of("prefecture", PREFECTURES),
    )
    query.done()
    return asked if who.prefecture is None else replace(asked, prefecture=who.prefecture)


def _symptom(request: Request) -> Symptom:
    query = Query(request)
    symptom = query.choice("symptom", Symptom) or Symptom.NOT_ARRIVED
    query.done()
    return symptom


async def _advice(services: Services, who: Principal, asked: _Asked) -> dict[str, Any]:
    if asked.code is not None and not await services.advisor.visible(asked.code, sight_of(who)):
        raise not_found()
    procedure = await services.advisor.advise(asked.symptom, asked.code, asked.prefecture)
    return {"procedure": procedure, "symptom": asked.symptom, "code": asked.code, "prefecture": asked.prefecture}
