"""Where templates are read from: an operator's folder over the built-in ones, a prefecture's over both."""

from __future__ import annotations

import hashlib
import os
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


def unreadable(folder: Path | None) -> list[Problem]:
    """What stands in an operator's folder where templates look, and cannot be read.

    It is never passed over: the built-in words, or the nation's, would go out in its stead.
    """
    if folder is None:
        return []
    found = _unreadable_folder(folder / PREFECTURES, PREFECTURES) + _unreadable_under(folder)
    for home in _entries(folder / PREFECTURES):
        if home.name in _PREFECTURE_CODES:
            place = f"{PREFECTURES}/{home.name}"
            found += _unreadable_folder(home, place) + _unreadable_under(home, f"{place}/")
    return found


def _unreadable_under(root: Path, place: str = "") -> list[Problem]:
    found = []
    for path in _entries(root):
        files = _files_of(path.name)
        if files:
            found += _unreadable_folder(path, place + path.name)
            unread = [file for file in _entries(path) if file.name in files and not _is_readable_file(file)]
            found += [Problem(place + path.name, file.name, _why(file, "file")) for file in unread]
    return found


def _unreadable_folder(path: Path, place: str) -> list[Problem]:
    return [Problem(place, "", _why(path, "folder"))] if os.path.lexists(path) and not is_readable_folder(path) else []


def is_readable_folder(path: Path) -> bool:
    """Whether its files can be found."""
    return path.is_dir() and os.access(path, os.R_OK | os.X_OK)


def _is_readable_file(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _why(path: Path, wanted: str) -> str:
    return f"is not a {wanted} that can be read" if path.exists() else "is a link that leads nowhere"


def misplaced(folder: Path | None) -> list[Problem]:
    """What lies in an operator's folder and would never be used: a misspelt kind or file, an unknown prefecture."""
    if folder is None:
        return []
    found = _misplaced_under(folder, allowed=PREFECTURES)
    for home in _entries(folder / PREFECTURES):
        place = f"{PREFECTURES}/{home.name}"
        if home.name not in _PREFECTURE_CODES:
            found.append(Problem(place, "", "is no prefecture; they are 01 to 47"))
        found += _misplaced_under(home, f"{place}/")
    return found


def _misplaced_under(root: Path, place: str = "", allowed: str = "") -> list[Problem]:
    found = []
    for path in _entries(root):
        files = _files_of(path.name)
        if files:
            unused = [file.name for file in _entries(path) if file.name not in files]
            found += [Problem(place + path.name, file, "is not a file that templates use") for file in unused]
        elif path.name != allowed and not path.name.startswith("README"):
            found.append(Problem(place + path.name, "", _no_effect(path)))
    return found


def _no_effect(path: Path) -> str:
    kinds = ", ".join(sorted(Kind))
    if path.is_dir():
        return f"is no kind of mail; the kinds are {kinds}"
    return f"lies beside the folders of the mails and has no effect; the folders are {kinds}, {SHARED}"


def _files_of(folder: str) -> frozenset[str]:
    """The files that a folder may hold; none for a folder that templates do not know."""
    if folder == SHARED:
        return frozenset(path.name for path in _entries(BUILT_IN / SHARED))
    return frozenset(KIND_FILES) if folder in frozenset(Kind) else frozenset()


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, in order, without hidden files; nothing where there is no folder."""
    return sorted(path for path in folder.iterdir() if path.name[0] != ".") if is_readable_folder(folder) else []


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
