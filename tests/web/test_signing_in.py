"""Signing in and out by browser: cookies, tokens of forms, where one is led, and what the pages share with the API."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
from fastapi import Request
from starlette.responses import JSONResponse

from store.people import Role
from web import csrf
from web.auth import MayAudit, MayReadMessages
from web.forms import read_form
from web.sessions import safe_next

PASSWORD = "五月雨を集めて早し最上川"
OURS = {"Origin": "https://todoke"}


@pytest.fixture
async def office(sqlite_api: Any) -> Any:
    """A service that knows an office of Yamaguchi, and a page and an action of ours."""
    await sqlite_api.wiring.users.create("office", Role.PREFECTURE, "35", PASSWORD)
    app = sqlite_api.wiring.app

    @app.get("/page")
    async def page(request: Request, who: MayReadMessages) -> JSONResponse:
        return JSONResponse({"name": who.name, "csrf": request.state.csrf_token})

    @app.get("/audit-page")
    async def audit_page(who: MayAudit) -> JSONResponse:
        return JSONResponse({"name": who.name})

    @app.post("/act")
    async def act(request: Request, who: MayReadMessages) -> JSONResponse:
        return JSONResponse({"done": who.name, "why": (await read_form(request, 100)).get("why")})

    return sqlite_api


@pytest.fixture
async def browser(office: Any) -> Any:
    async with browser_of(office) as made:
        yield made


def browser_of(api: Any, base_url: str = "https://todoke") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=api.wiring.app)
    return httpx2.AsyncClient(transport=transport, base_url=base_url, headers={"Accept": "text/html"})


async def form_token(browser: httpx2.AsyncClient, url: str = "/login") -> str:
    page = await browser.get(url)
    assert page.status_code == 200
    [token] = re.findall(r'name="csrf_token" value="([\w-]+)"', page.text)
    return token


async def sign_in(browser: httpx2.AsyncClient, name: str = "office", password: str = PASSWORD, **more: str) -> Any:
    form = {"csrf_token": await form_token(browser), "name": name, "password": password, **more}
    return await browser.post("/login", data=form, headers=OURS)


async def test_signing_in_leads_to_the_page_that_was_wanted(browser: Any) -> None:
    away = await browser.get("/page?x=1&y=%E3%81%82")
    assert (away.status_code, away.headers["location"]) == (303, "/login?next=/page%3Fx%3D1%26y%3D%25E3%2581%2582")
    shown = await browser.get(away.headers["location"])
    [wanted] = re.findall(r'name="next" value="([^"]*)"', shown.text)
    answer = await sign_in(browser, next=wanted.replace("&amp;", "&"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/page?x=1&y=%E3%81%82")
    assert (await browser.get("/page")).json()["name"] == "office"


async def test_the_cookies_are_for_us_alone(browser: Any) -> None:
    answer = await sign_in(browser)
    cookies = answer.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0][:19] for cookie in cookies] == ["__Host-todoke-sessi", "__Host-todoke-devic"]
    for cookie in cookies:
        assert all(part in cookie for part in ("; HttpOnly", "; Secure", "; SameSite=lax", "; Path=/"))
        assert "Domain" not in cookie
    assert "Max-Age" not in cookies[0]


async def test_only_locally_will_plain_http_do(office: Any) -> None:
    async with browser_of(office, "http://todoke") as plain:
        form = {"csrf_token": await form_token(plain), "name": "office", "password": PASSWORD}
        answer = await plain.post("/login", data=form, headers={"Origin": "http://todoke"})
        assert (await plain.get("/page")).status_code == 200
    assert "Secure" not in answer.headers["set-cookie"]


async def test_a_wrong_password_is_told_without_saying_what_is_wrong(browser: Any) -> None:
    wrong, nobody = await sign_in(browser, password="x"), await sign_in(browser, name="no<b>ody")
    assert wrong.status_code == nobody.status_code == 403
    told = [re.findall(r'role="alert".*?</span>(.*?)</p>', page.text, re.DOTALL) for page in (wrong, nobody)]
    assert told == [[" ユーザー名又はパスワードが正しくありません。"]] * 2
    assert "no&lt;b&gt;ody" in nobody.text
    assert "no<b>ody" not in nobody.text
    assert (await browser.get("/page")).status_code == 303


async def test_a_lock_is_told_with_its_end(browser: Any) -> None:
    answers = [await sign_in(browser, password="x") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 4 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert "一時的に停止" in answers[-1].text
    assert (await sign_in(browser)).status_code == 429


async def test_a_known_device_signs_in_under_a_strangers_lock(office: Any, browser: Any) -> None:
    await sign_in(browser)
    browser.cookies.delete("__Host-todoke-session")
    async with browser_of(office) as stranger:
        answers = [await sign_in(stranger, password="x") for _ in range(5)]
        assert answers[-1].status_code == 429
        assert (await sign_in(stranger)).status_code == 429
    assert (await sign_in(browser)).status_code == 303


async def test_a_forged_device_is_none(office: Any) -> None:
    async with browser_of(office) as stranger:
        for _ in range(5):
            await sign_in(stranger, password="x")
        await sign_in(stranger, name="other", password="x")
        label = "__Host-todoke-device-" + "0" * 12
        stranger.cookies.set(label, "abc." + "0" * 64, domain="todoke")
        assert (await sign_in(stranger)).status_code == 429


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}])
async def test_another_sites_form_signs_nobody_in(browser: Any, headers: dict[str, str]) -> None:
    form = {"csrf_token": await form_token(browser), "name": "office", "password": PASSWORD}
    answer = await browser.post("/login", data=form, headers=headers)
    assert answer.status_code == 403
    assert (await browser.get("/page")).status_code == 303


@pytest.mark.parametrize("token", ["", "x", None])
async def test_a_form_without_its_token_signs_nobody_in(browser: Any, token: str | None) -> None:
    await form_token(browser)
    form = {"csrf_token": token, "name": "office", "password": PASSWORD}
    answer = await browser.post("/login", data={k: v for k, v in form.items() if v is not None}, headers=OURS)
    assert answer.status_code == 403
    assert (await browser.get("/page")).status_code == 303


async def test_signing_out_ends_the_session_and_needs_the_token(browser: Any) -> None:
    await sign_in(browser)
    token = (await browser.get("/page")).json()["csrf"]
    kept = browser.cookies["__Host-todoke-session"]
    assert (await browser.post("/logout", headers=OURS)).status_code == 403
    assert (await browser.get("/page")).status_code == 200
    assert f'name="csrf_token" value="{token}"' in (await browser.get("/")).text
    out = await browser.post("/logout", data={"csrf_token": token}, headers=OURS)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert "__Host-todoke-session" not in browser.cookies
    browser.cookies.set("__Host-todoke-session", kept, domain="todoke")
    assert (await browser.get("/page")).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://todoke"}, 200),
        ({"Origin": "https://todoke", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://todoke.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://todoke", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://todoke", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_an_action_has_to_come_from_a_page_of_ours(browser: Any, headers: dict[str, str], status: int) -> None:
    await sign_in(browser)
    token = (await browser.get("/page")).json()["csrf"]
    for more in ({"data": {"csrf_token": token, "why": "x"}}, {"headers": {csrf.HEADER: token}}):
        sent = headers | more.pop("headers", {})
        answer = await browser.post("/act", headers=sent, **more)
        assert answer.status_code == status
    for wrong in ("", "x", token[:-1]):
        answer = await browser.post("/act", headers=headers, data={"csrf_token": wrong})
        assert answer.status_code == 403
        assert "この画面からの操作であることを確認できません" in answer.text


async def test_htmx_is_told_to_leave_the_page(browser: Any) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://todoke/institutions/351?tab=1"}
    answer = await browser.get("/page", headers=headers)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (
        401,
        "/login?next=/institutions/351%3Ftab%3D1&said=ended",
    )


async def test_the_api_takes_the_session_as_it_takes_a_token(browser: Any, office: Any) -> None:
    await office.publish(office.job())
    assert (await browser.get("/v1/messages")).status_code == 401
    await sign_in(browser)
    assert len((await browser.get("/v1/messages")).json()["items"]) == 2
    assert (await browser.get("/v1/audit")).status_code == 403
    [*_, line] = await office.audited()
    assert (line.actor, line.role, line.prefecture, line.action) == ("office", "prefecture", "35", "messages-listed")
    assert (await browser.post("/v1/reports", json=[], headers=OURS)).json()["code"] == "forged"


async def test_a_role_stays_within_its_pages(browser: Any) -> None:
    await sign_in(browser)
    assert (await browser.get("/audit-page")).status_code == 403
    assert (await browser.get("/")).status_code == 200


async def test_who_is_signed_in_need_not_sign_in(browser: Any) -> None:
    await sign_in(browser)
    answer = await browser.get("/login?next=/page")
    assert (answer.status_code, answer.headers["location"]) == (303, "/page")


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "evil",
        "/\n/evil",
        "/login?next=/",
        "",
        "/" + "x" * 2000,
    ],
)
def test_nobody_is_led_elsewhere(place: str) -> None:
    assert safe_next(place) == "/"


async def test_a_form_that_is_none_is_refused(browser: Any) -> None:
    for body in (b"\xff\xff", b"name=%ff", b"&".join(b"a%d=1" % number for number in range(300))):
        headers = OURS | {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await browser.post("/login", content=body, headers=headers)).status_code == 400
    assert (await browser.post("/login", json={"name": "office"}, headers=OURS)).status_code == 400
    assert (await browser.post("/login", data={"name": "x" * 20_000}, headers=OURS)).status_code == 413
