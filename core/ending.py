"""Processes that are asked to end, and work that is cancelled, and surely ends; waited for or not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_AGAIN_SECONDS = 5.0
_PARTING_SECONDS = 1.0
"""Most of what is cancelled gives back within that time what it holds, such as a connection of the database."""


def on_signals(stop: Callable[[], None]) -> None:
    """Have `stop` called at SIGTERM, at SIGINT, and at SIGHUP, which comes from a terminal that is closed.

    `nohup` has the last one ignored, and so it stays. To be called in a running event loop.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        loop.add_signal_handler(hang_up, stop)


async def end(*tasks: asyncio.Task[Any], again_seconds: float = _AGAIN_SECONDS) -> None:
    """Cancel tasks and wait until all have ended; what they raise is theirs.

    Whoever still goes on after `again_seconds` is cancelled again: until Python 3.12 `asyncio.wait_for`, which
    libraries use, forgets a cancellation that comes in the moment in which what it waits for is there.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_seconds)
    await asyncio.gather(*tasks, return_exceptions=True)


def leave(task: asyncio.Task[Any], again_seconds: float = _AGAIN_SECONDS) -> None:
    """As `end`, for whoever cannot wait: the task is cancelled until it has ended, behind the caller's back."""
    task.add_done_callback(_take_note)
    _cancel_until_done(task, again_seconds)


async def part(task: asyncio.Task[Any], seconds: float = _PARTING_SECONDS) -> None:
    """As `end`, for no longer than so many seconds, and then as `leave`."""
    try:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=seconds)
    finally:
        leave(task)


def _take_note(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # else asyncio would complain that nobody asked for it


def _cancel_until_done(task: asyncio.Task[Any], again_seconds: float) -> None:
    if not task.done():
        task.cancel()
        task.get_loop().call_later(again_seconds, _cancel_until_done, task, again_seconds)


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. Raises TimeoutError after so many seconds, however long `work` takes to be cancelled.

    asyncio.timeout waits for that: a database driver that is cancelled first asks the server to break off, and a
    server that hangs takes its time for this, too.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await part(task)
        raise
    if not task.done():
        leave(task)
        raise TimeoutError
    return task.result()
