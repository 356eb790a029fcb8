"""The texts as data: lines with placeholders, each said only under its named conditions.

Looked up like the mail templates: an operator's folder over the built-in one, in it `prefectures/35/` for a
prefecture with words of its own (rule 3). A file is replaced whole.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from core.errors import TodokeError
from helpdesk.case import Case
from helpdesk.conditions import CONDITIONS
from helpdesk.placeholders import PLACEHOLDERS
from helpdesk.vocabulary import Desk, ProcedureId, Symptom

BUILT_IN = Path(__file__).parent / "texts"
PREFECTURES = "prefectures"
SUMMARY = "summary.toml"
COMMON = "common.toml"
INCLUDED = ("registered-address", "changed-address", "reset-mail")
"""Files of which a procedure takes the steps in by `{ include = "registered-address" }`."""
PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")


class FactMissing(TodokeError, LookupError):
    """A line speaks of a fact that this case does not have; `check` keeps such lines out."""

    def __init__(self, placeholder: str) -> None:
        self.placeholder = placeholder
        super().__init__(f"nothing is known to put in place of {{{placeholder}}}")


class Term(NamedTuple):
    """One condition of a line, or its opposite."""

    condition: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence or step, said when all its terms are so."""

    text: str
    when: tuple[Term, ...] = ()

    def applies(self, case: Case) -> bool:
        """Whether it is said in this case."""
        return all(CONDITIONS[term.condition](case) is term.holds for term in self.when)

    def filled(self, case: Case) -> str:
        """The text with its facts. Raises `FactMissing`."""
        return PLACEHOLDER.sub(lambda match: _fact(match[1], case), self.text)


def _fact(name: str, case: Case) -> str:
    fact = PLACEHOLDERS[name].fill(case)
    if fact is None:
        raise FactMissing(name)
    return fact


def said(lines: Sequence[Line], case: Case) -> tuple[str, ...]:
    """The lines that apply, filled in, in order."""
    return tuple(line.filled(case) for line in lines if line.applies(case))


@dataclass(frozen=True, slots=True)
class ProcedureText:
    """The words of one procedure. `desk` is a desk, or the question whose desk answers; None: the caller's own.

    The first of `titles` that applies stands in place of the title.
    """

    version: str
    title: str
    titles: tuple[Line, ...]
    who: str
    desk: Desk | Symptom | None
    steps: tuple[Line, ...]
    urls: tuple[Line, ...]
    not_possible: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Edition:
    """One complete set of texts: the nation's, or a prefecture's."""

    procedures: Mapping[ProcedureId, ProcedureText]
    summary: tuple[Line, ...]
    common: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """All editions."""

    nation: Edition
    prefectures: Mapping[str, Edition]

    def edition(self, prefecture: str | None) -> Edition:
        """The texts for a prefecture's institutions; the nation's where it is not known."""
        return self.prefectures.get(prefecture or "", self.nation)


def text_files() -> tuple[str, ...]:
    """The names of the files that a complete set has."""
    return (*(f"{name}.toml" for name in (*ProcedureId, *INCLUDED)), SUMMARY, COMMON)


def read_texts(folder: Path | None) -> Texts:
    """The built-in texts, those in `folder` over them. They must have passed `helpdesk.lint.check`."""
    roots = (BUILT_IN,) if folder is None else (folder, BUILT_IN)
    homes = sorted((folder / PREFECTURES).glob("[0-9][0-9]")) if folder is not None else []
    return Texts(_read_edition(roots), {home.name: _read_edition((home, *roots)) for home in homes})


@cache
def built_in_texts() -> Texts:
    """The texts that come with the product, read once."""
    return read_texts(None)


def _read_edition(roots: Sequence[Path]) -> Edition:
    included = {name: _lines(_find(roots, f"{name}.toml")["steps"]) for name in INCLUDED}
    procedures = {procedure: _procedure(_find(roots, f"{procedure}.toml"), included) for procedure in ProcedureId}
    summary, common = _find(roots, SUMMARY), _find(roots, COMMON)
    return Edition(procedures, _lines(summary["sentences"]), _lines(common["steps"]))


def _find(roots: Sequence[Path], name: str) -> dict[str, Any]:
    path = next(root / name for root in roots if (root / name).is_file())
    return tomllib.loads(path.read_text(encoding="utf-8-sig"))


def _procedure(raw: Mapping[str, Any], included: Mapping[str, Sequence[Line]]) -> ProcedureText:
    return ProcedureText(
        version=raw["version"],
        title=raw["title"],
        titles=_lines(raw.get("titles", ())),
        who=raw["who"],
        desk=parse_desk(raw.get("desk")),
        steps=_lines(raw["steps"], included),
        urls=_lines(raw["urls"]),
        not_possible=_lines(raw["not_possible"]),
    )


def parse_desk(name: str | None) -> Desk | Symptom | None:
    """A desk's name, or a symptom's. Raises ValueError for any other."""
    if name is None:
        return None
    return Desk(name) if name in frozenset(Desk) else Symptom(name)


def parse_terms(when: str) -> tuple[Term, ...]:
    """`"guide-sent, not pharmacy"`: conditions joined by commas, all of which must be so."""
    words = [word.strip() for word in when.split(",")]
    return tuple(Term(word.removeprefix("not ").strip(), not word.startswith("not ")) for word in words if word)


_Entry: TypeAlias = str | Mapping[str, str]


def _lines(raw: Sequence[_Entry], included: Mapping[str, Sequence[Line]] | None = None) -> tuple[Line, ...]:
    return tuple(line for entry in raw for line in _entry(entry, included or {}))


def _entry(entry: _Entry, included: Mapping[str, Sequence[Line]]) -> Iterator[Line]:
    if isinstance(entry, str):
        yield Line(entry)
    elif "include" in entry:
        terms = parse_terms(entry.get("when", ""))
        yield from (Line(line.text, terms + line.when) for line in included[entry["include"]])
    else:
        yield Line(entry["text"], parse_terms(entry["when"]))
