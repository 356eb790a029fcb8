"""What most commands need: settings, a wiring over an up-to-date database, an event loop, an exit code."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import NoReturn, TypeVar

import typer

from config.settings import Settings, load_settings
from core.errors import TodokeError
from todoke.adapting import unused_files
from todoke.cli.output import complain
from todoke.wiring import Wiring

T = TypeVar("T")

REFUSED = 1
USAGE = 2


def settings_of_command() -> Settings:
    """The settings, with what may surprise said on stderr; logs go to stderr too."""
    from config.logging import configure_logging

    settings = load_settings()
    configure_logging(settings)
    for notice in (*settings.notices(), *unused_files(settings)):
        complain(f"todoke: {notice}")
    return settings


def run(work: Coroutine[object, object, T]) -> T:
    """Run a command's work to its end, on uvloop where there is one."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop


@contextlib.asynccontextmanager
async def open_wiring() -> AsyncIterator[Wiring]:
    """A started wiring. Raises SchemaOutdated where a database has to be upgraded by somebody first."""
    from todoke.service import prepare

    settings = settings_of_command()
    wiring = Wiring(settings)
    try:
        await prepare(wiring, settings)
        yield wiring
    finally:
        await wiring.close()


class InputRefused(TodokeError, OSError):
    """A file that cannot be read."""


def wrong_usage(text: str) -> NoReturn:
    """Say what is wrong with the call, and end with exit code 2."""
    complain(f"todoke: {text}")
    raise typer.Exit(USAGE)


def refused() -> NoReturn:
    """End with exit code 1: the work was refused in part or whole, as was said."""
    raise typer.Exit(REFUSED)
