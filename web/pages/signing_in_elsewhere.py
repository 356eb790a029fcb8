"""Signing in by the account of one's own office (OpenID Connect)."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import structlog
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from store.elsewhere import Identity
from store.people import Role
from store.users import Admitted
from web.oidc import Flow, OidcClient, OidcFailed, rule_for
from web.pages.signing_in import let_in, peer_of, sign_in_form
from web.problems import not_found
from web.services import Services, Serving
from web.sessions import safe_next

log = structlog.get_logger("web")

router = APIRouter(include_in_schema=False)

_FAILED = "所属組織のアカウントではログインできませんでした。もう一度お試しになり、続く場合は管理者へご連絡ください。"
_MOST_NAME = 100
_NAME_CLAIMS = ("preferred_username", "email", "sub")


@router.get("/login/oidc")
async def begin(request: Request, services: Serving) -> Response:
    """Lead the browser to the issuer."""
    client = _client(services)
    flow = Flow.begun(safe_next(request.query_params.get("next")))
    try:
        response = RedirectResponse(await client.address(flow), 303)
    except OidcFailed as failed:
        return await _failed(request, services, failed)
    services.cookies.set_flow(request, response, _packed(flow))
    return response


@router.get("/login/oidc/callback")
async def come_back(request: Request, services: Serving) -> Response:
    """The browser comes back from the issuer, once for each time that it was led there."""
    client = _client(services)
    flow = _unpacked(services.cookies.flow(request))
    if flow is None:  # nobody was led there from here: as good as any other address that somebody types
        log.info("somebody came back who was not led to the issuer")
        return _refused(request, services)
    try:
        code = _code(request, flow)
        who = _identity(services, client, await client.claims(flow, code))
        answer = await services.elsewhere.sign_in(who, peer_of(request), services.cookies.session(request))
    except OidcFailed as failed:
        return await _failed(request, services, failed)
    if not isinstance(answer, Admitted):
        return _refused(request, services)
    response = let_in(request, services, answer, safe_next(flow.next))
    services.cookies.clear_flow(request, response)
    return response


def _client(services: Services) -> OidcClient:
    if services.oidc is None:
        raise not_found()
    return services.oidc


def _code(request: Request, flow: Flow) -> str:
    """What the browser brings back of the sign-in that was begun in it. Raises OidcFailed."""
    asked = request.query_params
    if not secrets.compare_digest(flow.state.encode(), asked.get("state", "").encode()):
        raise OidcFailed("bad-state")
    if "error" in asked or not asked.get("code"):
        raise OidcFailed("issuer-refused")
    return asked["code"]


def _identity(services: Services, client: OidcClient, claims: Mapping[str, Any]) -> Identity:
    """Who somebody is here. Raises OidcFailed where no role is meant for them."""
    rule = rule_for(services.oidc_roles, claims)
    if rule is None:
        raise OidcFailed("no-role", claims["sub"])
    named = (claims.get(key) for key in _NAME_CLAIMS)
    name = next((name.strip() for name in named if isinstance(name, str) and name.strip().isprintable()), "")
    if not name or len(name) > _MOST_NAME:
        raise OidcFailed("no-name", claims["sub"])
    return Identity(client.provider.issuer, claims["sub"], name, Role(rule.role), rule.prefecture)


async def _failed(request: Request, services: Services, failed: OidcFailed) -> Response:
    log.warning("could not sign somebody in by OpenID Connect", why=failed.why)
    issuer = _client(services).provider.issuer
    await services.elsewhere.turn_away(issuer, failed.subject, failed.why, peer_of(request))
    return _refused(request, services)


def _refused(request: Request, services: Services) -> Response:
    response = sign_in_form(request, services, {"next": "/", "problem": _FAILED}, 403)
    services.cookies.clear_flow(request, response)
    return response


def _packed(flow: Flow) -> str:
    return base64.urlsafe_b64encode(json.dumps(asdict(flow)).encode()).decode()


def _unpacked(text: str | None) -> Flow | None:
    try:
        return Flow(**json.loads(base64.urlsafe_b64decode(text or "")))
    except (ValueError, TypeError):
        return None
