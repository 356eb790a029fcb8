"""Signing in by OpenID Connect, against a provider with real HTTP and signed tokens: the way in, and wrong ways."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from structlog.testing import capture_logs

from config.settings import Settings
from config.values import read_role_grant
from core.errors import ConfigurationError
from store.people import Role
from tests.web.oidc_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider
from todoke.wiring import Wiring

HTML = {"Accept": "text/html"}
ROLES = ("groups:pref-35=prefecture/35", "groups:desk=helpdesk", "groups:pref-13=prefecture/13")


class Office:
    """A browser, the service, and the provider that vouches for who sits there."""

    def __init__(self, wiring: Wiring, browser: httpx2.AsyncClient, provider: FakeProvider) -> None:
        self.wiring = wiring
        self.browser = browser
        self.provider = provider

    async def led(self, wanted: str = "/messages?kind=guide") -> httpx2.Response:
        """Where the browser is led to."""
        return await self.browser.get("/login/oidc", params={"next": wanted}, headers=HTML)

    async def back(self, **changes: str) -> httpx2.Response:
        """Led there, signed in there, and back; `changes` in what is brought back."""
        brought = self.provider.authorise((await self.led()).headers["location"]) | changes
        return await self.browser.get("/login/oidc/callback", params=brought, headers=HTML)

    async def role(self) -> tuple[int, str]:
        """What the browser may open now, and as whom."""
        answer = await self.browser.get("/", headers=HTML)
        return answer.status_code, answer.text


@pytest.fixture
async def office(sqlite_api: Any) -> AsyncIterator[Office]:
    provider = FakeProvider()
    async with provider.serving():
        settings = Settings(
            database_url=sqlite_api.wiring.settings.database_url,
            config_dir=sqlite_api.wiring.settings.config_dir,
            public_url="https://todoke",
            oidc_issuer=provider.issuer,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=CLIENT_SECRET,
            oidc_roles=ROLES,
        )
        wiring = Wiring(settings, sqlite_api.clock)
        transport = httpx2.ASGITransport(app=wiring.app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://todoke") as browser:
            yield Office(wiring, browser, provider)
        await wiring.close()


async def trail(office: Office) -> list[tuple[str, str, Any]]:
    from sqlalchemy import select

    from store.tables import audit

    async with office.wiring.db.read() as conn:
        rows = (await conn.execute(select(audit).order_by(audit.c.id))).all()
    return [(row.actor, row.action, row.detail.get("why")) for row in rows]


async def test_somebody_comes_in_with_the_role_of_a_group(office: Office) -> None:
    answer = await office.back()
    assert (answer.status_code, answer.headers["location"]) == (303, "/messages?kind=guide")
    status, page = await office.role()
    assert status == 200
    assert "都道府県窓口（山口県）" in page
    assert "tanaka" in page
    assert await trail(office) == [("tanaka", "sign-in", None)]
    [user] = await office.wiring.users.listed()
    assert (user.name, user.role, user.prefecture, user.by_password) == ("tanaka", Role.PREFECTURE, "35", False)


async def test_the_sign_in_page_offers_it(office: Office) -> None:
    page = await office.browser.get("/login?next=/plan")
    assert '<a class="button" href="/login/oidc?next=/plan">所属組織のアカウントでログイン</a>' in page.text


async def test_without_an_issuer_there_is_nothing_of_it(sqlite_api: Any) -> None:
    assert "/login/oidc" not in (await sqlite_api.client.get("/login")).text
    assert (await sqlite_api.client.get("/login/oidc")).status_code == 404
    assert (await sqlite_api.client.get("/login/oidc/callback")).status_code == 404


async def test_another_role_next_time_ends_what_was_open(office: Office) -> None:
    await office.back()
    transport = httpx2.ASGITransport(app=office.wiring.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://todoke") as second:
        elsewhere = Office(office.wiring, second, office.provider)
        office.provider.claims |= {"groups": ["desk"], "preferred_username": "田中"}
        await elsewhere.back()
        assert "G-MIS事務局" in (await elsewhere.role())[1]
    assert (await office.role())[0] == 303
    [user] = await office.wiring.users.listed()
    assert (user.name, user.role) == ("田中", Role.HELPDESK)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"groups": []}, "no-role"),
        ({"preferred_username": "x" * 101}, "no-name"),
        ({"preferred_username": "Yamada"}, "name-taken"),
    ],
)
async def test_who_may_come_in_no_more_is_out_everywhere(office: Office, claims: dict[str, Any], why: str) -> None:
    await office.wiring.users.create("yamada", Role.ADMIN, None, "five-herons-at-dawn")
    await office.back()
    assert (await office.role())[0] == 200
    transport = httpx2.ASGITransport(app=office.wiring.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://todoke") as second:
        elsewhere = Office(office.wiring, second, office.provider)
        office.provider.claims |= claims
        assert (await elsewhere.back()).status_code == 403
    assert (await office.role())[0] == 303
    assert (await trail(office))[-1] == ("-", "sign-in-failed", why)


async def test_the_refusal_of_one_ends_nothing_of_others(office: Office) -> None:
    await office.back()
    transport = httpx2.ASGITransport(app=office.wiring.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://todoke") as second:
        office.provider.claims |= {"sub": "u-2", "groups": []}
        await Office(office.wiring, second, office.provider).back()
    assert (await office.role())[0] == 200


async def test_the_first_role_that_applies_counts(office: Office) -> None:
    office.provider.claims["groups"] = ["pref-13", "desk"]
    await office.back()
    assert "G-MIS事務局" in (await office.role())[1]


async def test_who_was_disabled_here_stays_out(office: Office) -> None:
    await office.back()
    await office.wiring.users.disable("tanaka")
    assert (await office.back()).status_code == 403
    assert (await office.role())[0] == 303
    assert (await trail(office))[-1] == ("-", "sign-in-failed", "disabled")


async def test_a_name_stands_for_one_alone(office: Office) -> None:
    await office.wiring.users.create("Tanaka", Role.ADMIN, None, "five-herons-at-dawn")
    assert (await office.back()).status_code == 403
    assert (await trail(office))[-1] == ("-", "sign-in-failed", "name-taken")


def _another_nonce(claims: dict[str, Any]) -> None:
    claims["nonce"] = "another"


def _no_nonce(claims: dict[str, Any]) -> None:
    del claims["nonce"]


def _another_audience(claims: dict[str, Any]) -> None:
    claims["aud"] = "somebody-else"


def _another_party(claims: dict[str, Any]) -> None:
    claims["azp"] = "somebody-else"


def _another_issuer(claims: dict[str, Any]) -> None:
    claims["iss"] = "https://evil.example"


def _over(claims: dict[str, Any]) -> None:
    claims["exp"] -= 600


def _from_tomorrow(claims: dict[str, Any]) -> None:
    claims["nbf"] = claims["iat"] + 86400


def _no_end(claims: dict[str, Any]) -> None:
    del claims["exp"]


def _nobody(claims: dict[str, Any]) -> None:
    del claims["sub"]


@pytest.mark.parametrize(
    "spoil",
    [
        _another_nonce,
        _no_nonce,
        _another_audience,
        _another_party,
        _another_issuer,
        _over,
        _from_tomorrow,
        _no_end,
        _nobody,
    ],
)
async def test_a_token_with_a_wrong_claim_lets_nobody_in(office: Office, spoil: Any) -> None:
    office.provider.spoil = spoil
    await assert_refused(office, await office.back())
    assert (await trail(office))[-1][2].startswith("claims-")


def _unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def _by_our_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET.encode() * 4))


def _by_a_stranger(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, RSAKey.generate_key(2048))


def _garbled(_claims: dict[str, Any]) -> str:
    return "no.token.at-all"


@pytest.mark.parametrize("sign", [_unsigned, _by_our_secret, _by_a_stranger, _garbled])
async def test_a_token_that_the_issuer_did_not_sign_lets_nobody_in(office: Office, sign: Any) -> None:
    office.provider.sign = sign
    await assert_refused(office, await office.back())
    assert (await trail(office))[-1] == ("-", "sign-in-failed", "bad-signature")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": "another"}, "bad-state"),
        ({"state": ""}, "bad-state"),
        ({"code": "unknown"}, "issuer-refused"),
        ({"code": ""}, "issuer-refused"),
        ({"error": "access_denied"}, "issuer-refused"),
    ],
)
async def test_what_is_brought_back_has_to_be_what_was_begun(office: Office, changes: dict[str, str], why: str) -> None:
    await assert_refused(office, await office.back(**changes))
    assert (await trail(office))[-1] == ("-", "sign-in-failed", why)


async def test_a_sign_in_serves_once(office: Office) -> None:
    brought = office.provider.authorise((await office.led()).headers["location"])
    assert (await office.browser.get("/login/oidc/callback", params=brought, headers=HTML)).status_code == 303
    office.browser.cookies.delete("__Host-todoke-session")
    await assert_refused(office, await office.browser.get("/login/oidc/callback", params=brought, headers=HTML))


async def test_a_sign_in_that_another_browser_began_is_none(office: Office) -> None:
    brought = office.provider.authorise((await office.led()).headers["location"])
    transport = httpx2.ASGITransport(app=office.wiring.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://todoke") as victim:
        answer = await victim.get("/login/oidc/callback", params=brought, headers=HTML)
        assert answer.status_code == 403
        assert "__Host-todoke-session" not in victim.cookies
    assert await trail(office) == []


@pytest.mark.parametrize("cookies", [{}, {"__Host-todoke-flow": "made-up"}])
async def test_whoever_was_not_led_there_leaves_no_trail(office: Office, cookies: dict[str, str]) -> None:
    office.browser.cookies.update(cookies)
    with capture_logs() as logs:
        answer = await office.browser.get("/login/oidc/callback", params={"code": "a", "state": "b"}, headers=HTML)
    await assert_refused(office, answer)
    assert await trail(office) == []
    assert {entry["log_level"] for entry in logs} == {"info"}


@pytest.mark.parametrize("claims", [{"groups": ["others"]}, {"groups": []}, {"groups": None}, {"groups": "pref-350"}])
async def test_who_has_no_role_here_stays_out(office: Office, claims: dict[str, Any]) -> None:
    office.provider.claims |= claims
    await assert_refused(office, await office.back())
    assert (await trail(office))[-1] == ("-", "sign-in-failed", "no-role")
    assert await office.wiring.users.listed() == []


async def test_an_issuer_that_names_itself_otherwise_is_not_asked(office: Office) -> None:
    office.provider.named_issuer = "https://evil.example"
    assert (await office.led()).status_code == 403
    assert (await trail(office))[-1] == ("-", "sign-in-failed", "bad-metadata")


async def test_an_issuer_that_is_away_is_told(office: Office) -> None:
    assert office.wiring.services.oidc is not None
    object.__setattr__(office.wiring.services.oidc.provider, "issuer", "http://127.0.0.1:1")
    answer = await office.led()
    assert answer.status_code == 403
    assert "所属組織のアカウントではログインできませんでした" in answer.text


async def test_other_keys_of_the_issuer_are_fetched(office: Office) -> None:
    await office.back()
    office.provider.key = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"})
    assert (await office.back()).status_code == 303


async def test_a_withdrawn_key_is_taken_for_an_hour_at_most(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    client, seconds = office.wiring.services.oidc, 0.0
    assert client is not None
    monkeypatch.setattr(client, "_time", lambda: seconds)
    await office.back()
    withdrawn = office.provider.key
    office.provider.key = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"})
    office.provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, withdrawn)
    seconds = 3599.0
    assert (await office.back()).status_code == 303
    seconds = 3600.0
    assert (await office.back()).status_code == 403
    assert (await trail(office))[-1] == ("-", "sign-in-failed", "bad-signature")


async def assert_refused(office: Office, answer: httpx2.Response) -> None:
    assert answer.status_code == 403
    assert "所属組織のアカウントではログインできませんでした" in answer.text
    assert "__Host-todoke-session" not in office.browser.cookies
    assert (await office.role())[0] == 303


@pytest.mark.parametrize(
    "grant", ["", "groups=desk", "groups:desk", "groups:x=publisher", "g:x=prefecture", "g:x=prefecture/48"]
)
def test_a_grant_that_is_none_is_refused(grant: str) -> None:
    with pytest.raises(ValueError, match="CLAIM:VALUE"):
        read_role_grant(grant)


def test_an_issuer_needs_what_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from config.settings import load_settings

    monkeypatch.setenv("TODOKE_OIDC_ISSUER", "https://id.example.jp")
    with pytest.raises(ConfigurationError, match="TODOKE_OIDC_CLIENT_ID"):
        load_settings()
    monkeypatch.setenv("TODOKE_OIDC_ISSUER", "http://id.example.jp")
    with pytest.raises(ConfigurationError, match="https"):
        load_settings()
