"""`todoke token`: what it says, and that a token is shown once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from store.people import Role
from todoke.cli.app import app


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def token(*arguments: str) -> tuple[int, str]:
    """Exit code and what was said, or the error that the command tells."""
    result = CliRunner().invoke(app, ["token", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return 1, str(result.exception)
    return result.exit_code, result.output


def test_a_token_is_made_listed_and_revoked() -> None:
    made = json.loads(token("create", "--name", "山口県", "--role", "prefecture", "--prefecture", "35", "--json")[1])
    assert set(made) == {"name", "role", "prefecture", "token"}
    [row] = json.loads(token("list", "--json")[1])
    assert (row["name"], row["role"], row["prefecture"], row["revoked_at"]) == ("山口県", "prefecture", "35", None)
    assert token("revoke", "山口県") == (0, "山口県 is revoked; whoever comes with it is refused from now on.\n")
    [row] = json.loads(token("list", "--json")[1])
    assert set(row) == {"name", "role", "prefecture", "created_at", "revoked_at"}
    assert row["created_at"] <= row["revoked_at"]
    told = token("list")[1]
    assert "山口県" in told
    assert made["token"] not in told


def test_what_cannot_be_revoked_is_told_apart() -> None:
    assert token("list") == (0, "There is no token yet: `todoke token create` makes one.\n")
    assert token("revoke", "reg") == (1, "there is no token named reg; `todoke token list` tells all")
    token("create", "--name", "reg", "--role", "publisher")
    assert token("revoke", "reg", "--json") == (0, '{\n  "name": "reg"\n}\n')
    code, told = token("revoke", "reg")
    assert (code, "reg was revoked already, at 20" in told) == (1, True)
    assert token("revoke")[0] == 2


async def test_the_trail_tells_it_in_words(sqlite_api: Any) -> None:
    await sqlite_api.token(Role.PUBLISHER)
    await sqlite_api.wiring.people.revoke("publisher")
    page = await sqlite_api.ask(Role.ADMIN, "GET", "/audit", headers={"Accept": "text/html"})
    for text in ("APIトークンを発行", "APIトークンを失効", "todoke token", "publisher"):
        assert text in page.text
