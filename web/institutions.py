"""Institutions, procedures and dry runs: what the helpdesk tells a caller (contract sections 4 and 9)."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from core.errors import FieldError
from core.kinds import Kind
from core.problems import Problem
from helpdesk.vocabulary import Symptom
from scheduler.calendar import OutsideCalendar
from scheduler.job_parsing import PREFECTURES
from scheduler.windows import Plan
from web import answers
from web.auth import MayAdvise, MayPlan, MayReadMessages, sees_whole, sight_of
from web.paths import institution_code_in
from web.problems import Refusal, not_found
from web.queries import MOST_BUSINESS_DAYS, Query, without_query
from web.services import Services, Serving

router = APIRouter(tags=["helpdesk"])


@router.get("/v1/institutions/{code}")
async def read_institution(request: Request, who: MayReadMessages, services: Serving) -> JSONResponse:
    """An institution with its applications and mails, one sentence on how it stands, and what to tell a caller to
    whom nothing has arrived. `messages` are those that belong to no application, such as reminders."""
    without_query(request)
    code = institution_code_in(request, "code")
    view = await services.advisor.institution_view(code, sight_of(who), whole=sees_whole(who))
    if view is None:
        raise not_found()
    count = len(view["messages"]) + sum(len(application["messages"]) for application in view["applications"])
    await answers.note_shown(services, who, "institution-shown", code, {}, count)
    return JSONResponse(view)


@router.get("/v1/advice")
async def advise(request: Request, who: MayAdvise, services: Serving) -> JSONResponse:
    """The procedure for a caller's symptom. There is one in every state, also for an institution that is not known,
    or with no institution code at all."""
    query = Query(request)
    code = query.institution_code("institution_code")
    symptom = query.choice("symptom", Symptom, required=True)
    query.done()
    assert symptom is not None
    if code is not None and not await services.advisor.visible(code, sight_of(who)):
        raise not_found()
    return JSONResponse(await services.advisor.advise(symptom, code, who.prefecture))


@router.get("/v1/plan")
async def plan(request: Request, _who: MayPlan, services: Serving) -> JSONResponse:
    """A dry run: when a mail of this kind would go, by which rule, and why. Nothing is written.

    For a `guide`, `at` is when its pre-check became `sent`, and `business_days` how many business days later it goes;
    it is ignored for other kinds.
    """
    query = Query(request)
    kind = query.choice("kind", Kind, required=True)
    at = query.moment("at", required=True)
    prefecture = query.one_of("prefecture", PREFECTURES)
    days = _business_days(query, kind)
    query.done()
    assert kind is not None
    assert at is not None
    return JSONResponse(_explained(services, kind, at, prefecture, days).as_dict())


def _business_days(query: Query, kind: Kind | None) -> int | None:
    if kind is Kind.GUIDE:
        return query.number("business_days", 1, MOST_BUSINESS_DAYS)
    query.ignored("business_days")
    return None


def _explained(services: Services, kind: Kind, at: datetime, prefecture: str | None, days: int | None) -> Plan:
    try:
        return services.explainer.explain(kind, at, prefecture, days)
    except OutsideCalendar as error:
        problem = Problem("out-of-range", errors=[FieldError("at", "out-of-range", str(error))])
        raise Refusal(problem) from None
