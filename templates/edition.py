"""One complete set of the nine mails, compiled: the nation's, or that of a prefecture with texts of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, Template, TemplateNotFound, TemplateSyntaxError, nodes

from core.kinds import Kind
from templates.environment import build_environment, flattened, syntax_trees
from templates.mail_template import MailTemplate, Wording
from templates.problems import CatalogUnusable, Problem
from templates.sources import HTML, KIND_FILES, SENDER, SHARED, SUBJECT, TEXT, find, read


@dataclass(frozen=True, slots=True)
class Edition:
    """The compiled mails of all kinds, and the folders that they came from, the one that wins first."""

    roots: tuple[Path, ...]
    mails: Mapping[Kind, MailTemplate]


class _File(NamedTuple):
    template: Template
    trees: dict[str, nodes.Template]


def open_edition(roots: Sequence[Path], facts: Mapping[str, str], kinds: Iterable[Kind] = Kind) -> Edition:
    """Compile the mails of these kinds under `roots`; `facts` win over those of `_shared/facts.json`.

    Raises `CatalogUnusable` with every fault found.
    """
    environment = _environment(roots, facts)
    flat = flattened(environment)
    mails: dict[Kind, MailTemplate] = {}
    problems: list[Problem] = []
    for kind in kinds:
        try:
            mails[kind] = _compile_kind(environment, flat, roots, kind)
        except CatalogUnusable as unusable:
            problems += unusable.problems
    if problems:
        raise CatalogUnusable(list(dict.fromkeys(problems)))
    return Edition(tuple(roots), mails)


def _environment(roots: Sequence[Path], facts: Mapping[str, str]) -> Environment:
    try:
        return build_environment(roots, facts)
    except (OSError, ValueError) as error:
        raise CatalogUnusable([Problem(SHARED, "", str(error))]) from error


def _compile_kind(environment: Environment, flat: Environment, roots: Sequence[Path], kind: Kind) -> MailTemplate:
    files: dict[str, _File] = {}
    problems = [Problem(kind, name, "is missing") for name in KIND_FILES if find(roots, kind, name) is None]
    for name in (SUBJECT, SENDER, TEXT, HTML) if not problems else ():
        try:
            files[name] = _compile_file(environment, flat, kind, name)
        except CatalogUnusable as unusable:
            problems += unusable.problems
    if problems:
        raise CatalogUnusable(problems)
    wording = Wording(files[SUBJECT].template, files[TEXT].template, files[HTML].template)
    trees = {used: tree for file in files.values() for used, tree in file.trees.items()}
    return MailTemplate(kind, read(roots, kind, SENDER).strip(), wording, trees)


def _compile_file(environment: Environment, flat: Environment, kind: Kind, name: str) -> _File:
    """The file compiled with all it uses; what it uses is compiled by itself first, to name the file at fault."""
    try:
        trees = syntax_trees(environment, f"{kind}/{name}")
        for used in trees:
            environment.get_template(used)
        return _File(flat.get_template(f"{kind}/{name}"), trees)
    except TemplateSyntaxError as error:
        folder, _, file = (error.name or f"{kind}/{name}").partition("/")
        raise CatalogUnusable([Problem(folder, file, f"line {error.lineno}: {error.message}")]) from error
    except TemplateNotFound as error:
        raise CatalogUnusable([Problem(kind, name, f"uses {error.name}, which is not there")]) from error
    except UnicodeDecodeError as error:
        raise CatalogUnusable([Problem(kind, name, "is not UTF-8; save it (and what it uses) so")]) from error
