"""The file descriptors of this process: as many as it may have, and shared out so that one side cannot take all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
from dataclasses import dataclass

import structlog

from core.trouble import Often

log = structlog.get_logger("service")

_ENOUGH = 65_536
_WHERE_UNKNOWN = 1024
_OWN = 64
"""For the database, files, and what listens."""
_MOST_HTTP = 4096
_MOST_BOUNCES = 500
_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Shares:
    """How many connections may be open at a time."""

    http: int
    bounces: int


def raise_limit() -> None:
    """Have as many as this process is allowed, within reason: most systems give 1,024 to who does not ask."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(OSError, ValueError):  # a system may allow less than it says
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def shares(relay_connections: int) -> Shares:
    """Half of what is free for HTTP, a quarter for failure reports; the rest is for those who are being turned away."""
    free = max(_limit() - _OWN - relay_connections, 8)
    return Shares(http=min(free // 2, _MOST_HTTP), bounces=min(free // 4, _MOST_BOUNCES))


def _limit() -> int:
    if sys.platform == "win32":
        return _WHERE_UNKNOWN
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


async def watch(stop: asyncio.Event) -> None:
    """Tell when there is none left: the event loop then turns away whoever connects, and says nothing."""
    none_left = Often(log, "no file descriptor is left; connections are turned away")
    while not stop.is_set():
        if _is_none_left():
            none_left.met(limit=_limit())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await stop.wait()


def _is_none_left() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in {errno.EMFILE, errno.ENFILE}
    return False
