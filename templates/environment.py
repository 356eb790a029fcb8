"""How templates are compiled: Jinja2 that raises on holes, escapes HTML, and knows the helpers of this room."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError, meta, nodes, select_autoescape
from jinja2.exceptions import TemplateRuntimeError
from jinja2.utils import missing

from templates.flattening import FlatteningLoader
from templates.inlining import InliningLoader
from templates.sources import SHARED, read
from templates.wrapping import wrap

SUBJECT_PREFIX = "【厚生労働省G-MIS事務局】"
"""How every subject begins (rule 18)."""


class NamedUndefined(StrictUndefined):
    """Raises as soon as it is used, with the dotted name of what is missing as its message."""

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[TemplateRuntimeError] = UndefinedError,
    ) -> None:
        owner = "" if obj is missing else "data." if isinstance(obj, dict) else f"{type(obj).__name__}."
        super().__init__(hint or f"{owner}{name}", obj, name, exc)


class _Environment(Environment):
    """Jinja2's, whose globals do not change once templates are loaded."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> dict[str, Any]:
        """A dict: Jinja2's own ChainMap is copied for every mail, which takes longer than to render a short one."""
        return {**self.globals, **(d or {})}


def build_environment(roots: Sequence[Path], facts: Mapping[str, str]) -> Environment:
    """Jinja2 over `roots`, the folder that wins first; `facts` win over those of the shared file.

    Raises OSError or ValueError for unreadable shared files.
    """
    files = FileSystemLoader(roots, encoding="utf-8-sig")
    environment = _Environment(
        loader=InliningLoader(files, read(roots, SHARED, "style.css")),
        autoescape=select_autoescape(["html"], default=False),
        undefined=NamedUndefined,
        auto_reload=False,
        cache_size=-1,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["facts"] = json.loads(read(roots, SHARED, "facts.json")) | facts
    environment.filters |= {
        "wrap": wrap,
        "lines": str.splitlines,
        "without_prefix": lambda subject: subject.removeprefix(SUBJECT_PREFIX),
    }
    return environment


def flattened(environment: Environment) -> Environment:
    """The same environment, whose templates hold what they include: faster, but its errors name the wrong file."""
    assert environment.loader is not None
    return environment.overlay(loader=FlatteningLoader(environment.loader))


def syntax_trees(environment: Environment, name: str) -> dict[str, nodes.Template]:
    """The trees of template `name` and of all that it extends, includes or imports, by name.

    Raises a TemplateError for one that is not there or not valid.
    """
    trees: dict[str, nodes.Template] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in trees:
            trees[current] = _syntax_tree(environment, current)
            waiting += filter(None, meta.find_referenced_templates(trees[current]))
    return trees


def _syntax_tree(environment: Environment, name: str) -> nodes.Template:
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, name)
    return environment.parse(source, name)
