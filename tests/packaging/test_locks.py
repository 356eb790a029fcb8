"""What the lock files have to say so that every pip can install from them, the one that comes with Python 3.11 too."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_PINNED = re.compile(r"^([\w.-]+)(?:\[([\w.,-]+)\])?==\S+", re.MULTILINE)
_WANTED = re.compile(r"^([\w.-]+)\s*\[([^\]]+)\]")
_EXTRA_OF_ITS_OWN = re.compile(r"\bextra\s*==")


def name_of(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def pinned(lock: Path) -> dict[str, set[str]]:
    """The packages of a lock file, each with the extras that it names."""
    found = _PINNED.findall(lock.read_text("utf-8"))
    return {name_of(name): {name_of(extra) for extra in extras.split(",") if extra} for name, extras in found}


def asked_for(package: str) -> list[tuple[str, set[str]]]:
    """What a package that is installed wants with extras."""
    try:
        wanted = [text for text in requires(package) or () if not _EXTRA_OF_ITS_OWN.search(text)]
    except PackageNotFoundError:  # for another version of Python
        return []
    matches = filter(None, map(_WANTED.match, wanted))
    return [(name_of(match[1]), {name_of(extra.strip()) for extra in match[2].split(",")}) for match in matches]


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_extras_that_anybody_asks_for_are_named(name: str) -> None:
    """pip 23.2 takes a pin without extras for no answer to a requirement with some, once a newer release is out."""
    lock = pinned(ROOT / "requirements" / name)
    assert len(lock) > 30
    missing = {
        (package, wanted): extras - lock[wanted]
        for package in lock
        for wanted, extras in asked_for(package)
        if wanted in lock and extras - lock[wanted]
    }
    assert missing == {}


def test_lock_files_carry_hashes_and_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text("utf-8")
        assert text.count("--hash=sha256:") > len(pinned(lock))
        assert "://" not in text
