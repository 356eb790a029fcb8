"""The SMTP side: aiosmtpd's protocol with our own reading of addresses and of the mail itself.

What is ours: paths are kept as given (quoted local parts keep their quotes, the legacy dot forms of Japanese carriers
pass), the DSN parameters of RFC 3461 are understood, and the mail is read in blocks instead of line by line, which
takes several times more mails a second. Only CRLF.CRLF ends a mail.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from typing_extensions import override

from sink import replies
from sink.reception import MAX_RECIPIENTS, Reception, Recipient, Transaction
from sink.replies import Reply

_log = logging.getLogger("todoke.sink")

_COMMAND_OCTETS = 4096
_READ_AHEAD_OCTETS = 262_144

_PATH = re.compile(
    r"""\s*(?:<(?:@[^:<>]*:)?(?P<bracketed>(?:"(?:[^"\\]|\\.)*"|[^<>"\s])*)>|(?P<bare>[^<>\s]+))
        (?:\s+(?P<parameters>.*))?""",
    re.VERBOSE | re.DOTALL,
)
_PARAMETER = re.compile(r"(?P<keyword>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^=\s]+))?", re.ASCII)
_XTEXT_OCTET = re.compile(r"\+([0-9A-F]{2})")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_NOTIFY_WORDS = frozenset({"NEVER", "SUCCESS", "FAILURE", "DELAY"})
_MAIL_KEYWORDS = frozenset({"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"})
_RCPT_KEYWORDS = frozenset({"NOTIFY", "ORCPT"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the SMTP side."""

    message_octets: int
    idle_seconds: float


class BadCommand(Exception):
    """The arguments of a command are wrong; `reply` says how."""

    def __init__(self, code: int, status: str, text: str) -> None:
        self.reply = Reply(code, status, text)
        super().__init__(str(self.reply))


def parse_path(argument: str | None, keyword: str) -> tuple[str, Mapping[str, str]]:
    """Address and parameters (upper-case keywords) of `FROM:<…> …` or `TO:<…> …`. Raises `BadCommand`."""
    head, colon, rest = (argument or "").partition(":")
    match = _PATH.fullmatch(rest)
    if head.strip().upper() != keyword or not colon or match is None:
        raise BadCommand(501, "5.5.4", f"Syntax: {keyword}:<address>")
    address = match["bare"] or match["bracketed"] or ""
    if _UNPRINTABLE.search(address):
        raise BadCommand(553, "5.1.3", "The address holds control characters or is not UTF-8")
    return address, _parameters(match["parameters"] or "")


def _parameters(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise BadCommand(501, "5.5.4", "A parameter must be KEYWORD or KEYWORD=value")
        found[match["keyword"].upper()] = match["value"] or ""
    return found


def _only(parameters: Mapping[str, str], known: frozenset[str]) -> None:
    unknown = sorted(parameters.keys() - known)
    if unknown:
        raise BadCommand(555, "5.5.4", f"Parameter {unknown[0]} is not known here")


def _printable(text: str) -> str | None:
    """An xtext value decoded (RFC 3461 section 4); None where it would break a header line."""
    decoded = _XTEXT_OCTET.sub(lambda octet: chr(int(octet[1], 16)), text)
    return None if not decoded or _UNPRINTABLE.search(decoded) else decoded


def parse_recipient(argument: str | None) -> Recipient:
    """The recipient that RCPT names. Raises `BadCommand`."""
    address, parameters = parse_path(argument, "TO")
    if not address:
        raise BadCommand(501, "5.1.3", "A recipient must have an address")
    _only(parameters, _RCPT_KEYWORDS)
    notify = frozenset(parameters["NOTIFY"].upper().split(",")) if "NOTIFY" in parameters else None
    if notify is not None and (not notify <= _NOTIFY_WORDS or ("NEVER" in notify and len(notify) > 1)):
        raise BadCommand(501, "5.5.4", "NOTIFY must be NEVER or a list of SUCCESS, FAILURE, DELAY")
    address_type, _, original = (_printable(parameters.get("ORCPT", "")) or "").partition(";")
    return Recipient(address, f"{address_type}; {original}" if original else None, notify)


def parse_sender(argument: str | None, limits: Limits) -> tuple[str, str | None]:
    """Envelope sender and envelope id that MAIL names. Raises `BadCommand`."""
    address, parameters = parse_path(argument, "FROM")
    _only(parameters, _MAIL_KEYWORDS)
    size = parameters.get("SIZE", "0")
    if not (size.isascii() and size.isdigit()):
        raise BadCommand(501, "5.5.4", "SIZE must be a number of octets")
    if len(size) > 15 or int(size) > limits.message_octets:
        raise _too_big(limits)
    if parameters.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME"):
        raise BadCommand(501, "5.5.4", "BODY must be 7BIT or 8BITMIME")
    if not address.isascii() and "SMTPUTF8" not in parameters:
        raise BadCommand(553, "5.6.7", "An address beyond ASCII needs the SMTPUTF8 parameter")
    return address, _printable(parameters.get("ENVID", ""))


def _too_big(limits: Limits) -> BadCommand:
    return BadCommand(552, "5.3.4", f"The message exceeds the maximum of {limits.message_octets} octets")


class _Envelope(Envelope):
    def __init__(self) -> None:
        super().__init__()
        self.transaction = Transaction()


class _NoHooks:
    async def handle_exception(self, error: Exception) -> str:
        _log.error("failed in an SMTP session", exc_info=error)
        return str(Reply(451, "4.3.0", "The sink has a fault; see its log"))


def _any_login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, _data: object) -> AuthResult:
    """Registration systems are configured with some user name: any is good, none is kept."""
    return AuthResult(success=True)


class CaptureProtocol(SMTP):
    """One SMTP connection. It adds itself to `connections` while it lives."""

    command_size_limit = _COMMAND_OCTETS
    line_length_limit = _READ_AHEAD_OCTETS  # the bound of the stream's buffer, not of lines: those may be longer

    def __init__(
        self, reception: Reception, connections: set[CaptureProtocol], *, hostname: str, limits: Limits
    ) -> None:
        super().__init__(
            _NoHooks(),
            data_size_limit=limits.message_octets,
            enable_SMTPUTF8=True,
            hostname=hostname,
            ident="todoke sink: captures every mail, delivers none",
            timeout=limits.idle_seconds,
            auth_require_tls=False,
            authenticator=_any_login,
            loop=asyncio.get_running_loop(),
        )
        self.command_size_limits = defaultdict(lambda: _COMMAND_OCTETS)
        self._reception = reception
        self._connections = connections
        self._limits = limits

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self)
        super().connection_made(transport)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(error)

    def abort(self) -> None:
        """Cut the connection at once, in the middle of whatever happens."""
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()

    @override
    def _create_envelope(self) -> Envelope:
        return _Envelope()

    def _transaction(self) -> Transaction:
        # Not a property: the base class reads every attribute before there is an envelope.
        assert isinstance(self.envelope, _Envelope)
        return self.envelope.transaction

    @override
    async def smtp_EHLO(self, hostname: str) -> None:
        if not hostname:
            await self._answer(Reply(501, "5.5.4", "Syntax: EHLO hostname"))
            return
        assert self.session is not None
        self.envelope = self._create_envelope()
        self.session.extended_smtp = True
        self.session.host_name = hostname
        offers = [f"SIZE {self._limits.message_octets}", "8BITMIME", "SMTPUTF8", "PIPELINING", "DSN"]
        lines = [f"250-{line}" for line in (self.hostname, *offers, "AUTH LOGIN PLAIN")]
        await self.push("\r\n".join([*lines, "250 HELP"]))

    @override
    async def smtp_MAIL(self, arg: str | None) -> None:
        try:
            self._begin(arg)
        except BadCommand as bad:
            await self._answer(bad.reply)
        else:
            await self._answer(Reply(250, "2.1.0", "Sender ok"))

    def _begin(self, arg: str | None) -> None:
        assert self.session is not None
        if not self.session.host_name:
            raise BadCommand(503, "5.5.1", "Send EHLO first")
        transaction = self._transaction()
        if transaction.sender is not None:
            raise BadCommand(503, "5.5.1", "A mail is already begun: send RSET first")
        transaction.sender, transaction.envelope_id = parse_sender(arg, self._limits)

    @override
    async def smtp_RCPT(self, arg: str | None) -> None:
        await self._answer(await self._take_recipient(arg))

    async def _take_recipient(self, arg: str | None) -> Reply:
        transaction = self._transaction()
        if transaction.sender is None:
            return Reply(503, "5.5.1", "Send MAIL first")
        try:
            recipient = parse_recipient(arg)
        except BadCommand as bad:
            return bad.reply
        if len(transaction.recipients) >= MAX_RECIPIENTS:
            return replies.TOO_MANY_RECIPIENTS
        self._wait_longer(recipient)
        refusal = await self._reception.recipient(transaction.sender, recipient)
        if refusal is None:
            transaction.recipients.append(recipient)
        return refusal or Reply(250, "2.1.5", "Recipient ok")

    @override
    async def smtp_DATA(self, arg: str | None) -> None:
        if arg or not self._transaction().recipients:
            problem = "Syntax: DATA" if arg else "Send RCPT first"
            await self._answer(Reply(501 if arg else 503, "5.5.1", problem))
            return
        await self.push("354 End the mail with <CR><LF>.<CR><LF>")
        raw = await self._read_mail()
        reply = self._refuse_size() if raw is None else await self._take_mail(raw)
        self.envelope = self._create_envelope()
        if reply is None:
            self.abort()
        else:
            await self._answer(reply)

    def _refuse_size(self) -> Reply:
        return self._reception.refused(self._transaction().recipients[0].address, _too_big(self._limits).reply)

    async def _take_mail(self, raw: bytes) -> Reply | None:
        for recipient in self._transaction().recipients:
            self._wait_longer(recipient)
        return await self._reception.mail(self._transaction(), raw)

    async def _read_mail(self) -> bytes | None:
        """The mail without its final dot, dot-stuffing undone (RFC 5321 section 4.5.2); None when it is too big."""
        data = bytearray()
        too_big = False
        while not (data.endswith(b"\r\n.\r\n") or data == b".\r\n"):
            try:
                data += await self._reader.readuntil(b".\r\n")
            except asyncio.LimitOverrunError as overrun:
                data += await self._reader.readexactly(overrun.consumed)
            self._reset_timeout()
            if len(data) > self._limits.message_octets + len(b".\r\n"):
                too_big = True
                del data[: -len(b"\r\n.\r\n")]
        return None if too_big else unstuff(bytes(data))

    def _wait_longer(self, recipient: Recipient) -> None:
        """A `slow-<SECONDS>` answer must not run into the time-out of an idle connection."""
        simulation = recipient.simulation
        if simulation is not None and simulation.seconds:
            self._reset_timeout(simulation.seconds + self._limits.idle_seconds)

    async def _answer(self, reply: Reply) -> None:
        await self.push(str(reply))
        if reply.code == replies.SERVICE_CLOSING and self.transport is not None:
            self.transport.close()


def unstuff(data: bytes) -> bytes:
    """Received data up to and with the final dot, as the mail that was meant."""
    lines = data[: -len(b".\r\n")]
    return (lines[1:] if lines.startswith(b".") else lines).replace(b"\r\n.", b"\r\n")
