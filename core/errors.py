"""Errors of the domain. One base; each carries its facts as attributes."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass

_FRAMES = 15


class TodokeError(Exception):
    """Base of every error that todoke raises on purpose."""


class Outage(TodokeError):
    """What the service depends on cannot be used for now; the message says what, and why."""


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


class CannotListen(TodokeError, OSError):
    """A place at which nobody can listen: the port is taken or not allowed, or the host is not one of this machine.

    `settings` is what the settings of host and port begin with.
    """

    def __init__(self, host: str, port: int, purpose: str, settings: str, error: OSError | UnicodeError) -> None:
        code = error.errno if isinstance(error, OSError) else None
        # A resolver's codes are negative, and asyncio puts words of its own around the system's.
        why = os.strerror(code) if code is not None and code > 0 else getattr(error, "strerror", "this is no host name")
        told = f"cannot listen on {host}:{port} for {purpose}: {why} (see {settings}_HOST and {settings}_PORT)"
        super().__init__(told)


def frames(error: BaseException) -> list[str]:
    """Where an error came up, the innermost last, for a log. Its own words stay out: those of a database quote rows."""
    found = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in found]
