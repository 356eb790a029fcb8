"""Finds what an editor of the texts got wrong, before a caller hears it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from helpdesk.conditions import CONDITIONS, IMPLIED
from helpdesk.placeholders import PLACEHOLDERS
from helpdesk.vocabulary import Desk, Symptom
from helpdesk.wording import (
    BUILT_IN,
    COMMON,
    INCLUDED,
    PLACEHOLDER,
    PREFECTURES,
    SUMMARY,
    Term,
    Texts,
    parse_terms,
    read_texts,
    text_files,
)

_PREFECTURE_CODES = frozenset(f"{number:02}" for number in range(1, 48))

_STEPS_ALONE = (COMMON, *(f"{name}.toml" for name in INCLUDED))
_WORDS = ("version", "title", "who")
_LISTS = ("steps", "urls", "not_possible")
_TITLES = "titles"
_DESKS = (*Desk, *Symptom)


def load_texts(folder: Path | None = None) -> Texts:
    """The built-in texts, those in `folder` over them. Raises ConfigurationError with every fault found."""
    problems = check(folder)
    if problems:
        raise ConfigurationError("the helpdesk's texts cannot be used:\n" + "\n".join(problems))
    return read_texts(folder)


def check(folder: Path | None = None, *, built_in: Path = BUILT_IN) -> list[str]:
    """Every fault of the texts, one line each: the file, the place in it, what to do.

    What stands in `folder` where texts are looked for and cannot be read is never passed over: the built-in words, or
    the nation's, would be told in its stead.
    """
    problems = list(_check_root(built_in))
    problems += [f"{name}: is missing" for name in text_files() if not (built_in / name).is_file()]
    if folder is None:
        return problems
    if not _is_readable_folder(folder):
        return [*problems, f"{folder}: {_why_not(folder, 'folder')}"]
    homes = folder / PREFECTURES
    problems += _check_root(folder, allowed=PREFECTURES)
    if os.path.lexists(homes) and not _is_readable_folder(homes):
        return [*problems, f"{PREFECTURES}: {_why_not(homes, 'folder')}"]
    return [*problems, *chain.from_iterable(_check_prefecture(home) for home in _entries(homes))]


def _check_prefecture(home: Path) -> Iterator[str]:
    place = f"{PREFECTURES}/{home.name}"
    if home.name not in _PREFECTURE_CODES:
        yield f"{place}: is no prefecture; they are 01 to 47"
    elif not _is_readable_folder(home):
        yield f"{place}: {_why_not(home, 'folder')}"
    else:
        yield from (f"{place}/{problem}" for problem in _check_root(home))


def _check_root(root: Path, allowed: str = "") -> Iterator[str]:
    for path in _entries(root):
        if path.name in text_files():
            yield from (f"{path.name}: {problem}" for problem in _check_file(path))
        elif path.name != allowed and not path.name.startswith("README"):
            yield f"{path.name}: is not a file that the helpdesk uses; its files are named after the procedures"


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, in order, without hidden files; nothing where there is no folder."""
    return sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []


def _is_readable_folder(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.R_OK | os.X_OK)


def _why_not(path: Path, wanted: str) -> str:
    return f"is not a {wanted} that can be read" if path.exists() else "is a link that leads nowhere"


def _check_file(path: Path) -> Iterator[str]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        yield _why_not(path, "file")
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        yield f"is not TOML in UTF-8: {error}"
        return
    words, lists = _shape(path.name)
    yield from _check_keys(raw, words, lists)
    for key in (*lists, *_optional_lists(raw, words)):
        includes = INCLUDED if key == "steps" and "title" in words else ()
        yield from _check_list(key, raw.get(key, []), includes)
    yield from _check_first_say(path.name, raw)


def _shape(name: str) -> tuple[Sequence[str], Sequence[str]]:
    """The keys with one text each, and the keys with a list of lines."""
    if name == SUMMARY:
        return ("version",), ("sentences",)
    return (("version",), ("steps",)) if name in _STEPS_ALONE else (_WORDS, _LISTS)


def _optional_lists(raw: Mapping[str, Any], words: Sequence[str]) -> Sequence[str]:
    return (_TITLES,) if _TITLES in raw and "title" in words else ()


def _check_keys(raw: Mapping[str, Any], words: Sequence[str], lists: Sequence[str]) -> Iterator[str]:
    yield from (f"{key} is missing" for key in (*words, *lists) if key not in raw)
    for key, value in raw.items():
        if key == "desk" and "title" in words:
            if value not in _DESKS:
                yield "desk must be prefecture, secretariat or a symptom whose desk answers"
        elif key in words:
            if not (isinstance(value, str) and value.strip()):
                yield f"{key} must be a text that says something"
            elif "{" in value or "}" in value:
                yield f"{key} has a brace; facts are put into {' and '.join(lists)} alone"
        elif key not in (*lists, *_optional_lists(raw, words)):
            yield f"{key} is not known; allowed are {', '.join((*words, *lists))}"


def _check_list(key: str, raw: object, includes: Sequence[str]) -> Iterator[str]:
    if not isinstance(raw, list):
        yield f"{key} must be a list in [ ]"
        return
    for number, entry in enumerate(raw, start=1):
        yield from (f"{key} no. {number}: {problem}" for problem in _check_line(entry, includes))


def _check_line(entry: object, includes: Sequence[str]) -> Iterator[str]:
    words = entry if isinstance(entry, dict) and all(isinstance(v, str) for v in entry.values()) else {}
    if isinstance(entry, str):
        yield from _check_text(entry, ())
    elif set(words) == {"when", "text"}:
        yield from _check_when(words["when"])
        yield from _check_text(words["text"], parse_terms(words["when"]))
    elif includes and set(words) - {"when"} == {"include"}:
        yield from _check_when(words.get("when"))
        if words["include"] not in includes:
            yield f"include must be {' or '.join(includes)}"
    else:
        yield 'must be a text, or { when = "conditions", text = "..." }'


def _check_when(when: str | None) -> Iterator[str]:
    if when is None:
        return
    terms = parse_terms(when)
    if not terms:
        yield "when is empty; a line that is always said is written without it"
    yield from (f"there is no condition {t.condition!r}" for t in terms if t.condition not in CONDITIONS)


def _check_text(text: str, terms: Sequence[Term]) -> Iterator[str]:
    if not text.strip():
        yield "says nothing"
    if "{" in (rest := PLACEHOLDER.sub("", text)) or "}" in rest:
        yield "has a brace that belongs to no placeholder"
    given = _given(terms)
    for name in PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            yield f"there is no placeholder {{{name}}}"
        elif (needs := PLACEHOLDERS[name].given_by) and not needs & given:
            yield f"{{{name}}} is not always known; its line needs a condition such as {min(needs)}"


def _given(terms: Sequence[Term]) -> frozenset[str]:
    """The conditions that hold wherever the line is said."""
    named = frozenset(term.condition for term in terms if term.holds)
    return named.union(*(IMPLIED.get(condition, frozenset()) for condition in named))


def _check_first_say(name: str, raw: Mapping[str, Any]) -> Iterator[str]:
    """Every case must be told something."""
    if name == SUMMARY and not _always_said(raw.get("sentences"), last=True):
        yield "sentences: the last one must be said always, without when"
    if name not in (SUMMARY, *_STEPS_ALONE) and not _always_said(raw.get("steps")):
        yield "steps: at least one must be said always, without when"


def _always_said(raw: object, *, last: bool = False) -> bool:
    lines = raw if isinstance(raw, list) else []
    return any(isinstance(entry, str) for entry in (lines[-1:] if last else lines))
