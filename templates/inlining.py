"""Styles written into the HTML templates once, before they are compiled: many mail readers drop `<style>`.

The inliner parses HTML, so Jinja's tags are put out of its reach first: statements become comments, which may
stand anywhere between elements, and expressions become private-use characters, which may stand in any text
or attribute. Afterwards all must be found where it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from css_inline import CSSInliner
from jinja2 import BaseLoader, Environment, TemplateSyntaxError

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_HIDDEN = re.compile("<!--\ue000(\\d+)\ue001-->|\ue000(\\d+)\ue001")
_SHAPE = re.compile(f"{_HIDDEN.pattern}|</?[a-zA-Z][a-zA-Z0-9]*")
_MISSHAPEN = (
    "HTML would be changed by parsing it: write every tag out (tbody too), "
    "keep Jinja statements out of tags and expressions out of the gaps between table rows"
)
_KEPT_STYLE = ' data-css-inline="keep"'


class InliningLoader(BaseLoader):
    """Loads what `inner` loads, with the styles of `css` written into every .html template."""

    def __init__(self, inner: BaseLoader, css: str) -> None:
        self._inner = inner
        self._css = css
        self._inliner = CSSInliner(load_remote_stylesheets=False, extra_css=css)

    def get_source(
        self,
        environment: Environment,
        template: str,
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The source of `template`. Raises TemplateSyntaxError where the inliner would move a Jinja tag."""
        source, filename, uptodate = self._inner.get_source(environment, template)
        if Path(template).suffix != ".html":
            return source, filename, uptodate
        return self._inline(source, template), filename, uptodate

    def _inline(self, source: str, name: str) -> str:
        tags: list[str] = _JINJA.findall(source)
        counter = iter(range(len(tags)))
        hidden = _JINJA.sub(lambda match: _hide(match[0], next(counter)), source)
        styled = self._style(hidden)
        if _shape(styled) != _shape(hidden):
            raise TemplateSyntaxError(_MISSHAPEN, 1, name)
        return _HIDDEN.sub(lambda match: tags[int(match[1] or match[2])], styled)

    def _style(self, source: str) -> str:
        if source.lstrip().lower().startswith("<!doctype"):
            return self._inliner.inline(source).replace(_KEPT_STYLE, "")
        return self._inliner.inline_fragment(source, self._css)


def _shape(html: str) -> list[str]:
    """The tags and the hidden parts in their order: what the inliner must leave as it is."""
    return [match[0] for match in _SHAPE.finditer(html)]


def _hide(tag: str, number: int) -> str:
    token = f"\ue000{number}\ue001"
    return token if tag.startswith("{{") else f"<!--{token}-->"
