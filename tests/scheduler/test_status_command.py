"""`todoke status`: mails to an address are found as the API finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from todoke.cli.app import app


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TODOKE_CARRIER_DOMAINS", "carrier.example")
    monkeypatch.chdir(tmp_path)


def code_to(email: str) -> dict[str, Any]:
    data = {"code": "123456", "expires_at": "2090-01-01T00:00:00+09:00"}
    return {"job_id": "c-1", "kind": "code", "recipient": {"email": email}, "data": data}


def todoke(*arguments: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, arguments, input=typed)


@pytest.mark.parametrize(
    ("published", "asked"),
    [
        ("ABC@日本語.jp", "ABC@日本語.jp"),
        ("ABC@日本語.jp", " ａｂｃ＠日本語．ｊｐ "),
        ("ABC@日本語.jp", "abc@XN--WGV71A119E.jp"),
        ("taro..yama.@carrier.example", "Taro..Yama.@CARRIER.example\u3000"),
    ],
)
def test_an_address_is_found_in_any_form(published: str, asked: str) -> None:
    assert todoke("publish", "-", typed=json.dumps(code_to(published))).exit_code == 0
    found = todoke("status", "--email", asked, "--json")
    assert found.exit_code == 0, found.output
    assert len(json.loads(found.stdout)["items"]) == 1


@pytest.mark.parametrize("asked", ["nobody", "a b@example.jp", "日本@example.jp", "a@example", ""])
def test_what_is_no_address_is_wrong_usage(asked: str) -> None:
    told = todoke("status", "--email", asked)
    assert told.exit_code == 2
    assert told.stderr.startswith("todoke: --email: ")
    assert not asked or asked not in told.stderr
