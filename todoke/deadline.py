"""A process that was asked to end, and surely ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time

import structlog

log = structlog.get_logger("service")

_TELL_SECONDS = 0.2


class Deadline:
    """Ends the process some seconds after `start`, with exit code 1, unless it has ended by then.

    It has a thread of its own, and passes by the interpreter's own ending: neither an await that takes no notice of
    being cancelled, nor a thread that hangs, nor a log that nobody reads any more can hold it up. What is left undone
    then is left as by a crash.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Let it run; the first time counts."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="deadline", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        time.sleep(self._seconds)
        telling = threading.Thread(target=self._tell, name="deadline", daemon=True)
        telling.start()
        telling.join(_TELL_SECONDS)
        os._exit(1)

    def _tell(self) -> None:
        """What is left, by the names of our functions."""
        with contextlib.suppress(RuntimeError):  # the tasks changed while they were listed
            tasks = {_name(task) for task in asyncio.all_tasks(self._loop)}
            threads = {thread.name for thread in threading.enumerate() if not thread.daemon}
            log.error("did not end in time; ending anyway", tasks=sorted(tasks), threads=sorted(threads))


def _name(task: asyncio.Task[object]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())
