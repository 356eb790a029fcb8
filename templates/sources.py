"""Where templates are read from: an operator's folder over the built-in ones, a prefecture's over both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from core.kinds import Kind
from templates.problems import Problem

BUILT_IN = Path(__file__).parent
SHARED = "_shared"
PREFECTURES = "prefectures"
SUBJECT, SENDER, TEXT, HTML, SAMPLE = "subject.txt", "sender.txt", "body.txt", "body.html", "sample.json"
KIND_FILES = (SUBJECT, SENDER, TEXT, HTML, SAMPLE)

_PREFECTURE_CODES = frozenset(f"{number:02}" for number in range(1, 48))


def national_roots(folder: Path | None) -> tuple[Path, ...]:
    """The folders to look in for a template, the one that wins first."""
    return (BUILT_IN,) if folder is None else (folder, BUILT_IN)


def prefecture_roots(folder: Path | None) -> dict[str, tuple[Path, ...]]:
    """The same for each prefecture that has a folder of its own: `prefectures/35/guide/body.txt` (rule 3)."""
    if folder is None:
        return {}
    homes = [path for path in _entries(folder / PREFECTURES) if path.is_dir()]
    return {home.name: (home, *national_roots(folder)) for home in homes}


def misplaced(folder: Path | None) -> list[Problem]:
    """What lies in an operator's folder and would never be used: a misspelt kind or file, an unknown prefecture."""
    if folder is None:
        return []
    found = _misplaced_under(folder, allowed=PREFECTURES)
    for code, roots in prefecture_roots(folder).items():
        if code not in _PREFECTURE_CODES:
            found.append(Problem(f"{PREFECTURES}/{code}", "", "is no prefecture; they are 01 to 47"))
        found += _misplaced_under(roots[0])
    return found


def _misplaced_under(root: Path, allowed: str = "") -> list[Problem]:
    found = []
    for path in _entries(root):
        files = _files_of(path.name)
        if files:
            found += [_unused_file(entry) for entry in _entries(path) if entry.name not in files]
        elif path.is_dir() and path.name != allowed:
            found.append(Problem(path.name, "", f"is no kind of mail; the kinds are {', '.join(sorted(Kind))}"))
    return found


def _files_of(folder: str) -> frozenset[str]:
    """The files that a folder may hold; none for a folder that templates do not know."""
    if folder == SHARED:
        return frozenset(path.name for path in _entries(BUILT_IN / SHARED))
    return frozenset(KIND_FILES) if folder in frozenset(Kind) else frozenset()


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, in order, without hidden files; nothing where there is no folder."""
    return sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []


def _unused_file(path: Path) -> Problem:
    return Problem(path.parent.name, path.name, "is not a file that templates use")


def find(roots: Sequence[Path], folder: str, name: str) -> Path | None:
    """The file that wins, or None where no root has it."""
    return next((root / folder / name for root in roots if (root / folder / name).is_file()), None)


def read(roots: Sequence[Path], folder: str, name: str) -> str:
    """The text of the file that wins. Raises FileNotFoundError, or UnicodeDecodeError where it is not UTF-8."""
    path = find(roots, folder, name)
    if path is None:
        raise FileNotFoundError(f"{folder}/{name} is missing")
    return path.read_text("utf-8-sig")


def digest(roots: Sequence[Path]) -> str:
    """SHA-256 over every file that wins, in hexadecimal: the same templates give the same digest anywhere."""
    summary = hashlib.sha256()
    for folder in (SHARED, *sorted(Kind)):
        names = {path.name for root in roots for path in _entries(root / folder)}
        for name in sorted(names):
            path = find(roots, folder, name)
            if path is not None:
                summary.update(f"{folder}/{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return summary.hexdigest()
