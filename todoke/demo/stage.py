"""The stage: sink and service in one process, on SQLite in a temporary folder, on free ports of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.logging import configure_logging
from config.samples import FOLDER
from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.jst import TOKYO
from sink.reception import ReportTiming
from sink.server import Sink, SinkSettings
from store.people import Role as TokenRole
from todoke.demo.api import Api
from todoke.demo.patient import ServicePatient
from todoke.demo.timelapse import Timelapse
from todoke.service import Ports, Role, Service, prepare
from todoke.wiring import Wiring

HOST = "127.0.0.1"
STARTS_AT = datetime(2026, 12, 25, 8, 0, tzinfo=TOKYO)
SPEED = 60
"""Between leaps a second is a minute: a whole wave of mails is out long before business hours end."""

REPORT_TIMING = ReportTiming(first=0.05, second=0.1)
"""Reports come back soon, so that nobody waits for them long."""

PUBLISHER = "demo-registration"
HELPDESK = "demo-helpdesk"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs. `admin_token` is the fixed token of the settings."""

    clock: SimulatedClock
    wiring: Wiring
    sink: Sink
    timelapse: Timelapse
    publisher: Api
    helpdesk: Api
    admin_token: str
    http_port: int
    folder: Path

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://{HOST}:{self.http_port}"

    def database_octets(self) -> bytes:
        """All that stands in the database's files, the write-ahead log included."""
        return b"".join(path.read_bytes() for path in self.folder.glob("*.sqlite3*"))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may sign in on the demo's pages."""

    name: str
    password: str


async def let_somebody_in(stage: Stage) -> Visitor:
    """A user of the secretariat, with a password for this run of the demo."""
    visitor = Visitor("jimukyoku", secrets.token_urlsafe(9))
    await stage.wiring.users.create(visitor.name, TokenRole.HELPDESK, None, visitor.password)
    return visitor


@contextlib.asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Set everything up, and take it down again with its folder. What fails within the service is raised here."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="todoke-demo-")))
        sink = Sink(SinkSettings(smtp_host=HOST, smtp_port=0, http_host=HOST, http_port=0, report_timing=REPORT_TIMING))
        await sink.start()
        stack.push_async_callback(sink.stop)
        settings = _settings(folder, sink.smtp_port)
        configure_logging(settings)
        clock = SimulatedClock(Anchor(STARTS_AT, time.time(), SPEED))
        wiring = Wiring(settings, clock)
        stack.push_async_callback(wiring.close)
        wiring.warm("aiosmtplib", "bounce_handler.applying", "email_validator", "web.app")
        await prepare(wiring, settings)
        ports = await stack.enter_async_context(_serving(wiring))
        sink.bounces_to = (HOST, _known(ports.bounces))
        yield await _stage(folder, sink, clock, wiring, _known(ports.http))


def _settings(folder: Path, smtp_port: int) -> Settings:
    """Made directly: nothing that the caller's environment or folder says has a say here."""
    return Settings.model_validate(
        {
            "data_dir": folder,
            "config_dir": FOLDER / "config",
            "smtp_host": HOST,
            "smtp_port": smtp_port,
            "http_host": HOST,
            "http_port": 0,
            "bounce_host": HOST,
            "bounce_port": 0,
            "api_token": secrets.token_urlsafe(24),
            "log_level": "error",
        }
    )


@contextlib.asynccontextmanager
async def _serving(wiring: Wiring) -> AsyncIterator[Ports]:
    service = Service(wiring, list(Role))
    listening = asyncio.Event()
    serving = asyncio.create_task(service.run(lambda _ports: listening.set()))
    waiting = asyncio.create_task(listening.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        yield service.ports
    finally:
        waiting.cancel()
        service.stop()
        await serving


async def _stage(folder: Path, sink: Sink, clock: SimulatedClock, wiring: Wiring, http_port: int) -> Stage:
    people = wiring.people
    token = wiring.settings.api_token
    return Stage(
        clock=clock,
        wiring=wiring,
        sink=sink,
        timelapse=Timelapse(clock, ServicePatient(wiring.db, sink)),
        publisher=Api(HOST, http_port, await people.create(PUBLISHER, TokenRole.PUBLISHER)),
        helpdesk=Api(HOST, http_port, await people.create(HELPDESK, TokenRole.HELPDESK)),
        admin_token=token.get_secret_value() if token else "",
        http_port=http_port,
        folder=folder,
    )


def _known(port: int | None) -> int:
    if port is None:
        raise RuntimeError("the service listens nowhere")
    return port
