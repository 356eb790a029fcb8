"""Debian's Chromium, driven by Playwright: the one way in which tests open pages."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

EXECUTABLE = shutil.which("chromium")

NEEDED = (
    pytest.mark.chromium,
    pytest.mark.skipif(EXECUTABLE is None, reason="needs Debian's chromium"),
)
"""Marks of tests that need it."""

LAUNCH: dict[str, Any] = {"executable_path": EXECUTABLE, "args": ["--no-sandbox"]}
"""How it is started; nothing is downloaded."""
