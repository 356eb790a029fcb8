"""Mails rendered once for all that are alike; what differs from one recipient to the next is filled in afterwards.

A template is run with holes in the places of a mail's own values (whom it is to, codes, links). A hole can be written,
as text or as HTML, and nothing else can be done with it: a template that looks at such a value in any other way has
no stencil, and is run for every mail.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from jinja2 import Environment, Undefined, nodes
from markupsafe import escape

from core.mail import Passages

_PLAIN, _HTML, _END, _FIRST = "\ue000", "\ue001", "\ue002", 0xE100
_MARK = re.compile(f"([{_PLAIN}{_HTML}])(.)[^{_END}]*{_END}")
_ANY_MARK = re.compile(f"[{_PLAIN}{_HTML}{_END}]")

_PADDINGS = ("", "広い1 narrow " * 5)
"""Two looks of the same holes: what is made of a hole's look differs with it."""

_AWKWARD = tuple(f"<{number} & {chr(34)}値{chr(39)}>" for number in range(64))
"""Values to try a stencil with: more than a mail has."""

ALIKE = frozenset({"facts", "scheme", "secretariat", "reminder", "waiting"})
"""Names whose values are the same in all mails of one stencil."""

_JOINS = (nodes.Concat, nodes.Mod, nodes.AssignBlock, nodes.CallBlock)
_HARMLESS = (str, int, float, type(None), Undefined)


class Inspected(Exception):
    """A template looked at a value that is not known yet."""


class Hole:
    """The place of a value that is not empty. What else would depend on the value raises Inspected, or TypeError."""

    __slots__ = ("_mark",)

    def __init__(self, number: int, padding: str) -> None:
        self._mark = f"{chr(_FIRST + number)}{padding}{_END}"

    def __str__(self) -> str:
        return _PLAIN + self._mark

    def __html__(self) -> str:
        return _HTML + self._mark

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> NoReturn:
        raise Inspected


class Stencil(NamedTuple):
    """Text with gaps: `parts` in order, and for each gap its place there and the number of the value that fills it."""

    parts: tuple[str, ...]
    plain: tuple[tuple[int, int], ...]
    html: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, marked: str) -> Stencil:
        """What was rendered with holes. Raises Inspected where some of a hole's look was lost.

        It does so for a CR, too: what ends a line must not lie across a gap.
        """
        parts = _MARK.split(marked)
        texts = parts[::3]
        if any(_ANY_MARK.search(text) for text in texts) or "\r" in marked:
            raise Inspected
        gaps = [(2 * place + 1, look, ord(number) - _FIRST) for place, (look, number) in enumerate(_pairs(parts))]
        whole = [""] * (2 * len(texts) - 1)
        whole[::2] = texts
        return cls(
            tuple(whole),
            tuple((place, number) for place, look, number in gaps if look == _PLAIN),
            tuple((place, number) for place, look, number in gaps if look == _HTML),
        )

    def filled(self, values: Sequence[str]) -> str:
        """The text with these values in its gaps."""
        return "".join(self.passages(values))

    def passages(self, values: Sequence[str]) -> Passages:
        """The same in pieces, of which those at odd places are the values."""
        parts = list(self.parts)
        for place, number in self.plain:
            parts[place] = values[number]
        for place, number in self.html:
            parts[place] = escape(values[number])
        return parts


def _pairs(parts: Sequence[str]) -> Iterable[tuple[str, str]]:
    return zip(parts[1::3], parts[2::3], strict=True)


def alike(render: Callable[[Callable[[int], Any]], Sequence[str]]) -> tuple[Stencil, ...] | None:
    """Stencils of the texts that `render` gives, which is handed what makes the value of a number.

    None where the texts depend on the values in another way than by showing them.
    """
    try:
        first, second = (
            tuple(Stencil.of(text) for text in render(functools.partial(Hole, padding=padding)))
            for padding in _PADDINGS
        )
        awkward = [stencil.filled(_AWKWARD) for stencil in first]
        return first if first == second and awkward == list(render(_AWKWARD.__getitem__)) else None
    except Exception:  # whatever it is, the mail itself will meet it, and tell it in terms of its own values
        return None


def guarded(environment: Environment) -> Environment:
    """The same environment, whose filters and tests raise Inspected where they are given a hole, or text with one."""
    copy = environment.overlay()
    copy.filters = _all_guarded(environment.filters)
    copy.tests = _all_guarded(environment.tests) | {name: environment.tests[name] for name in ("defined", "undefined")}
    return copy


def _all_guarded(functions: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    return {name: _guarded(function) for name, function in functions.items()}


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    handed = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def careful(*args: Any, **more: Any) -> Any:
        if not all(map(_known, (*args[handed:], *more.values()))):
            raise Inspected
        return function(*args, **more)

    return careful


def _known(value: object) -> bool:
    return isinstance(value, _HARMLESS) and not (isinstance(value, str) and _ANY_MARK.search(value))


def only_shows(trees: Mapping[str, nodes.Template]) -> bool:
    """Whether templates only write out what they make of their values, and never look at it again.

    Text that was put together is plain text, on which a hole in it could not be guarded.
    """
    for tree in trees.values():
        shown = {id(node) for output in tree.find_all(nodes.Output) for node in output.nodes}
        calls = tree.find_all(nodes.Call)
        if not all(id(call) in shown and _named(call.node) for call in calls):
            return False
        if not all(_same_for_all(join, trees) for join in tree.find_all(_JOINS)):
            return False
    return True


def _named(called: nodes.Expr) -> bool:
    """Whether it is a macro by its name, or one of an imported file's."""
    return isinstance(called.node if isinstance(called, nodes.Getattr) else called, nodes.Name)


def _same_for_all(node: nodes.Node, trees: Mapping[str, nodes.Template]) -> bool:
    """Whether no value of a single mail's can have a part in it."""
    if any(name.ctx == "load" and name.name not in ALIKE for name in node.find_all(nodes.Name)):
        return False
    included = [include.template for include in node.find_all(nodes.Include)]
    return all(isinstance(name, nodes.Const) and _same_for_all(trees[name.value], trees) for name in included)
