"""Who asks, and whether they may: by bearer token (RFC 6750), or by the session of somebody who signed in."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from core.problems import Problem
from scheduler.commands import Actor
from store.people import LOCAL_ADMIN, Principal, Role
from store.reading import Sight
from web.pages.errors import shows_pages
from web.permissions import GRANTS, SEES_WHOLE_ADDRESSES, Call
from web.problems import Refusal
from web.services import Services, Serving
from web.sessions import SignInNeeded, recognise

_CHALLENGE = 'Bearer realm="todoke"'


async def authenticate(request: Request, services: Services) -> Principal:
    """Who asks. Refused with `unauthenticated`; a browser is led to the sign-in page."""
    if "authorization" in request.headers:
        return await _by_token(request, services)
    principal = await recognise(request, services)
    if principal is not None:
        return principal
    if shows_pages(request):
        raise SignInNeeded
    raise Refusal(Problem("unauthenticated"), {"WWW-Authenticate": _CHALLENGE})


async def _by_token(request: Request, services: Services) -> Principal:
    scheme, _, token = request.headers["authorization"].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refusal(Problem("unauthenticated"), {"WWW-Authenticate": _CHALLENGE})
    principal = _local_admin(token, services.api_token) or await services.people.authenticate(token)
    if principal is None:
        raise Refusal(Problem("unauthenticated"), {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'})
    return principal


def _local_admin(token: str, expected: str | None) -> Principal | None:
    if expected is None or not secrets.compare_digest(token.encode(), expected.encode()):
        return None
    return Principal(LOCAL_ADMIN, Role.ADMIN)


class _Permitted:
    """The dependency behind every call and page; `call` is what it needs the right for."""

    def __init__(self, call: Call) -> None:
        self.call = call

    async def __call__(self, request: Request, services: Serving) -> Principal:
        principal = await authenticate(request, services)
        request.state.principal = principal.name
        request.state.viewer = principal
        if self.call not in GRANTS[principal.role]:
            raise Refusal(Problem("forbidden", f"この操作を行うことができる役割は、{_roles(self.call)}です。"))
        return principal


def _roles(call: Call) -> str:
    return "、".join(role for role in Role if call in GRANTS[role])


def roles_of(route: APIRoute) -> list[Role]:
    """Who may use a route; nobody in particular where it asks for no right."""
    calls = [each.call.call for each in route.dependant.dependencies if isinstance(each.call, _Permitted)]
    return [role for role in Role if any(call in GRANTS[role] for call in calls)]


def sight_of(principal: Principal) -> Sight:
    """What a principal's eyes may see."""
    publisher = principal.name if principal.role is Role.PUBLISHER else None
    return Sight(principal.prefecture, publisher)


def actor(principal: Principal) -> Actor:
    """A principal as one who commands."""
    return Actor(principal, sight_of(principal))


def sees_whole(principal: Principal) -> bool:
    """Whether addresses are shown to them unmasked."""
    return principal.role in SEES_WHOLE_ADDRESSES


MayPublish = Annotated[Principal, Depends(_Permitted(Call.PUBLISH_JOBS))]
MayReadJobs = Annotated[Principal, Depends(_Permitted(Call.READ_JOBS))]
MayCancelJobs = Annotated[Principal, Depends(_Permitted(Call.CANCEL_JOBS))]
MaySetReports = Annotated[Principal, Depends(_Permitted(Call.SET_REPORTS))]
MayPlan = Annotated[Principal, Depends(_Permitted(Call.PLAN))]
MayReadMessages = Annotated[Principal, Depends(_Permitted(Call.READ_MESSAGES))]
MayCommandMessages = Annotated[Principal, Depends(_Permitted(Call.COMMAND_MESSAGES))]
MayAdvise = Annotated[Principal, Depends(_Permitted(Call.ADVISE))]
MayChangeAddresses = Annotated[Principal, Depends(_Permitted(Call.ADDRESS_CHANGES))]
MayLiftSuppressions = Annotated[Principal, Depends(_Permitted(Call.SUPPRESSIONS))]
MaySeeUnmatched = Annotated[Principal, Depends(_Permitted(Call.UNMATCHED_REPORTS))]
MayAudit = Annotated[Principal, Depends(_Permitted(Call.AUDIT))]
