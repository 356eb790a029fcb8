"""Sample applications and reporting statuses of fictional institutions, made by `make.py`; `todoke demo` plays them."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
"""Where the files are."""
