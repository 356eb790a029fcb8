"""API tokens and the audit trail, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core.clock import SystemClock
from core.ids import IdSource
from store.engine import Database
from store.people import AuditEntry, People, Principal, Role, Token, TokenRefused, write_audit
from store.tables import api_tokens, audit

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


@pytest.fixture
def people(db: Database) -> People:
    return People(db, IdSource(SystemClock()), now=lambda: NOW)


async def test_a_token_names_its_owner(people: People) -> None:
    token = await people.create("山口県医療政策課", Role.PREFECTURE, "35")
    assert await people.authenticate(token) == Principal("山口県医療政策課", Role.PREFECTURE, "35")


async def test_a_token_has_the_form_that_secret_scanners_know(people: People) -> None:
    token = await people.create("reg", Role.PUBLISHER)
    assert token.startswith("tdk_")
    assert len(token) == 4 + 43
    assert token != await people.create("reg 2", Role.PUBLISHER)


async def test_the_database_keeps_no_token(people: People, db: Database) -> None:
    token = await people.create("reg", Role.PUBLISHER)
    async with db.read() as conn:
        row = (await conn.execute(select(api_tokens))).one()
    assert token not in str(tuple(row))
    assert token.removeprefix("tdk_") not in str(tuple(row))


@pytest.mark.parametrize("token", ["", "tdk_", "tdk_" + "A" * 43, "日本", "\x00"])
async def test_an_unknown_token_is_nobody(people: People, token: str) -> None:
    await people.create("reg", Role.PUBLISHER)
    assert await people.authenticate(token) is None


async def test_a_revoked_token_is_nobody_and_cannot_be_revoked_again(people: People) -> None:
    token = await people.create("reg", Role.PUBLISHER)
    await people.revoke("reg")
    assert await people.authenticate(token) is None
    with pytest.raises(TokenRefused, match="reg was revoked already, at 2026-11-24T10:00:00"):
        await people.revoke("reg")
    with pytest.raises(TokenRefused, match="no token named nobody"):
        await people.revoke("nobody")


async def test_another_token_stays_in_force(people: People) -> None:
    tokens = [await people.create(name, Role.PUBLISHER) for name in ("reg", "reg 2")]
    await people.revoke("reg")
    assert await people.authenticate(tokens[1]) == Principal("reg 2", Role.PUBLISHER)


async def test_tokens_are_listed_without_their_secrets(people: People) -> None:
    tokens = [await people.create("reg", Role.PUBLISHER), await people.create("office", Role.PREFECTURE, "35")]
    await people.revoke("reg")
    listed = await people.listed()
    assert listed == [
        Token("office", Role.PREFECTURE, "35", NOW, None),
        Token("reg", Role.PUBLISHER, None, NOW, NOW),
    ]
    assert not any(token in repr(listed) for token in tokens)


async def test_what_became_of_tokens_stands_in_the_trail_and_they_do_not(people: People, db: Database) -> None:
    tokens = [await people.create("office", Role.PREFECTURE, "35")]
    await people.revoke("office")
    with pytest.raises(TokenRefused):
        await people.revoke("office")
    tokens.append(await people.create("office", Role.PREFECTURE, "35"))
    with pytest.raises(TokenRefused):
        await people.create("office", Role.PREFECTURE, "35")
    async with db.read() as conn:
        lines = (await conn.execute(select(audit).order_by(audit.c.id))).all()
    assert [line.action for line in lines] == ["token-created", "token-revoked", "token-created"]
    assert {(line.actor, line.role, line.subject, line.at) for line in lines} == {
        ("todoke token", "admin", "office", NOW)
    }
    assert [line.detail for line in lines] == [{"role": "prefecture", "prefecture": "35"}] * 3
    assert not any(token.removeprefix("tdk_") in str(tuple(line)) for token in tokens for line in lines)


async def test_a_new_token_under_a_revoked_name_goes_on_as_the_same_publisher(people: People) -> None:
    old = await people.create("reg", Role.PUBLISHER)
    await people.revoke("reg")
    new = await people.create("reg", Role.PUBLISHER)
    assert await people.authenticate(new) == Principal("reg", Role.PUBLISHER)
    assert await people.authenticate(old) is None


async def test_a_revoked_name_does_not_come_back_in_another_role(people: People) -> None:
    await people.create("reg", Role.PUBLISHER)
    await people.revoke("reg")
    with pytest.raises(TokenRefused, match="another role"):
        await people.create("reg", Role.ADMIN)


@pytest.mark.parametrize(
    ("name", "role", "prefecture"),
    [
        ("reg", Role.PUBLISHER, None),  # taken
        ("", Role.ADMIN, None),
        ("  ", Role.ADMIN, None),
        ("x" * 201, Role.ADMIN, None),
        ("two\nlines", Role.ADMIN, None),
        ("local", Role.ADMIN, None),
        ("command line", Role.PUBLISHER, None),
        (" command line", Role.PUBLISHER, None),
        ("todoke user", Role.ADMIN, None),
        ("todoke token", Role.ADMIN, None),
        ("-", Role.ADMIN, None),
        ("office", Role.PREFECTURE, None),
        ("office", Role.PREFECTURE, "48"),
        ("office", Role.PREFECTURE, "5"),
        ("desk", Role.HELPDESK, "35"),
    ],
)
async def test_a_token_that_cannot_be_is_refused(people: People, name: str, role: Role, prefecture: str | None) -> None:
    await people.create("reg", Role.PUBLISHER)
    with pytest.raises(TokenRefused):
        await people.create(name, role, prefecture)


async def test_an_audit_line_says_who_did_what_and_when(db: Database) -> None:
    who = Principal("office", Role.PREFECTURE, "35")
    async with db.write() as conn:
        await write_audit(conn, who, AuditEntry("message-shown", "x" * 400, {"addresses": 1}), NOW)
    async with db.read() as conn:
        row = (await conn.execute(select(audit))).one()
    assert (row.actor, row.role, row.prefecture, row.at) == ("office", "prefecture", "35", NOW)
    assert (row.action, row.detail) == ("message-shown", {"addresses": 1})
    assert row.subject == "x" * 250
