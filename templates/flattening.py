"""Shared parts copied into the templates that include them, once: an include costs more than most mails' own text."""

from __future__ import annotations

import re
from collections.abc import Callable

from jinja2 import BaseLoader, Environment, TemplateSyntaxError

_INCLUDE = re.compile(r"""[ \t]*\{% include ["']([^"']+)["'] %\}\n?""")


class FlatteningLoader(BaseLoader):
    """Loads what `inner` loads, with the text of every plainly included template in the include's place."""

    def __init__(self, inner: BaseLoader) -> None:
        self._inner = inner

    def get_source(
        self,
        environment: Environment,
        template: str,
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The flat source. Raises TemplateSyntaxError for a template that includes itself."""
        return self._flat(environment, template, ()), None, None

    def _flat(self, environment: Environment, name: str, outer: tuple[str, ...]) -> str:
        if name in outer:
            raise TemplateSyntaxError("includes itself", 1, name)
        source, _, _ = self._inner.get_source(environment, name)
        return _INCLUDE.sub(lambda match: self._flat(environment, match[1], (*outer, name)), source)
