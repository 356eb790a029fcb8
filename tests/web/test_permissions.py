"""Every call under every role: who is let in, in which order a request is judged, and that nothing is left open."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from store.people import Role
from web.app import ROUTERS

OPEN = {"/livez", "/readyz", "/openapi.json", "/docs", "/problems/{code}"}

_HELPDESK = {Role.HELPDESK, Role.PREFECTURE, Role.ADMIN}
_PUBLISHING = {Role.PUBLISHER, Role.ADMIN}

ALLOWED = {
    "POST /v1/jobs": _PUBLISHING,
    "GET /v1/jobs/{job_id}": _HELPDESK | {Role.PUBLISHER},
    "POST /v1/jobs/{job_id}/cancel": _PUBLISHING,
    "GET /v1/messages": _HELPDESK,
    "GET /v1/messages/{message_id}": _HELPDESK,
    "POST /v1/messages/{message_id}/cancel": _HELPDESK,
    "POST /v1/messages/{message_id}/resend": _HELPDESK,
    "POST /v1/messages/{message_id}/resolve": _HELPDESK,
    "GET /v1/institutions/{code}": _HELPDESK,
    "GET /v1/search": _HELPDESK,
    "GET /v1/advice": _HELPDESK,
    "GET /v1/plan": _HELPDESK | {Role.PUBLISHER},
    "PUT /v1/reports/{fiscal_year}/{institution_code}": _PUBLISHING,
    "POST /v1/reports": _PUBLISHING,
    "POST /v1/address-changes": _HELPDESK,
    "GET /v1/address-changes": _HELPDESK,
    "GET /v1/address-changes/{change_id}": _HELPDESK,
    "POST /v1/address-changes/{change_id}/approve": _HELPDESK,
    "POST /v1/address-changes/{change_id}/done": _HELPDESK,
    "POST /v1/address-changes/{change_id}/reject": _HELPDESK,
    "GET /v1/suppressions": _HELPDESK,
    "DELETE /v1/suppressions/{suppression_id}": _HELPDESK,
    "GET /v1/bounces/unmatched": {Role.HELPDESK, Role.ADMIN},
    "GET /v1/bounces/unmatched/{report_id}/raw": {Role.HELPDESK, Role.ADMIN},
    "GET /v1/audit": {Role.AUDITOR, Role.ADMIN},
    "GET /v1/exports/messages": _HELPDESK,
    "GET /v1/exports/undelivered": _HELPDESK,
    "GET /v1/exports/suppressions": _HELPDESK,
    "GET /v1/exports/to-reach": _HELPDESK,
    "GET /v1/exports/audit": {Role.AUDITOR, Role.ADMIN},
}


def calls() -> list[tuple[str, str]]:
    """Method and path of every route there is."""
    routes = [route for router in ROUTERS for route in router.routes]
    assert all(isinstance(route, APIRoute) for route in routes)
    return [(method, route.path_format) for route in routes for method in sorted(route.methods)]


def url(path: str) -> str:
    """A path with something in each place."""
    return path.replace("{fiscal_year}", "2026").replace("{", "").replace("}", "")


async def test_the_document_tells_who_may_use_a_call(sqlite_api: Any) -> None:
    paths = (await sqlite_api.client.get("/openapi.json")).json()["paths"]
    told = {
        f"{method.upper()} {path}": set(re.findall(r"`([a-z]+)`", call["description"].rpartition("\n\nRoles: ")[2]))
        for path, calls in paths.items()
        for method, call in calls.items()
        if "security" in call
    }
    assert told == ALLOWED


NOBODY = "00000000-0000-0000-0000-000000000000"
CLOSED = [(method, path) for method, path in calls() if path not in OPEN]


def test_this_matrix_knows_every_call() -> None:
    assert {f"{method} {path}" for method, path in CLOSED} == set(ALLOWED)
    assert {path for _, path in calls()} >= OPEN


NO_TOKEN = [
    None,
    "",
    "Bearer",
    "Bearer ",
    "Bearer tdk_unknown",
    "Basic dG9rZW4=",
    "bearer\ttdk_x",
    "Bearer \x00",
    "Bearer あ".encode(),
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_without_a_good_token_nothing_is_answered(sqlite_api: Any, method: str, path: str) -> None:
    for header in NO_TOKEN:
        headers = {} if header is None else {"Authorization": header}
        answer = await sqlite_api.client.request(method, url(path), headers=headers, content=b"{")
        assert answer.status_code == 401, header
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["type"].endswith("/unauthenticated")


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_each_role_is_let_in_where_it_belongs(sqlite_api: Any, method: str, path: str) -> None:
    for role in Role:
        answer = await sqlite_api.ask(role, method, url(path), content=b"{", params={"no-such": "1"})
        if role in ALLOWED[f"{method} {path}"]:
            assert answer.status_code in (400, 404, 422), (role, answer.text)
        else:
            assert answer.status_code == 403, role
            assert set(re.findall("[a-z]+", answer.json()["detail"])) == ALLOWED[f"{method} {path}"]
            assert answer.json()["type"].endswith("/forbidden")


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_a_parameter_that_a_call_does_not_know_is_refused(sqlite_api: Any, method: str, path: str) -> None:
    place = url(path).replace("suppression_id", NOBODY)
    for given in ("?dry_run=true", "?dry_run="):
        answer = await sqlite_api.ask(Role.ADMIN, method, place + given, json={"institution": {}})
        told = {"field": "dry_run", "code": "unknown-field", "detail": "this field does not belong here"}
        assert answer.status_code == 422
        assert told in answer.json()["errors"]


async def test_a_job_with_a_parameter_is_not_published(sqlite_api: Any) -> None:
    answer = await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs?dry_run=true", json=sqlite_api.job())
    assert answer.json()["code"] == "unknown-field"
    assert (await sqlite_api.get("/v1/messages"))["items"] == []


@pytest.mark.parametrize(("method", "path"), [call for call in calls() if call[1] in OPEN])
async def test_what_is_open_needs_no_token(sqlite_api: Any, method: str, path: str) -> None:
    place = path.replace("{code}", "invalid")
    assert (await sqlite_api.client.request(method, place)).status_code == 200


async def test_the_local_token_is_an_admin(sqlite_api: Any) -> None:
    headers = {"Authorization": "bearer local-token-of-the-tests"}
    assert (await sqlite_api.client.get("/v1/audit", headers=headers)).status_code == 200
    assert (await sqlite_api.client.get("/v1/messages", headers=headers)).status_code == 200


async def test_a_revoked_token_is_refused(api: Any) -> None:
    await api.get("/v1/messages")
    await api.wiring.people.revoke("helpdesk")
    assert (await api.ask(Role.HELPDESK, "GET", "/v1/messages")).status_code == 401


async def test_a_request_is_judged_in_the_contracts_order(sqlite_api: Any) -> None:
    huge, torn, wrong = b" " * 200_001, b"{", b'{"job_id": 1}'
    unknown = await sqlite_api.client.post("/v1/jobs", content=huge)
    assert unknown.status_code == 401
    assert (await sqlite_api.ask(Role.HELPDESK, "POST", "/v1/jobs", content=huge)).status_code == 403
    assert (await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", content=torn)).status_code == 400
    assert (await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", content=huge)).status_code == 413
    assert (await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", content=wrong)).status_code == 422
