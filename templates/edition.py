"""One complete set of the nine mails, compiled: the nation's, or that of a prefecture with texts of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, Template, TemplateNotFound, TemplateSyntaxError, UndefinedError, nodes

from core.kinds import Kind
from core.mail import MailContent, MailContext, MailDataMissing
from templates.environment import build_environment, flattened, syntax_trees
from templates.problems import CatalogUnusable, Problem
from templates.salutation import one_line
from templates.sources import HTML, KIND_FILES, SENDER, SHARED, SUBJECT, TEXT, find, read
from templates.view import build_view


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """The mail of one kind, compiled."""

    kind: Kind
    sender_name: str
    subject: Template
    text: Template
    html: Template
    trees: Mapping[str, nodes.Template]

    def render(self, context: MailContext) -> MailContent:
        """The mail. Raises `MailDataMissing` naming the dotted field that `context` lacks."""
        view = build_view(context)
        try:
            view["subject"] = subject = one_line(self.subject.render(view))
            return MailContent(subject, self.sender_name, self.text.render(view), self.html.render(view))
        except UndefinedError as error:
            raise MailDataMissing(self.kind, error.message or "") from error

    def required_data(self) -> frozenset[str]:
        """The keys of `data` that the mail speaks of."""
        return frozenset(
            node.attr
            for tree in self.trees.values()
            for node in tree.find_all(nodes.Getattr)
            if isinstance(node.node, nodes.Name) and node.node.name == "data"
        )


@dataclass(frozen=True, slots=True)
class Edition:
    """The compiled mails of all kinds, and the folders that they came from, the one that wins first."""

    roots: tuple[Path, ...]
    mails: Mapping[Kind, MailTemplate]


class _File(NamedTuple):
    template: Template
    trees: dict[str, nodes.Template]


def open_edition(roots: Sequence[Path]) -> Edition:
    """Compile everything under `roots`. Raises `CatalogUnusable` with every fault found."""
    environment = _environment(roots)
    flat = flattened(environment)
    mails: dict[Kind, MailTemplate] = {}
    problems: list[Problem] = []
    for kind in Kind:
        try:
            mails[kind] = _compile_kind(environment, flat, roots, kind)
        except CatalogUnusable as unusable:
            problems += unusable.problems
    if problems:
        raise CatalogUnusable(list(dict.fromkeys(problems)))
    return Edition(tuple(roots), mails)


def _environment(roots: Sequence[Path]) -> Environment:
    try:
        return build_environment(roots)
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
    return MailTemplate(
        kind=kind,
        sender_name=read(roots, kind, SENDER).strip(),
        subject=files[SUBJECT].template,
        text=files[TEXT].template,
        html=files[HTML].template,
        trees={used: tree for file in files.values() for used, tree in file.trees.items()},
    )


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
