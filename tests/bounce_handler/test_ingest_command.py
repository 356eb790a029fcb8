"""The two commands as processes: exit codes, and what they need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def todoke(*arguments: str, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and with settings of its own."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_DATA_HOME": str(home / "share"), **settings}
    command = [sys.executable, "-P", "-m", "todoke", "bounces", *arguments]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)


def test_parse_needs_neither_database_nor_settings(tmp_path: Path, compose: Any) -> None:
    (tmp_path / "bounce.eml").write_bytes(compose())
    wrong = {"TODOKE_DATABASE_URL": "nonsense://", "TODOKE_SECRET_KEYS": "short"}
    parsed = todoke("parse", "bounce.eml", home=tmp_path, **wrong)
    assert (parsed.returncode, parsed.stderr) == (0, "")
    line = json.loads(parsed.stdout)
    assert (line["file"], line["type"], line["recipients"][0]["reason"]) == ("bounce.eml", "bounce", "userunknown")
    assert list(tmp_path.iterdir()) == [tmp_path / "bounce.eml"], "it writes nothing"
    mixed = todoke("parse", "nowhere", "bounce.eml", home=tmp_path)
    assert (mixed.returncode, len(mixed.stdout.splitlines())) == (1, 1)
    assert mixed.stderr == "todoke: nowhere: no such file or folder\n"


def test_ingest_on_a_fresh_machine(tmp_path: Path, compose: Any) -> None:
    (tmp_path / "bounce.eml").write_bytes(compose())
    taken = todoke("ingest", "bounce.eml", "--json", home=tmp_path)
    assert (taken.returncode, taken.stderr) == (0, "")
    assert json.loads(taken.stdout)["unmatched"] == 1
    again = todoke("ingest", "bounce.eml", home=tmp_path)
    assert again.stdout.splitlines()[-1] == "1 taken in: 0 applied, 1 duplicate, 0 unmatched, 0 new"
    refused = todoke("ingest", "nowhere", home=tmp_path)
    assert (refused.returncode, refused.stderr) == (1, "todoke: nowhere: no such file or folder\n")


@pytest.mark.parametrize("arguments", [("ingest",), ("ingest", "a", "b"), ("parse",), ("parse", "--loud", "x")])
def test_wrong_usage_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert todoke(*arguments, home=tmp_path).returncode == 2
