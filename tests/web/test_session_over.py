"""A session that ends while somebody fills in a form: what was entered is lost, and the sign-in page says so."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import httpx2
import pytest

from core.statuses import Status
from store.people import Role

PASSWORD = "五月雨を集めて早し最上川"
FORM = {"institution_name": "周南みなと病院", "old_email": "old@example.jp", "new_email": "new@example.jp"}
LOST = "入力された内容は登録されていません"


@pytest.fixture
async def office(sqlite_api: Any) -> AsyncIterator[Any]:
    """An office of Yamaguchi that has signed in, and the browser it sits at."""
    await sqlite_api.wiring.users.create("office", Role.PREFECTURE, "35", PASSWORD)
    transport = httpx2.ASGITransport(app=sqlite_api.wiring.app)
    headers = {"Accept": "text/html", "Origin": "https://todoke"}
    async with httpx2.AsyncClient(transport=transport, base_url="https://todoke", headers=headers) as browser:
        sqlite_api.browser = browser
        await sign_in(browser, (await browser.get("/login")).text)
        yield sqlite_api


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


async def sign_in(browser: httpx2.AsyncClient, page: str, password: str = PASSWORD) -> httpx2.Response:
    """Fill in the sign-in form that is shown."""
    return await browser.post("/login", data={**hidden(page), "name": "office", "password": password})


async def post_too_late(office: Any, place: str, shown: str, data: dict[str, str], **headers: str) -> httpx2.Response:
    """Open a page, have the session ended by the operator, and send the form."""
    browser = office.browser
    page = await browser.get(shown)
    token = re.search(r'name="csrf_token" value="([\w-]+)"', page.text)
    await office.wiring.users.set_password("office", PASSWORD)
    form = {"csrf_token": token[1] if token else "", **data}
    return await browser.post(place, data=form, headers={"Referer": f"https://todoke{shown}", **headers})


async def test_what_was_entered_is_said_to_be_lost(office: Any) -> None:
    await office.publish(office.job())
    shown = "/address-changes/new?institution_code=3510012345"
    away = await post_too_late(office, "/address-changes/new", shown, FORM)
    place = "/login?next=/address-changes/new%3Finstitution_code%3D3510012345&said=unsaved"
    assert (away.status_code, away.headers["location"]) == (303, place)
    page = (await office.browser.get(place)).text
    assert LOST in page
    refused = await sign_in(office.browser, page, "x")
    assert LOST in refused.text
    back = await sign_in(office.browser, refused.text)
    assert (back.status_code, back.headers["location"]) == (303, shown)
    assert (await office.browser.get("/address-changes")).text.count("old@example.jp") == 0


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("https://todoke/messages/{id}", "/messages/{id}"),
        ("https://todoke/messages/{id}?done=resent", "/messages/{id}"),
        ("https://todoke/messages/{id}/resolve", "/messages/{id}"),
        ("", "/messages/{id}"),
        ("https://todoke/undelivered?prefecture=35&done=followed-up", "/undelivered?prefecture=35"),
        ("https://todoke/login?next=/audit", "/"),
    ],
)
async def test_one_comes_back_to_a_page(office: Any, referer: str, back: str) -> None:
    """Where a form was refused before, the address shown is the form's own, which is no page."""
    [mail] = await office.publish(office.plain_job("application-complete"))
    await office.move(mail["id"], Status.SENDING, Status.IN_DOUBT)
    shown = f"/messages/{mail['id']}"
    data = {"outcome": "sent", "why": "電話"}
    headers = {"Referer": referer.format(id=mail["id"])}
    away = await post_too_late(office, f"{shown}/resolve", shown, data, **headers)
    page = (await office.browser.get(away.headers["location"])).text
    assert LOST in page
    answer = await sign_in(office.browser, page)
    assert answer.headers["location"] == back.format(id=mail["id"])
    assert (await office.browser.get(answer.headers["location"])).status_code == 200


async def test_a_release_leads_back_to_the_list(office: Any) -> None:
    place = "/suppressions/00000000-0000-7000-8000-000000000000/release"
    away = await post_too_late(office, place, "/suppressions", {"why": "訂正"}, Referer="")
    assert away.headers["location"] == "/login?next=/suppressions&said=unsaved"


async def test_a_form_that_htmx_sends_is_said_to_be_lost(office: Any) -> None:
    [mail] = await office.publish(office.plain_job("application-complete"))
    shown = f"/messages/{mail['id']}"
    headers = {"HX-Request": "true", "HX-Current-URL": f"https://todoke{shown}?done=resent"}
    away = await post_too_late(office, f"{shown}/address", shown, {"why": "照会"}, **headers)
    assert (away.status_code, away.headers["hx-redirect"]) == (401, f"/login?next={shown}&said=unsaved")


async def test_news_that_find_the_session_over_say_why_the_page_is_left(office: Any) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://todoke/institutions/351?symptom=in-spam"}
    await office.wiring.users.set_password("office", PASSWORD)
    away = await office.browser.get("/institutions/351/now", headers={**headers, "X-Unattended": "1"})
    place = "/login?next=/institutions/351%3Fsymptom%3Din-spam&said=ended"
    assert (away.status_code, away.headers["hx-redirect"]) == (401, place)
    assert "入力の途中だった内容は保存されていません" in (await office.browser.get(place)).text


async def test_another_sites_form_is_told_nothing(office: Any) -> None:
    office.browser.cookies.clear()
    headers = {"Origin": "https://evil.example", "Referer": "https://evil.example/audit"}
    away = await office.browser.post("/address-changes/new", data=FORM, headers=headers)
    assert (away.status_code, away.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("place", ["/login", "/login?said=", "/login?said=x", "/login?said=<b>"])
async def test_who_comes_by_himself_is_told_nothing(office: Any, place: str) -> None:
    office.browser.cookies.clear()
    assert 'role="alert"' not in (await office.browser.get(place)).text
