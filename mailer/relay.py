"""Reaching the relay: connect, greet, encrypt, log in.

aiosmtplib does it once a connection stands; the conversation after that is `Wire`'s.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import socket
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, cast

import aiosmtplib
from aiosmtplib import SMTPAuthenticationError, SMTPException, SMTPHeloError, SMTPResponseException, SMTPStatus

from core.address_literal import address_literal
from core.errors import TodokeError
from mailer.dialing import Address, Resolve, SocketAddress, Unreachable, addresses_of, dial
from mailer.discretion import discreet
from mailer.wire import Wire

TlsMode = Literal["none", "starttls", "tls"]

_NOT_KNOWN = range(500, 505)
"""Replies to EHLO of a server that knows HELO only (RFC 5321 section 3.2)."""
_REFUSALS = range(400, 600)
_LONGEST_QUOTE = 100


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """How the relay is reached. Time-outs in seconds (RFC 5321 section 4.5.3.2)."""

    host: str
    port: int
    tls: TlsMode = "none"
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    command_timeout: float = 60.0
    final_timeout: float = 300.0
    helo: str | None = None
    """Who greets: a fully qualified name or an address literal. None: the address of our end of the connection."""

    def ssl_context(self) -> ssl.SSLContext:
        """Certificates and host names are always verified."""
        return ssl.create_default_context(cafile=self.ca_file)


class RelayTrouble(TodokeError, ConnectionError):
    """The relay cannot be used; `code` is its reply code where it gave one, `text` says what happened."""

    def __init__(self, text: str, code: int | None = None) -> None:
        self.text = text
        self.code = code
        super().__init__(text if code is None else f"{code} {text}")


class Relay:
    """Opens connections to one relay.

    An address that takes a connection and then does not serve leads to the next one, and is tried last from then on
    (RFC 5321 section 5.1).
    """

    def __init__(self, settings: RelaySettings, resolve: Resolve = addresses_of) -> None:
        self._settings = settings
        self._resolve = resolve
        self._context: ssl.SSLContext | None = None
        self._failures = itertools.count(1)
        self._failed: dict[SocketAddress, int] = {}

    async def open(self) -> Wire:
        """A connection on which mails can be sent. Raises RelayTrouble: what the first address did."""
        settings = self._settings
        tried: set[SocketAddress] = set()
        trouble: RelayTrouble | None = None
        while True:
            try:
                client = self._client()
                untried = functools.partial(self._untried, tried)
                sock = await dial(settings.host, settings.port, settings.command_timeout, untried)
                address, own = _addresses(sock)
            except (Unreachable, OSError, ValueError) as error:
                raise trouble or self._trouble(error) from error
            try:
                wire = await self._connected(client, sock, settings.helo or own)
            except SMTPAuthenticationError as error:
                raise _answered(error) from error
            except (SMTPException, OSError, ValueError) as error:
                trouble = trouble or self._trouble(error)
                tried.add(address)
                self._failed[address] = next(self._failures)
            else:
                self._failed.pop(address, None)
                return wire

    async def _untried(self, tried: Collection[SocketAddress], host: str, port: int) -> Sequence[Address]:
        """Those that failed go last, the latest behind all."""
        addresses = [address for address in await self._resolve(host, port) if address[4] not in tried]
        return sorted(addresses, key=lambda address: self._failed.get(address[4], 0))

    def _trouble(self, error: SMTPException | OSError | ValueError) -> RelayTrouble:
        if isinstance(error, Unreachable):
            return RelayTrouble(str(error))
        if isinstance(error, SMTPResponseException):
            return _answered(error)
        # aiosmtplib is handed a socket, and tells of a port that it does not know.
        return RelayTrouble(_plain(error).replace("on port None", f"on port {self._settings.port}"))

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        if settings.tls != "none" and self._context is None:
            self._context = settings.ssl_context()
        return aiosmtplib.SMTP(
            hostname=settings.host,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=self._context,
            timeout=settings.command_timeout,
        )

    async def _connected(self, client: aiosmtplib.SMTP, sock: socket.socket, helo: str) -> Wire:
        try:
            await client.connect(sock=sock, local_hostname=helo)
            if client.is_ehlo_or_helo_needed:
                await _greet(client)
            if self._settings.username is not None:
                await _log_in(client, self._settings.username, self._settings.password or "")
            return Wire(_transport(client), frozenset(client.esmtp_extensions))
        except BaseException:
            client.close()
            raise


def _addresses(sock: socket.socket) -> tuple[SocketAddress, str]:
    """The other end's, and our own as we greet with it."""
    try:
        return sock.getpeername(), address_literal(ip_address(str(sock.getsockname()[0]).partition("%")[0]))
    except (OSError, ValueError):  # it has been reset already
        sock.close()
        raise


def _transport(client: aiosmtplib.SMTP) -> asyncio.Transport:
    # Told by what is missing, since uvloop's transports are of classes of their own.
    if client.transport is None:
        raise aiosmtplib.SMTPServerDisconnected("the server closed the connection after its greeting")
    return cast(asyncio.Transport, client.transport)


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError as error:
        if error.code not in _NOT_KNOWN:
            raise
        await client.helo()


async def _log_in(client: aiosmtplib.SMTP, username: str, password: str) -> None:
    """What is raised quotes nothing of the login, as some relays do where they refuse it."""
    try:
        await client.login(username, password)
    except SMTPResponseException as error:
        raise type(error)(error.code, discreet(error.message, username, password)) from None
    except UnicodeError:
        raise SMTPException("the user name or the password has characters that cannot be sent") from None


def _answered(error: SMTPResponseException) -> RelayTrouble:
    """A refusal with its code; what is none, or no SMTP reply at all, is a failed connection."""
    if error.code in _REFUSALS:
        return RelayTrouble(f"{_step(error)}: {error.message}", error.code)
    code = "" if error.code == SMTPStatus.invalid_response else f"{error.code} "
    said = f"{code}{error.message}".strip()[:_LONGEST_QUOTE]
    return RelayTrouble(f"the relay gave no valid reply: {said!r}")


def _step(error: SMTPResponseException) -> str:
    if isinstance(error, SMTPAuthenticationError):
        return "the relay refused our login"
    if isinstance(error, SMTPHeloError):
        return "the relay refused our greeting"
    return "the relay refused the connection"


def _plain(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
