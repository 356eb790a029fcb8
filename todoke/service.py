"""`todoke serve`: the roles of the service in one event loop, started in order and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import structlog
from sqlalchemy.exc import OperationalError

from config.settings import Environment, Settings
from core.ending import end, on_signals
from core.trouble import Trouble
from store import schema
from store.engine import DatabaseUnavailable, unavailable
from store.wakeups import relay_wakeups
from todoke import descriptors
from todoke.adapting import refuse_problems
from todoke.deadline import Deadline
from todoke.wiring import Wiring

if TYPE_CHECKING:
    from web.server import HttpServer

log = structlog.get_logger("service")

T = TypeVar("T")

STOP_SECONDS = 9.0
"""How long the parts of a service may take to end before they are cancelled."""
END_SECONDS = 9.5
"""When a process that was asked to end does so, whatever hangs: SIGTERM ends the service within 10 s."""
PAUSE_SECONDS = 5.0
"""How long after a failure what is to be done once, after the start, is tried again."""
PATIENCE_SECONDS = 60.0
"""How long a service that starts waits for its PostgreSQL server, which may be starting, too."""


class Role(StrEnum):
    """What a process does."""

    API = "api"
    SENDER = "sender"
    SCHEDULER = "scheduler"
    BOUNCES = "bounces"


_MODULES: Mapping[Role, tuple[str, ...]] = {
    Role.API: ("email_validator", "web.app"),
    Role.SENDER: ("aiosmtplib", "bounce_handler.classifying"),
    Role.SCHEDULER: (),
    Role.BOUNCES: ("bounce_handler.applying",),
}
"""What a role loads when it starts; a sender needs nothing of the web."""


@dataclass(slots=True)
class Ports:
    """Where the service listens, once it does."""

    http: int | None = None
    bounces: int | None = None


@dataclass(slots=True)
class Service:
    """The service of one process. `on_stop` is called whenever it begins to end, or is asked to."""

    wiring: Wiring
    roles: Collection[Role]
    ports: Ports = field(default_factory=Ports)
    on_stop: Callable[[], None] = lambda: None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def stop(self) -> None:
        """Ask it to end."""
        self.on_stop()
        self._stop.set()

    async def run(self, ready: Callable[[Ports], None] | None = None) -> None:
        """Serve until asked to end, or until a part fails: then everything ends, and the failure is raised."""
        async with self._listening():
            if ready is not None:
                ready(self.ports)
            await self._watch()

    async def _watch(self) -> None:
        stopping = asyncio.create_task(self._wait())
        done, _ = await asyncio.wait({stopping, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        self.stop()
        _, hanging = await asyncio.wait({stopping, *self._tasks}, timeout=STOP_SECONDS)
        await end(*hanging)
        for task in {*self._tasks} - done:
            _tell_failure(task)
        for task in done:
            task.result()

    async def _wait(self) -> None:
        await self._stop.wait()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        """Everything that listens listens, and everything that works works; what listens comes first, as it may not."""
        wiring = self.wiring
        relay = asyncio.create_task(relay_wakeups(wiring.db))
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(end, relay)
            server = self._http_server(stack) if Role.API in self.roles else None
            if Role.BOUNCES in self.roles:
                await self._listen_for_bounces(stack)
            stack.push_async_callback(self._end_tasks)
            self._go(descriptors.watch(self._stop))
            if Role.BOUNCES in self.roles:
                self._go(self._apply_reports())
            if Role.SCHEDULER in self.roles:
                self._go(self._schedule())
            if Role.SENDER in self.roles:
                self._go(wiring.sender().run(self._stop))
            if server is not None:
                self._go(server.run(self._stop))
            yield

    async def _end_tasks(self) -> None:
        """Those of a service that began and could not go on; else all have ended."""
        await end(*self._tasks)

    async def _listen_for_bounces(self, stack: contextlib.AsyncExitStack) -> None:
        listener = self.wiring.listener()
        await listener.start()
        stack.push_async_callback(listener.stop)
        self.ports.bounces = listener.port

    async def _apply_reports(self) -> None:
        """Reports as they come; and beside them, once, those of an earlier version are enciphered."""
        sealing = asyncio.create_task(self._seal_older_reports())
        try:
            await self.wiring.applier.run(self._stop, self.wiring.db.woken)
        finally:
            await end(sealing)

    async def _seal_older_reports(self) -> None:
        trouble = Trouble(log, "could not encipher older reports", "enciphers older reports again")
        total = 0
        while count := await _once(self.wiring.reports.seal_older, trouble):
            total += count
        if total:
            log.info("reports of an earlier version are enciphered", reports=total)

    async def _schedule(self) -> None:
        """The ticks; and beside them, once, what waits is brought in line with what is configured now."""
        replanning = asyncio.create_task(self._replan())
        try:
            await self.wiring.ticker().run(self._stop)
        finally:
            await end(replanning)

    async def _replan(self) -> None:
        trouble = Trouble(log, "could not replan reminders", "replans reminders again")
        done = await _once(self.wiring.replanner.replan, trouble)
        log.info("reminders are in line with the season", **asdict(done))
        trouble = Trouble(log, "could not reschedule mails", "reschedules mails again")
        moved = await _once(self.wiring.rescheduler.reschedule, trouble)
        log.info("mails are in line with the calendar", moved=moved)

    def _http_server(self, stack: contextlib.AsyncExitStack) -> HttpServer:
        from web.server import HttpServer

        settings, app = self.wiring.settings, self.wiring.app
        most = descriptors.shares(settings.smtp_connections).http
        server = HttpServer(app, settings.http_host, settings.http_port, app.state.happenings.close, most)
        stack.callback(server.close)
        self.ports.http = server.port
        return server

    def _go(self, work: Awaitable[None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))


def _tell_failure(part: asyncio.Task[None]) -> None:
    """A part that fails while all end has nobody else to notice."""
    error = None if part.cancelled() else part.exception()
    if error is not None:
        log.error("a part of the service failed while it ended", exc_info=error)


async def prepare(wiring: Wiring, settings: Settings) -> None:
    """Bring the schema up to date where that is ours to do, and find out what time it is.

    Raises DatabaseUnavailable, SchemaOutdated.
    """
    try:
        await wiring.db.reach()
        if wiring.db.sqlite or settings.environment is Environment.LOCAL:
            await schema.upgrade(wiring.db)
        else:
            await schema.require_current(wiring.db)
        await wiring.start()
    except OperationalError as error:
        raise unavailable(error) from error


async def _once(work: Callable[[], Awaitable[T]], trouble: Trouble) -> T:
    """What `work` gives, once it succeeds; it is broken off where the service ends."""
    while True:
        try:
            done = await work()
        except Exception:
            trouble.met()
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            trouble.passed()
            return done


async def prepare_patiently(
    wiring: Wiring, settings: Settings, patience: float = PATIENCE_SECONDS, pause: float = 1.0
) -> None:
    """The same, with a database that may come up later than we do: tried for `patience` seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    while True:
        try:
            return await prepare(wiring, settings)
        except DatabaseUnavailable as error:
            if wiring.db.sqlite or loop.time() >= until:
                raise
            log.warning("waiting for the database", why=str(error))
        await asyncio.sleep(pause)


async def serve(settings: Settings, roles: Collection[Role], ready: Callable[[Ports], None]) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP.

    Raises ConfigurationError, AnotherSender, DatabaseUnavailable, SchemaOutdated, CannotListen.
    """
    from store.sole_sender import sole_sender

    refuse_problems(settings)
    descriptors.raise_limit()
    wiring = Wiring(settings)
    roles = roles or list(Role)
    async with contextlib.AsyncExitStack() as stack:
        if Role.SENDER in roles:
            stack.enter_context(sole_sender(wiring.db))
        stack.push_async_callback(wiring.close)
        wiring.warm(*(module for role in roles for module in _MODULES[role]))
        await prepare_patiently(wiring, settings)
        if wiring.db.sqlite and Role.SENDER in roles:
            count = await wiring.leases.take_over_all()
            log.info("took over what a process before this one held", messages=count)
        service = Service(wiring, roles, on_stop=Deadline(asyncio.get_running_loop(), END_SECONDS).start)
        on_signals(service.stop)
        await service.run(ready)
