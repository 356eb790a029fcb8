"""A clean house for settings: no TODOKE_ variable, an empty current folder, a home of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the test; what is written there is found by `load_settings`."""
    for name in list(os.environ):
        if name.upper().startswith("TODOKE_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "house"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return folder
