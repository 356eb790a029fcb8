"""`todoke plan`: a dry run of any moment that is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from todoke.cli import main


def plan(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> int | str | None:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(folder))
    monkeypatch.setattr(sys, "argv", ["todoke", "plan", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert list(folder.iterdir()) == []
    return ended.value.code


@pytest.mark.parametrize(
    ("kind", "at"), [("guide", "2099-12-28T10:00:00+09:00"), ("pre-check", "2099-12-31T12:00:00+09:00")]
)
def test_the_last_year_has_a_plan_to_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, at: str
) -> None:
    assert plan(monkeypatch, tmp_path, "--kind", kind, "--at", at, "--json") in (0, None)
    assert json.loads(capsys.readouterr().out)["due_at"] == "2100-01-04T09:00:00+09:00"


def test_without_a_moment_it_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert plan(monkeypatch, tmp_path, "--kind", "guide") == 2
    assert "--at" in capsys.readouterr().err
