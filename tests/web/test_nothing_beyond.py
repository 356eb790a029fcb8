"""Every route there is, asked by one prefecture for another's: by address, filter, order, export, stream and error.

A route that is not described here fails; so does one whose description shows nothing even to the secretariat.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select

from core.reports import Action, BounceClass, ParsedReport, Reason, RecipientReport, ReportType
from core.statuses import Status
from store.people import Role
from store.tables import address_changes, follow_ups, messages, suppressions

CODE, NAME, EMAIL, APPLICATION, JOB, LOGIN = (
    "1377700777",
    "江東ふたば薬局",
    "futaba-only@koto-futaba.example.jp",
    "A-KOTO-777",
    "job-koto-777",
    "hkoto777",
)
DIAGNOSTIC = "550 5.1.1 koto-relay says no"
PASSWORD = "five-herons-at-dawn"
OURS = {"Origin": "https://todoke", "Accept": "text/html"}

FILTERS = (
    *({"institution_code": CODE}, {"application_id": APPLICATION}, {"email": EMAIL}, {"email": EMAIL.upper()}),
    *({"prefecture": "13"}, {"job_id": JOB}, {"since": "2000-01-01T00:00:00Z"}, {"until": "2090-01-01T00:00:00Z"}),
    *({"kind": "guide"}, {"kind": "pre-check"}, {"status": "undelivered"}, {"status": "held"}, {"state": "all"}),
    *({"work": "all"}, {"work": "open"}, {"scope": "all"}, {"symptom": "not-arrived", "institution_code": CODE}),
    *(
        {"sort": "institution_name"},
        {"order": "prefecture"},
        {"scheme": "pharmacy-function"},
        {"limit": "250"},
        {"format": "ndjson"},
        {},
    ),
    *({"q": text} for text in (CODE, NAME, NAME[:3], EMAIL, EMAIL[:8], APPLICATION, LOGIN, "利用案内")),
    *({"institution_code": CODE, "format": "ndjson"}, {"prefecture": "13", "work": "all", "format": "csv"}),
)
"""Every parameter by which somebody narrows anything, set to what would bring another prefecture's things."""

CHANGE = {"institution_name": NAME, "institution_code": CODE, "old_email": EMAIL, "new_email": "new@example.jp"}
NAMED_CHANGE = {"institution_name": NAME, "old_email": EMAIL, "new_email": "new@example.jp", "prefecture": "13"}
RESOLUTION = {"outcome": "sent", "why": "x"}
FOLLOW_UP = {"channel": "phone", "result": "told", "note": "x"}
NEW_SUPPRESSION = {"institution_code": CODE, "email": EMAIL, "scope": "all", "why": "x"}


@dataclass(frozen=True, slots=True)
class Way:
    """How a route is asked: with each filter or each body. `shows`: the secretariat sees the other's there."""

    bodies: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    shows: bool = False
    answered: bool = True  # False: asked with an address that names something; it goes on for ever


READ, SHOWN, PLAIN_ACT = Way(), Way(shows=True), Way(bodies=({},))

WAYS: Mapping[str, Way] = {
    "POST /v1/jobs": Way(bodies=({"job_id": JOB, "kind": "guide"},)),
    "POST /v1/jobs/{job_id}/cancel": PLAIN_ACT,
    "GET /v1/jobs/{job_id}": SHOWN,
    "GET /v1/messages": SHOWN,
    "GET /v1/messages/{message_id}": SHOWN,
    "POST /v1/messages/{message_id}/cancel": PLAIN_ACT,
    "POST /v1/messages/{message_id}/resolve": Way(bodies=(RESOLUTION,)),
    "POST /v1/messages/{message_id}/resend": PLAIN_ACT,
    "GET /v1/institutions/{code}": SHOWN,
    "GET /v1/advice": READ,
    "GET /v1/plan": READ,
    "GET /v1/search": SHOWN,
    "PUT /v1/reports/{fiscal_year}/{institution_code}": Way(bodies=({"status": "reported"},)),
    "POST /v1/reports": Way(bodies=({"fiscal_year": 2026, "status": "reported"},)),
    "POST /v1/address-changes": Way(bodies=(CHANGE, NAMED_CHANGE)),
    "GET /v1/address-changes": SHOWN,
    "GET /v1/address-changes/{change_id}": SHOWN,
    "POST /v1/address-changes/{change_id}/approve": PLAIN_ACT,
    "POST /v1/address-changes/{change_id}/done": Way(bodies=({"login_id": LOGIN},)),
    "POST /v1/address-changes/{change_id}/reject": Way(bodies=({"why": "x"},)),
    "GET /v1/suppressions": SHOWN,
    "DELETE /v1/suppressions/{suppression_id}": Way(bodies=({"reason": "x"},)),
    "GET /v1/bounces/unmatched": SHOWN,
    "GET /v1/bounces/unmatched/{report_id}/raw": SHOWN,
    "GET /v1/audit": READ,
    "GET /v1/exports/messages": SHOWN,
    "GET /v1/exports/undelivered": SHOWN,
    "GET /v1/exports/suppressions": SHOWN,
    "GET /v1/exports/to-reach": SHOWN,
    "GET /v1/exports/audit": READ,
    "GET /livez": READ,
    "GET /readyz": READ,
    "GET /openapi.json": READ,
    "GET /docs": READ,
    "GET /problems/{code}": READ,
    "GET /": READ,
    "GET /search": SHOWN,
    "GET /messages": SHOWN,
    "GET /institutions/{code}": SHOWN,
    "GET /institutions/{code}/now": READ,
    "GET /institutions/{code}/story": SHOWN,
    "GET /advice": READ,
    "GET /advice/procedure": READ,
    "GET /messages/{message_id}": SHOWN,
    "GET /messages/{message_id}/story": SHOWN,
    "POST /messages/{message_id}/address": Way(bodies=({"why": "x"},)),
    "POST /messages/{message_id}/cancel": Way(bodies=({"why": "x"},)),
    "POST /messages/{message_id}/resend": Way(bodies=({"why": "x"},)),
    "POST /messages/{message_id}/resolve": Way(bodies=(RESOLUTION,)),
    "GET /live": Way(answered=False),
    "GET /dashboard": READ,
    "GET /dashboard/figures": READ,
    "GET /undelivered": SHOWN,
    "POST /undelivered/{message_id}/follow-ups": Way(bodies=(FOLLOW_UP,)),
    "GET /to-reach": SHOWN,
    "GET /in-doubt": READ,
    "GET /address-changes": SHOWN,
    "GET /address-changes/new": READ,
    "POST /address-changes/new": Way(bodies=(CHANGE, NAMED_CHANGE)),
    "GET /address-changes/{change_id}": SHOWN,
    "POST /address-changes/{change_id}/addresses": Way(bodies=({"why": "x"},)),
    "POST /address-changes/{change_id}/approve": PLAIN_ACT,
    "POST /address-changes/{change_id}/done": Way(bodies=({"login_id": LOGIN},)),
    "POST /address-changes/{change_id}/reject": Way(bodies=({"why": "x"},)),
    "GET /suppressions": SHOWN,
    "GET /suppressions/new": READ,
    "POST /suppressions/new": Way(bodies=(NEW_SUPPRESSION,)),
    "POST /suppressions/{suppression_id}/release": Way(bodies=({"why": "x", "reason": "x"},)),
    "GET /unmatched": READ,
    "GET /plan": READ,
    "GET /jobs": SHOWN,
    "GET /audit": READ,
    "GET /static/{name}": READ,
    "GET /login": READ,
    "GET /login/oidc": READ,
    "GET /login/oidc/callback": READ,
    "POST /login": PLAIN_ACT,
}
LEAVES_THE_SESSION = {"POST /logout"}


def routes_of(app: Any) -> dict[str, APIRoute]:
    """Every route of the application, by method and path."""
    found = {f"{m} {route.path_format}": route for route in _flat(app.routes) for m in route.methods}
    assert len(found) > 60
    return found


def _flat(routes: Any) -> Any:
    """Routes, also of routers that stand in the application as a whole."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
            assert inner, f"{route!r} is no route that this test can walk"
            yield from _flat(inner)


@pytest.fixture
async def two(sqlite_api: Any) -> AsyncIterator[Any]:
    """Something of everything in Tokyo (13), something else in Yamaguchi (35), and somebody signed in there."""
    api = sqlite_api
    place = {"code": CODE, "name": NAME, "type": "pharmacy", "prefecture": "13"}
    theirs = api.job(job_id=JOB, application__id=APPLICATION, institution=place, recipient__email=EMAIL)
    theirs["data"]["login_id"] = LOGIN
    mails = await api.publish(api.job(), theirs)
    theirs_first = mails[2]["id"]
    values = {"bounce_class": "hard", "reason": "userunknown", "diagnostic": DIAGNOSTIC}
    await api.move(theirs_first, Status.SENDING, Status.UNDELIVERED, **values)
    answer = await api.ask(Role.HELPDESK, "POST", "/v1/address-changes", json=CHANGE)
    change = answer.json().get("id") or await _entered_change(api)
    why = (Reason("userunknown"), BounceClass("hard"), DIAGNOSTIC)
    told = RecipientReport(EMAIL, Action.FAILED, "5.1.1", 550, *why)
    report = await api.report(ParsedReport(ReportType.BOUNCE, (told,)), state="unmatched", raw=EMAIL.encode())
    unreached = {"institution": place, "recipient": theirs["recipient"], "status": "not-started", "channel": "paper"}
    assert (await api.ask(Role.PUBLISHER, "PUT", f"/v1/reports/2026/{CODE}", json=unreached)).status_code == 200
    [suppression] = (await api.get("/v1/suppressions", params={"institution_code": CODE}))["items"]
    api.places = {
        "job_id": JOB,
        "message_id": theirs_first,
        "code": CODE,
        "institution_code": CODE,
        "fiscal_year": "2026",
        "change_id": change,
        "suppression_id": suppression["id"],
        "report_id": report,
        "name": "todoke.css",
    }
    await api.wiring.users.create("office", Role.PREFECTURE, "35", PASSWORD)
    transport = httpx2.ASGITransport(app=api.wiring.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://todoke") as browser:
        api.browser = browser
        api.csrf = await _signed_in(browser)
        yield api


async def _entered_change(api: Any) -> str:
    """A request on record, whatever may be asked for by now."""
    from datetime import date

    from sqlalchemy import insert

    row = {"id": api.wiring.ids(), "institution_code": CODE, "institution_name": NAME, "state": "requested"}
    row |= {
        "old_email": EMAIL,
        "old_email_key": EMAIL,
        "new_email": "new@example.jp",
        "new_email_key": "new@example.jp",
    }
    row |= {"due_from": date(2026, 12, 1), "due_to": date(2026, 12, 8), "requested_at": api.clock.now()}
    async with api.wiring.db.write() as conn:
        await conn.execute(insert(address_changes).values(row | {"requested_by": "helpdesk"}))
    return str(row["id"])


async def _signed_in(browser: httpx2.AsyncClient) -> str:
    from web import csrf

    await browser.get("/login", headers=OURS)
    token = csrf.token_for(browser.cookies["__Host-todoke-form"])
    form = {"name": "office", "password": PASSWORD, "csrf_token": token}
    assert (await browser.post("/login", data=form, headers=OURS)).status_code == 303
    return csrf.token_for(browser.cookies["__Host-todoke-session"])


def test_every_route_is_described(sqlite_api: Any) -> None:
    assert set(routes_of(sqlite_api.wiring.app)) == set(WAYS) | LEAVES_THE_SESSION


def marks(sent: str) -> set[str]:
    """What gives the other's things away, but for what was sent: pages show again what was typed."""
    secret = {CODE, NAME, NAME[2:5], EMAIL, "koto-futaba", APPLICATION, JOB, LOGIN, DIAGNOSTIC, "koto-relay"}
    return {mark for mark in secret if mark.casefold() not in sent.casefold()}


async def asked(api: Any, call: str, way: Way, role: Role | None) -> AsyncIterator[tuple[str, httpx2.Response]]:
    """All that a route answers, each with what was sent; `role` None is the browser of the office."""
    method, path = call.split(" ", 1)
    for name, value in api.places.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, f"{call}: what stands in its address is not known here"
    filters = FILTERS if way.answered else ({"institution_code": CODE},)
    for body in way.bodies or (None,):
        for params in filters if body is None else ({},):
            sent = f"{path} {json.dumps([params, body], ensure_ascii=False)}"
            if role is not None:
                yield sent, await api.ask(role, method, path, params=params, json=body)
            elif path.startswith("/v1"):
                headers = OURS | {"X-CSRF-Token": api.csrf, "Accept": "*/*"}
                yield sent, await api.browser.request(method, path, params=params, json=body, headers=headers)
            else:
                form = None if body is None else {**body, "csrf_token": api.csrf}
                yield sent, await api.browser.request(method, path, params=params, data=form, headers=OURS)


async def recorded(api: Any) -> list[Any]:
    """All that is on record of the other prefecture."""
    async with api.wiring.db.read() as conn:
        rows: list[Any] = []
        for table in (messages, address_changes, suppressions, follow_ups):
            rows += (
                await conn.execute(select(table).where(table.c.institution_code == CODE).order_by(table.c.id))
            ).all()
        return rows


async def test_nothing_of_another_prefecture_is_reached(two: Any) -> None:
    before = await recorded(two)
    for call in WAYS.keys() - {"POST /login"}:
        for role in (None, Role.PREFECTURE):
            async for sent, answer in asked(two, call, WAYS[call], role):
                assert answer.status_code < 500, sent
                found = {mark for mark in marks(sent) if mark.casefold() in answer.text.casefold()}
                assert not found, (sent, role, answer.text)
                assert WAYS[call].answered or answer.status_code == 404
        assert await recorded(two) == before, call


async def test_the_secretariat_would_have_seen_it(two: Any) -> None:
    for call in (call for call, way in WAYS.items() if way.shows):
        shown: set[str] = set()
        async for sent, answer in asked(two, call, WAYS[call], Role.HELPDESK):
            shown |= {mark for mark in marks(sent) if mark.casefold() in answer.text.casefold()}
        assert shown, call
