"""The mail of one kind: its templates, and how they are filled for one recipient after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from itertools import count
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, NamedTuple

from jinja2 import Template, UndefinedError, nodes

from core.kinds import InstitutionType, Kind
from core.mail import MailContent, MailContext, MailDataMissing
from templates.salutation import one_line
from templates.stencils import Stencil, alike, guarded, only_shows
from templates.view import View, build_view

_KEPT = 500
"""Stencils of a kind, at some 20 KB each: enough for every type of institution and every state of its report."""


_OF_INSTITUTION, _OF_CONTACT = ("name", "code", "prefecture"), ("name", "phone", "email")
_of_institution, _of_contact = attrgetter(*_OF_INSTITUTION), attrgetter(*_OF_CONTACT)


class Wording(NamedTuple):
    """A kind's templates."""

    subject: Template
    text: Template
    html: Template

    def rendered(self, view: Mapping[str, Any]) -> tuple[str, str, str]:
        """Subject, text and HTML. Raises UndefinedError for what the view lacks."""
        subject = one_line(self.subject.render(view))
        view = {**view, "subject": subject}
        return subject, self.text.render(view), self.html.render(view)

    def guarded(self) -> Wording:
        """The same in an environment that guards holes."""
        environment = guarded(self.subject.environment)
        return Wording(*(environment.get_template(template.name or "") for template in self))


class _Shape(NamedTuple):
    """What mails of one stencil have in common."""

    lines: int
    institution: InstitutionType | None
    contact: bool
    data: tuple[str, ...]
    expires: bool
    alike: tuple[tuple[str, object], ...]

    @classmethod
    def of(cls, view: View) -> _Shape:
        """The shape of a mail; `values` are what it leaves out."""
        institution = None if view.institution is None else view.institution.type
        contact, expires = view.prefecture_contact is not None, bool(view.expires_text)
        return cls(len(view.to), institution, contact, tuple(view.data), expires, view.alike)

    def view(self, value: Callable[[int], Any]) -> dict[str, Any]:
        """The names of a mail of this shape, where `value` makes each of its own values, in the order of `values`."""
        number = count()
        names: dict[str, Any] = dict(self.alike)
        names["to"] = [value(next(number)) for _ in range(self.lines)]
        if self.institution is not None:
            place = {name: value(next(number)) for name in _OF_INSTITUTION}
            names["institution"] = SimpleNamespace(**place, type=self.institution)
        if self.contact:
            names["prefecture_contact"] = SimpleNamespace(**{name: value(next(number)) for name in _OF_CONTACT})
        names["data"] = {name: value(next(number)) for name in self.data}
        if self.expires:
            names["expires_text"] = value(next(number))
        return names


def _values(view: View) -> list[str]:
    values = list(view.to)
    if view.institution is not None:
        values += _of_institution(view.institution)
    if view.prefecture_contact is not None:
        values += _of_contact(view.prefecture_contact)
    values += view.data.values()
    if view.expires_text:
        values.append(view.expires_text)
    return values


class MailTemplate:
    """The mail of one kind, compiled."""

    def __init__(self, kind: Kind, sender_name: str, wording: Wording, trees: Mapping[str, nodes.Template]) -> None:
        self.kind = kind
        self.sender_name = sender_name
        self.trees = trees
        self._wording = wording
        self._stencils = lru_cache(_KEPT)(self._made)

    def render(self, context: MailContext) -> MailContent:
        """The mail. Raises `MailDataMissing` naming the dotted field that `context` lacks."""
        view = build_view(context)
        stencils = self._stencils(_Shape.of(view))
        if stencils is None:
            return self._run(view)
        values = _values(view)
        subject, text, html = stencils
        return MailContent(subject.filled(values), self.sender_name, text.passages(values), html.passages(values))

    def run(self, context: MailContext) -> MailContent:
        """The same by running the templates anew, which takes ten times as long."""
        return self._run(build_view(context))

    def _run(self, view: View) -> MailContent:
        try:
            subject, text, html = self._wording.rendered(view.names())
        except UndefinedError as error:
            raise MailDataMissing(self.kind, error.message or "") from error
        return MailContent.of(subject, self.sender_name, text, html)

    @cached_property
    def _guarded(self) -> Wording | None:
        return self._wording.guarded() if only_shows(self.trees) else None

    def _made(self, shape: _Shape) -> tuple[Stencil, ...] | None:
        wording = self._guarded
        return None if wording is None else alike(lambda value: wording.rendered(shape.view(value)))

    def required_data(self) -> frozenset[str]:
        """The keys of `data` that the mail speaks of."""
        return frozenset(
            node.attr
            for tree in self.trees.values()
            for node in tree.find_all(nodes.Getattr)
            if isinstance(node.node, nodes.Name) and node.node.name == "data"
        )
