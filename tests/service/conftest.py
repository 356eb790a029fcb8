"""Commands on a database, as they are typed."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from todoke.cli import main

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Runs a command on a database: its exit code, stdout and stderr."""

    def run(url: str, *words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("TODOKE_DATABASE_URL", url)
        monkeypatch.setattr(sys, "argv", ["todoke", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run
