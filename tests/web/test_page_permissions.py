"""Every page under every role: who is let in, what a prefecture office reaches, and how refusals look."""

from __future__ import annotations

from typing import Any

import pytest

from core.statuses import Status
from store.people import Role
from web.pages.rendering import POLICY
from web.pages.routers import PAGE_ROUTERS

OPEN = {"GET /static/{name}"}
_HELPDESK = {Role.HELPDESK, Role.PREFECTURE, Role.ADMIN}

ALLOWED = {
    "GET /": set(Role),
    "GET /search": _HELPDESK,
    "GET /institutions/{code}": _HELPDESK,
    "GET /institutions/{code}/now": _HELPDESK,
    "GET /institutions/{code}/story": _HELPDESK,
    "GET /messages": _HELPDESK,
    "GET /advice": _HELPDESK,
    "GET /advice/procedure": _HELPDESK,
    "GET /messages/{message_id}": _HELPDESK,
    "GET /messages/{message_id}/story": _HELPDESK,
    "POST /messages/{message_id}/address": _HELPDESK,
    "POST /messages/{message_id}/cancel": _HELPDESK,
    "POST /messages/{message_id}/resend": _HELPDESK,
    "POST /messages/{message_id}/resolve": _HELPDESK,
    "GET /live": _HELPDESK,
    "GET /dashboard": _HELPDESK,
    "GET /dashboard/figures": _HELPDESK,
    "GET /undelivered": _HELPDESK,
    "POST /undelivered/{message_id}/follow-ups": _HELPDESK,
    "GET /to-reach": _HELPDESK,
    "GET /in-doubt": _HELPDESK,
    "GET /address-changes": _HELPDESK,
    "GET /address-changes/new": _HELPDESK,
    "POST /address-changes/new": _HELPDESK,
    "GET /address-changes/{change_id}": _HELPDESK,
    "POST /address-changes/{change_id}/addresses": _HELPDESK,
    "POST /address-changes/{change_id}/approve": _HELPDESK,
    "POST /address-changes/{change_id}/done": _HELPDESK,
    "POST /address-changes/{change_id}/reject": _HELPDESK,
    "GET /suppressions": _HELPDESK,
    "GET /suppressions/new": _HELPDESK,
    "POST /suppressions/new": _HELPDESK,
    "POST /suppressions/{suppression_id}/release": _HELPDESK,
    "GET /unmatched": {Role.HELPDESK, Role.ADMIN},
    "GET /plan": _HELPDESK | {Role.PUBLISHER},
    "GET /jobs": _HELPDESK | {Role.PUBLISHER},
    "GET /audit": {Role.AUDITOR, Role.ADMIN},
}
"""Pages and what they do, and who may. POST /logout is for whoever has a session."""

HTML = {"Accept": "text/html"}


def calls() -> list[tuple[str, str]]:
    routes = [route for router in PAGE_ROUTERS for route in router.routes]
    return [(method, route.path_format) for route in routes for method in sorted(route.methods)]


CLOSED = [call for call in calls() if " ".join(call) in ALLOWED]


def test_this_matrix_knows_every_page() -> None:
    known = {" ".join(call) for call in calls() if not call[1].startswith(("/login", "/logout"))}
    assert known == set(ALLOWED) | OPEN


async def test_a_stranger_is_led_to_sign_in(sqlite_api: Any) -> None:
    for method, path in CLOSED:
        answer = await sqlite_api.client.request(method, path.replace("{", "").replace("}", ""), headers=HTML)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/login"), path


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_is_let_in_where_it_belongs(sqlite_api: Any, role: Role) -> None:
    for method, path in CLOSED:
        if path == "/live" and role in ALLOWED["GET /live"]:
            continue  # goes on for ever
        place = path.replace("{code}", "unknown").replace("{", "").replace("}", "")
        answer = await sqlite_api.ask(role, method, place, headers=HTML, data={} if method == "POST" else None)
        if role in ALLOWED[f"{method} {path}"]:
            assert answer.status_code in (200, 303, 404, 422), (role, path, answer.text)
        else:
            assert answer.status_code == 403, (role, path)
            assert "この操作を行う権限がありません" in answer.text


@pytest.fixture
async def both(sqlite_api: Any) -> Any:
    """Mails of an institution in Tokyo (13), one of them to the address of one in Yamaguchi (35)."""
    api = sqlite_api
    place = {"code": "1300000001", "name": "江東薬局", "type": "pharmacy", "prefecture": "13"}
    there = api.job(job_id="theirs", application__id="A-2", institution=place, recipient__email="koto@example.jp")
    sent = api.plain_job("application-complete", 2, institution=place, recipient__email="koto@example.jp")
    shared = api.plain_job("application-complete", 3, institution=place)  # to the address of ours
    mails = await api.publish(api.job(), there, sent, shared)
    await api.move(mails[2]["id"], Status.SENDING, Status.UNDELIVERED, bounce_class="hard", reason="userunknown")
    await api.move(mails[4]["id"], Status.SENDING, Status.IN_DOUBT)
    return api


async def test_an_address_shared_with_another_prefecture_gives_nothing_away(both: Any) -> None:
    own = await both.ask(Role.PREFECTURE, "GET", "/institutions/3510012345", headers=HTML)
    assert "1300000001" not in own.text
    assert "ほかの報告機関" not in own.text
    everything = await both.ask(Role.HELPDESK, "GET", "/institutions/3510012345", headers=HTML)
    assert "1300000001" in everything.text


async def test_the_dashboard_counts_the_prefectures_own(both: Any) -> None:
    own = await both.ask(Role.PREFECTURE, "GET", "/dashboard", headers=HTML)
    assert "東京都" not in own.text
    assert "ユーザ登録申請完了メール" not in own.text
    everything = await both.ask(Role.HELPDESK, "GET", "/dashboard", headers=HTML)
    assert "東京都" in everything.text
    assert "ユーザ登録申請完了メール" in everything.text


async def test_an_office_is_told_its_own_desk_whatever_it_asks_for(sqlite_api: Any) -> None:
    answer = await sqlite_api.ask(Role.PREFECTURE, "GET", "/advice?prefecture=13&symptom=no-internet", headers=HTML)
    assert "083-933-2924" in answer.text
    assert "03-0000-0000" not in answer.text


async def test_pages_are_strict_and_not_kept(sqlite_api: Any) -> None:
    answer = await sqlite_api.ask(Role.HELPDESK, "GET", "/", headers=HTML)
    policy = answer.headers["content-security-policy"]
    assert policy == POLICY
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "<style" not in answer.text
    assert "style=" not in answer.text
    assert answer.text.count("<script") == answer.text.count('<script src="/static/')


async def test_programs_get_problems_as_before(sqlite_api: Any) -> None:
    answer = await sqlite_api.ask(Role.HELPDESK, "GET", "/institutions/unknown")
    assert answer.headers["content-type"] == "application/problem+json"
    page = await sqlite_api.ask(Role.HELPDESK, "GET", "/v1/institutions/unknown", headers=HTML)
    assert page.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("query", "kept"), [("", "no-cache"), ("?v=old", "no-cache")])
async def test_our_files_are_kept_under_their_digest_alone(sqlite_api: Any, query: str, kept: str) -> None:
    answer = await sqlite_api.client.get(f"/static/todoke.css{query}")
    assert answer.headers["cache-control"] == kept
    page = await sqlite_api.ask(Role.HELPDESK, "GET", "/", headers=HTML)
    [named] = [part for part in page.text.split('"') if part.startswith("/static/todoke.css")]
    assert "immutable" in (await sqlite_api.client.get(named)).headers["cache-control"]
    assert (await sqlite_api.client.get("/static/..%2Fauth.py")).status_code == 404
