"""Work that fails and is tried again: told when that begins, once a minute as long as it lasts, and when it is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from core.outages import told

_EVERY_SECONDS = 60.0


class Log(Protocol):
    """Where it is told."""

    def error(self, event: str, **about: Any) -> Any:
        """What begins."""

    def warning(self, event: str, **about: Any) -> Any:
        """What lasts."""

    def info(self, event: str, **about: Any) -> Any:
        """What is well."""


class Trouble:
    """One kind of it: `failed` says what did not succeed, `over` that it does again.

    An outage of an hour would else be told in thousands of tracebacks. `time` gives seconds of any steady clock. For
    work of which some fails while some succeeds, it is over after `quiet` seconds without a failure.
    """

    def __init__(
        self, log: Log, failed: str, over: str, time: Callable[[], float] = time.monotonic, quiet: float = 0.0
    ) -> None:
        self._log, self._failed, self._over, self._time, self._quiet = log, failed, over, time, quiet
        self._since = self._told = self._met = 0.0
        self._times = 0

    def met(self) -> None:
        """It failed; to be called while the exception is handled."""
        error, now = sys.exception(), self._time()
        about = {} if error is None else told(error)
        if not self._times:
            self._since = self._told = now
            self._log.error(f"{self._failed}; trying again", **about)
        elif now - self._told >= _EVERY_SECONDS:
            self._told = now
            self._log.warning(f"{self._failed}; still trying", **about, **self._so_far(now))
        self._met = now
        self._times += 1

    def passed(self) -> None:
        """It succeeded."""
        if self._times and self._time() - self._met >= self._quiet:
            self._log.info(self._over, **self._so_far(self._time()))
            self._times = 0

    def _so_far(self, now: float) -> dict[str, int]:
        return {"seconds": round(now - self._since), "times": self._times}


class Often:
    """What others may bring about as often as they like: told at once, then once a minute, with how often it came."""

    def __init__(self, log: Log, event: str, time: Callable[[], float] = time.monotonic) -> None:
        self._log, self._event, self._time = log, event, time
        self._told: float | None = None
        self._times = 0

    def met(self, **about: Any) -> None:
        """It happened. `about` is told of the last time."""
        now = self._time()
        self._times += 1
        if self._told is None or now - self._told >= _EVERY_SECONDS:
            self._log.warning(self._event, times=self._times, **about)
            self._told, self._times = now, 0
