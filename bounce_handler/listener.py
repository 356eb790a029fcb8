"""The SMTP listener for failure reports, in the running event loop."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from bounce_handler.budgets import Connections, NoteBudget, NoteLimits
from bounce_handler.certificates import ends_soon, out_of_date, tls_context, validity
from bounce_handler.conversation import Conversation
from bounce_handler.reception import Reception, ReportKeeper
from core.errors import CannotListen
from core.return_path import ReturnPaths
from core.trouble import Often

log = structlog.get_logger("bounces")


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Sizes in octets; `timeout` in seconds, of silence and of one mail's data (RFC 5321 section 4.5.3.2.7)."""

    host: str
    port: int
    max_octets: int = 10 * 1024 * 1024
    timeout: float = 300.0
    connections: int = 500
    connections_per_peer: int = 50
    notes: NoteLimits = field(default_factory=NoteLimits)
    tls_certificate: Path | None = None
    tls_key: Path | None = None


class BounceListener:
    """Listens until it is stopped. Raises ConfigurationError for a certificate that cannot be used."""

    def __init__(self, settings: ListenerSettings, keeper: ReportKeeper, return_paths: ReturnPaths) -> None:
        self._settings = settings
        self._hostname = return_paths.domain
        self._reception = Reception(keeper, return_paths, NoteBudget(settings.notes, time.monotonic))
        self._connections = Connections(settings.connections_per_peer, settings.connections)
        self._crowded = Often(log, "refused SMTP connections: too many are open")
        self._conversations: set[Conversation] = set()
        self._server: asyncio.Server | None = None
        self._tls = self._encryption()

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        if self._server is None:
            raise RuntimeError("the listener is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen. Raises CannotListen."""
        loop, host, port = asyncio.get_running_loop(), self._settings.host, self._settings.port
        try:
            self._server = await loop.create_server(self._first().another, host, port)
        except (OSError, UnicodeError) as error:
            raise CannotListen(host, port, "failure reports", "TODOKE_BOUNCE", error) from error

    async def stop(self) -> None:
        """Stop listening and end all conversations; a mail not yet answered with 250 stays with its sender."""
        if self._server is not None:
            self._server.close()
        for conversation in tuple(self._conversations):
            conversation.end(b"421 4.3.2 Closing down\r\n")

    def enter(self, conversation: Conversation, peer: str) -> bool:
        """A conversation begins; False when there are too many."""
        if not self._connections.enter(peer):
            self._crowded.met(open=len(self._conversations))
            return False
        self._conversations.add(conversation)
        return True

    def leave(self, conversation: Conversation, peer: str) -> None:
        """It has ended."""
        self._connections.leave(peer)
        self._conversations.discard(conversation)

    def _encryption(self) -> ssl.SSLContext | None:
        """None where none is offered. A certificate out of date is offered all the same: few relays check it."""
        certificate = self._settings.tls_certificate
        if certificate is None:
            return None
        context, now = tls_context(certificate, self._settings.tls_key), datetime.now(UTC)
        begins, ends = validity(certificate)
        why = out_of_date(begins, ends, now) or ends_soon(ends, now)
        if why is not None:
            log.warning("the bounce listener's certificate wants attention", file=str(certificate), why=why)
        return context

    def _first(self) -> Conversation:
        """The one that all others are made from."""
        return Conversation(
            self,
            self._reception,
            data_size_limit=self._settings.max_octets,
            timeout=self._settings.timeout,
            enable_SMTPUTF8=True,
            hostname=self._hostname,  # else aiosmtpd asks the DNS for a name at every connection, and waits for it
            ident="todoke",
            tls_context=self._tls,
            loop=asyncio.get_running_loop(),
        )
