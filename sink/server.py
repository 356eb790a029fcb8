"""The sink as a whole: SMTP and HTTP servers in one event loop, and how to run them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from core.ending import on_signals
from core.errors import ConfigurationError
from core.jst import TOKYO
from sink.activity import Activity
from sink.api import Api
from sink.archive import Mail, MemoryArchive, SqliteArchive
from sink.mailbox import Mailbox, Query
from sink.pages import build_app, is_loopback
from sink.reading import ReadMail, read_mail
from sink.reception import Reception, ReportTiming
from sink.reporter import RETRY_PAUSES_SECONDS, Address, Reporter
from sink.smtp import CaptureProtocol, Limits

_STOP_SECONDS = 2


def now_in_japan() -> datetime:
    """The real time. The sink never runs on a simulated clock."""
    return datetime.now(TOKYO)


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """How a sink is run. Port 0 takes a free port."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    http_host: str = "127.0.0.1"
    http_port: int = 8025
    bounces_to: Address | None = None  # where reports go
    store: Path | None = None  # None: in memory
    max_messages: int = 500_000  # the oldest are forgotten beyond
    max_message_octets: int = 50 * 1024 * 1024
    idle_seconds: float = 300.0  # until a silent SMTP client is cut off
    hostname: str = "sink.todoke.invalid"  # what it calls itself
    report_timing: ReportTiming = field(default_factory=ReportTiming)
    retry_pauses: tuple[float, ...] = RETRY_PAUSES_SECONDS  # between tries to hand over a report, in seconds


class Sink:
    """A running sink. `smtp_port` and `http_port` are the real ones after `start()`."""

    def __init__(
        self,
        settings: SinkSettings,
        *,
        now: Callable[[], datetime] = now_in_japan,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.smtp_port = settings.smtp_port
        self.http_port = settings.http_port
        archive = SqliteArchive(settings.store) if settings.store else MemoryArchive()
        self._mailbox = Mailbox(archive, run_id=secrets.token_hex(3), max_messages=settings.max_messages)
        self._activity = Activity(now)
        self._reporter = Reporter(
            self._activity,
            hostname=settings.hostname,
            now=now,
            sleep=sleep,
            bounces_to=settings.bounces_to,
            retry_pauses=settings.retry_pauses,
        )
        self._reception = Reception(
            self._mailbox, self._reporter, self._activity, now=now, sleep=sleep, timing=settings.report_timing
        )
        self._api = Api(
            self._mailbox,
            self._reporter,
            self._activity,
            about=self.about,
            on_clear=self._reception.forget_tries,
            sleep=sleep,
        )
        self._connections: set[CaptureProtocol] = set()
        self._smtp: asyncio.Server | None = None
        self._http: _HttpServer | None = None
        self._http_task: asyncio.Task[None] | None = None

    @property
    def bounces_to(self) -> Address | None:
        """Where reports go; may be changed at any time."""
        return self._reporter.bounces_to

    @bounces_to.setter
    def bounces_to(self, address: Address | None) -> None:
        self._reporter.bounces_to = address

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{_bracketed(self.settings.http_host)}:{self.http_port}"

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError` when a port or the store cannot be had."""
        # aiosmtpd would log whole addresses at a lower level.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        with contextlib.ExitStack() as opened:
            smtp = opened.enter_context(_listen(self.settings.smtp_host, self.settings.smtp_port, "--smtp-port"))
            http = opened.enter_context(_listen(self.settings.http_host, self.settings.http_port, "--http-port"))
            await self._mailbox.open()
            opened.pop_all()
        self.smtp_port, self.http_port = smtp.getsockname()[1], http.getsockname()[1]
        self._smtp = await asyncio.get_running_loop().create_server(self._protocol, sock=smtp, backlog=1024)
        app = build_app(self._api, loopback_only=is_loopback(self.settings.http_host))
        self._http = _http_server(app)
        self._http_task = asyncio.create_task(self._http.serve(sockets=[http]))

    async def stop(self) -> None:
        """Stop listening, cut connections, give up reports that have not left, close the store."""
        if self._smtp is None or self._http is None or self._http_task is None:
            return
        self._smtp.close()
        for connection in list(self._connections):
            connection.abort()
        self._mailbox.release()
        self._http.should_exit = True
        await self._http_task
        await self._reporter.close()
        await self._mailbox.close()
        self._smtp = None

    async def idle(self) -> None:
        """Return when no report is waiting to leave."""
        await self._reporter.idle()

    def mails(self, query: Query | None = None) -> list[Mail]:
        """The captured mails that `query` matches, newest first."""
        return self._mailbox.page(query or Query(), self.settings.max_messages).items

    async def raw(self, mail: Mail) -> bytes:
        """A mail's bytes as received. Raises `KeyError` when it was removed meanwhile."""
        raw = await self._mailbox.raw(mail)
        if raw is None:
            raise KeyError(mail.id)
        return raw

    async def read(self, mail: Mail) -> ReadMail:
        """A mail's headers, text, HTML, links and attachments."""
        return read_mail(await self.raw(mail))

    async def clear(self) -> None:
        """Forget all mails, and how often each deferred mail was tried."""
        self._reception.forget_tries()
        await self._mailbox.clear()

    def about(self) -> Mapping[str, object]:
        """Where the sink listens, for people."""
        target = self.bounces_to
        return {
            "smtp": f"{_bracketed(self.settings.smtp_host)}:{self.smtp_port}",
            "http": self.url,
            "bounces_to": f"{_bracketed(target[0])}:{target[1]}" if target else None,
            "store": str(self.settings.store) if self.settings.store else None,
            "max_messages": self.settings.max_messages,
            "max_message_octets": self.settings.max_message_octets,
        }

    def _protocol(self) -> CaptureProtocol:
        limits = Limits(self.settings.max_message_octets, self.settings.idle_seconds)
        return CaptureProtocol(self._reception, self._connections, hostname=self.settings.hostname, limits=limits)


class _HttpServer(uvicorn.Server):
    """uvicorn inside a loop that handles the signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _http_server(app: ASGIApp) -> _HttpServer:
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        http="h11",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return _HttpServer(config)


def _listen(host: str, port: int, option: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"{option}: {host} is no address of this machine: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        hint = "another program uses it; stop that one or name another port" if error.errno == errno.EADDRINUSE else ""
        raise ConfigurationError(f"{option}: cannot listen on {host}:{port}: {hint or error.strerror}") from error
    return listener


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def run(settings: SinkSettings, announce: Callable[[Sink], None] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP. `announce` is called once, when the sink is ready."""
    stopping = asyncio.Event()
    on_signals(stopping.set)
    sink = Sink(settings)
    await sink.start()
    try:
        if announce is not None:
            announce(sink)
        await stopping.wait()
    finally:
        await sink.stop()


def serve(settings: SinkSettings, announce: Callable[[Sink], None] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP; blocks. Raises `ConfigurationError` when it cannot start."""
    asyncio.run(run(settings, announce))
