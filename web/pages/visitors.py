"""What each page needs the right for: one place that says how the pages know who is there."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from store.people import Principal
from web.auth import (
    MayAdvise,
    MayAudit,
    MayChangeAddresses,
    MayCommandMessages,
    MayLiftSuppressions,
    MayPlan,
    MayReadJobs,
    MayReadMessages,
    MaySeeUnmatched,
    authenticate,
)
from web.problems import Refusal
from web.services import Services, Serving

__all__ = [
    "MayAdvise",
    "MayAudit",
    "MayChangeAddresses",
    "MayCommandMessages",
    "MayLiftSuppressions",
    "MayPlan",
    "MayReadJobs",
    "MayReadMessages",
    "MaySeeUnmatched",
    "Somebody",
    "still_there",
]


async def _somebody(request: Request, services: Serving) -> Principal:
    who = await authenticate(request, services)
    request.state.principal = who.name
    request.state.viewer = who
    return who


Somebody = Annotated[Principal, Depends(_somebody)]
"""Whoever has signed in, with whatever rights."""


async def still_there(request: Request, who: Principal, services: Services) -> bool:
    """Whether somebody who opened a page may still look at it; asking so keeps no session open."""
    cookie = services.cookies.session(request)
    if "authorization" not in request.headers and cookie is not None:
        return await services.users.recognise(cookie, unattended=True) == who
    try:
        return await authenticate(request, services) == who
    except Refusal:
        return False
