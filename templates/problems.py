"""What is wrong with templates, said so that whoever edits them can mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.errors import ConfigurationError


class Problem(NamedTuple):
    """One fault. `kind` is the folder's name ("guide", "_shared"), `file` the file within it."""

    kind: str
    file: str
    message: str

    def __str__(self) -> str:
        place = f"{self.kind}/{self.file}" if self.file else self.kind
        return f"{place}: {self.message}"


class CatalogUnusable(ConfigurationError):
    """Templates that cannot be compiled. `problems` lists every fault found, not the first alone."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("the mail templates cannot be used:\n" + "\n".join(map(str, self.problems)))
