"""Checks a whole edition: what its templates speak of, and every sample as rendered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import TemplateError, meta

from core.errors import TodokeError
from core.kinds import Kind
from templates.edition import Edition
from templates.mail_template import MailTemplate
from templates.problems import CatalogUnusable, Problem
from templates.rules import RULES, Case
from templates.samples import read_sample, variants
from templates.view import NAMES

DATA_KEYS: Mapping[Kind, frozenset[str]] = {  # contract section 3
    Kind.CODE: frozenset({"code"}),
    Kind.APPLICATION_COMPLETE: frozenset(),
    Kind.PRE_CHECK: frozenset(),
    Kind.GUIDE: frozenset({"login_id", "setup_url"}),
    Kind.EXISTING_USER_CONFIRM: frozenset({"login_id"}),
    Kind.REJECTION: frozenset({"reason"}),
    Kind.REMINDER: frozenset(),
    Kind.PASSWORD_RESET: frozenset({"reset_url"}),
    Kind.ADDRESS_CHANGED: frozenset({"login_id"}),
}
"""What a job of each kind gives and a mail must say. Expiry, fiscal year and deadline come as Japanese text."""

_IMPORTED = frozenset({"parts"})
"""What the layout brings in for every body."""


def check_edition(edition: Edition, link_hosts: frozenset[str]) -> list[Problem]:
    """Every fault of every kind, each told once."""
    found = [problem for kind in Kind for problem in _check_kind(edition, kind, link_hosts)]
    return list(dict.fromkeys(found))


def _check_kind(edition: Edition, kind: Kind, link_hosts: frozenset[str]) -> Iterator[Problem]:
    mail = edition.mails[kind]
    yield from _check_names(mail)
    try:
        sample = read_sample(edition.roots, kind)
    except CatalogUnusable as unusable:
        yield from unusable.problems
        return
    for context in variants(sample):
        try:
            case = Case(context, mail.render(context), link_hosts)
        except (TodokeError, TemplateError, TypeError, ValueError) as error:
            yield Problem(kind, "", f"its sample cannot be rendered: {error}")
            continue
        yield from (Problem(kind, file, message) for rule in RULES for file, message in rule(case))


def _check_names(mail: MailTemplate) -> Iterator[Problem]:
    """What the templates speak of, also where no sample comes by."""
    for name, tree in mail.trees.items():
        for unknown in sorted(meta.find_undeclared_variables(tree) - NAMES - _IMPORTED):
            folder, _, file = name.partition("/")
            yield Problem(folder, file, f"speaks of {unknown}, which no mail has")
    for key in sorted(mail.required_data() - DATA_KEYS[mail.kind]):
        yield Problem(mail.kind, "", f"speaks of data.{key}, which jobs of this kind do not give")
    for key in sorted(DATA_KEYS[mail.kind] - mail.required_data()):
        yield Problem(mail.kind, "", f"never says data.{key}")
