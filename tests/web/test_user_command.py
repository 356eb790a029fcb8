"""`todoke user`: what it says, and that it takes no password from the command line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from todoke.cli.app import app

PASSWORD = "five-herons-at-dawn"


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def user(*arguments: str, typed: str = "") -> tuple[int, str]:
    """Exit code and what was said."""
    result = CliRunner().invoke(app, ["user", *arguments], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return 1, str(result.exception)
    return result.exit_code, result.output


def test_a_user_is_made_listed_given_another_password_and_disabled() -> None:
    made = user(
        "create", "--name", "山口", "--role", "prefecture", "--prefecture", "35", "--json", typed=PASSWORD + "\n"
    )
    assert made[0] == 0
    assert json.loads(made[1]) == {"name": "山口", "role": "prefecture", "prefecture": "35"}
    assert user("password", "--name", "山口", typed="another-good-one\n")[0] == 0
    assert user("disable", "--name", "山口")[0] == 0
    [row] = json.loads(user("list", "--json")[1])
    assert (row["name"], row["sign_in"], row["signed_in_at"]) == ("山口", "password", None)
    assert row["disabled_at"] is not None
    assert "山口" in user("list")[1]


def test_what_cannot_be_is_refused() -> None:
    assert user("create", "--name", "a", "--role", "publisher", typed=PASSWORD)[0] == 2
    assert user("create", "--name", "a", "--role", "prefecture", typed=PASSWORD)[0] == 2
    assert user("create", "--name", "a", "--role", "admin", "--prefecture", "35", typed=PASSWORD)[0] == 2
    assert user("create", "--name", "a", "--role", "admin", "--password", PASSWORD)[0] == 2
    code, told = user("create", "--name", "a", "--role", "admin", typed="short\n")
    assert (code, "12 to 200" in told, "short" in told) == (1, True, False)
    assert user("disable", "--name", "nobody")[0] == 1


def test_on_a_terminal_the_password_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    from todoke.cli import users

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    typed = iter([PASSWORD, PASSWORD, PASSWORD, "another"])
    monkeypatch.setattr(users.getpass, "getpass", lambda _prompt: next(typed))
    users.create("a", "admin", None, as_json=True)
    with pytest.raises(Exception, match="2"):
        users.create("b", "admin", None, as_json=True)
