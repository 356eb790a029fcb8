"""Whom no mail reaches: institutions that have not reported, to be telephoned or written to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from core.era import fiscal_year_of
from core.jst import tokyo_date
from core.kinds import Scheme
from core.masking import mask_email
from scheduler.job_parsing import FIRST_FISCAL_YEAR, LAST_FISCAL_YEAR, PREFECTURES
from store.reading import AnyRow
from store.reading_reach import ReachFilter, Why, reach_page
from store.reading_views import shown_text
from web.auth import sight_of
from web.pages.lists import PAGE_SIZE, listed
from web.pages.rendering import page
from web.pages.visitors import MayReadMessages
from web.queries import CODE_AND_SCHEME, Query
from web.services import Serving

router = APIRouter(include_in_schema=False)

_YEARS_BACK = 3


@router.get("/to-reach")
async def list_to_reach(request: Request, who: MayReadMessages, services: Serving) -> HTMLResponse:
    """Those of a fiscal year, the one whose period counts now unless another one is named; addresses masked."""
    query = Query(request)
    now = services.clock.now()
    this_year = fiscal_year_of(tokyo_date(now))
    scheme, prefecture = query.choice("scheme", Scheme), query.one_of("prefecture", PREFECTURES)
    year = query.number("fiscal_year", FIRST_FISCAL_YEAR, LAST_FISCAL_YEAR) or services.seasons.season_of_lists(
        tokyo_date(now), scheme, prefecture or sight_of(who).prefecture
    )
    after = query.cursor(CODE_AND_SCHEME)
    query.done()
    wanted = ReachFilter(year, scheme, prefecture)
    async with services.db.read() as conn:
        found = await reach_page(conn, wanted, sight_of(who), after, PAGE_SIZE)
    asked = {"fiscal_year": str(year), "scheme": scheme, "prefecture": prefecture}
    years = sorted({year, *range(this_year - _YEARS_BACK, this_year + 1)}, reverse=True)
    values = {"years": [str(each) for each in years], "schemes": tuple(Scheme), "now": now}
    return page(
        request, who, "to_reach.html", listed(request, found, [_item(row) for row in found.rows], asked) | values
    )


def _item(row: AnyRow) -> dict[str, Any]:
    why = Why(row.why)
    return {
        "code": row.institution_code,
        "name": row.institution_name,
        "prefecture": row.prefecture,
        "scheme": row.scheme,
        "status": row.status,
        "why": why.label,
        "reason": row.reason if why is Why.UNDELIVERED else None,
        "came_back": why is Why.UNDELIVERED,
        "stopped": why is Why.BY_HAND,
        "stated_why": shown_text(row.stated_why, whole=False),
        "email": None if row.email is None else mask_email(row.email),
        "updated_at": row.updated_at,
    }
