"""Errors of the domain. One base; each carries its facts as attributes."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

_FRAMES = 15


class TodokeError(Exception):
    """Base of every error that todoke raises on purpose."""


class TransitionRefused(TodokeError, ValueError):
    """A message may not go from `current` to `target`."""

    def __init__(self, current: str, target: str) -> None:
        self.current = current
        self.target = target
        super().__init__(f"a message that is {current} cannot become {target}")


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: dotted path, stable code, and a sentence that never echoes the value."""

    field: str
    code: str
    detail: str


class ConfigurationError(TodokeError):
    """Settings or data files that cannot be used; the message says which, and what to do."""


def frames(error: BaseException) -> list[str]:
    """Where an error came up, the innermost last, for a log. Its own words stay out: those of a database quote rows."""
    found = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in found]
