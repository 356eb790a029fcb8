"""One SMTP conversation: aiosmtpd's, with its limits and without its surprises."""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from typing import Any, Protocol, cast

from aiosmtpd.smtp import SMTP, Envelope
from typing_extensions import override

from bounce_handler import maildata, paths
from bounce_handler.budgets import Patience
from bounce_handler.reception import KEPT, TOO_LARGE, Reception

_LONGEST_COMMAND = 2048
_BUFFER_OCTETS = 256 * 1024
_NOT_LAST = ("250", "354")
"""Replies after which a conversation goes on; the others may be followed by its end, or by TLS."""
_OFFERED = ("EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "HELP", "QUIT")


class House(Protocol):
    """What a conversation needs of the listener that it belongs to."""

    def enter(self, conversation: Conversation, peer: str) -> bool:
        """A conversation begins; False when there are too many."""

    def leave(self, conversation: Conversation, peer: str) -> None:
        """It has ended."""


class Conversation(SMTP):
    """Ends a conversation that only asks, or is refused again and again."""

    line_length_limit = _BUFFER_OCTETS  # aiosmtpd's reader is made with it

    def __init__(self, house: House, reception: Reception, **options: Any) -> None:
        # aiosmtpd has one table for the whole class, which every new conversation clears for all others.
        self.command_size_limits: defaultdict[str, int] = defaultdict(lambda: _LONGEST_COMMAND)
        super().__init__(reception, auth_exclude_mechanism=("LOGIN", "PLAIN"), **options)
        self._house = house
        self._reception = reception
        self._begin()

    def _begin(self) -> None:
        self._patience = Patience()
        self._replies = bytearray()
        self._peer: str | None = None

    def another(self) -> Conversation:
        """One more of the same listener, from one that nobody has used.

        aiosmtpd inspects its class and its hooks for each conversation, which takes longer than the conversation.
        """
        made = copy.copy(self)
        reader = asyncio.StreamReader(loop=self.loop, limit=self.line_length_limit)
        asyncio.StreamReaderProtocol.__init__(made, reader, made._cb_client_connected, self.loop)
        made._smtp_methods = {name: getattr(made, f"smtp_{name}") for name in self._smtp_methods}
        made._begin()
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called a second time when TLS begins."""
        peer = str((transport.get_extra_info("peername") or ("unknown",))[0])
        if self._peer is None and not self._house.enter(self, peer):
            _dismiss(transport, b"421 4.7.0 Too many connections\r\n")
            return
        self._peer = peer
        super().connection_made(transport)
        assert self._handler_coroutine is not None
        self._handler_coroutine.add_done_callback(_forget)

    def connection_lost(self, error: Exception | None) -> None:
        """Called for connections that were dismissed, too."""
        if self._peer is None:
            return
        self._house.leave(self, self._peer)
        self._peer = None
        super().connection_lost(error)

    async def push(self, status: str | bytes) -> None:
        """Answer in printable ASCII; all answers of aiosmtpd go through here, and some quote what was said to it."""
        reply = status.decode("ascii", "replace") if isinstance(status, bytes) else status
        if not (reply.isascii() and reply.isprintable()):
            reply = "".join(char if char.isascii() and char.isprintable() else "?" for char in reply)
        await self._send(reply)
        if reply == KEPT:
            self._patience = Patience()
        elif not self._patience.count(reply):
            self.end(b"421 4.7.0 Too many commands without a mail\r\n")

    async def _send(self, reply: str) -> None:
        """Answers to commands that came together leave together (RFC 2920 section 3.2)."""
        self._replies += reply.encode() + b"\r\n"
        if reply.startswith(_NOT_LAST):
            self.loop.call_soon(self._flush)
            return
        self._flush()
        await self._writer.drain()

    def _flush(self) -> None:
        if self._replies:
            self._writer.write(bytes(self._replies))
            self._replies.clear()

    @override
    async def smtp_STARTTLS(self, arg: str | None) -> None:
        """Begin TLS, once: aiosmtpd would begin it again within itself."""
        if self._tls_protocol is not None:
            await self.push("503 5.5.1 TLS is on already")
            return
        await super().smtp_STARTTLS(arg)

    @override
    async def smtp_HELP(self, arg: str | None) -> None:
        """List what is offered: aiosmtpd's own answer has AUTH and VRFY in it."""
        await self.push(f"214 2.0.0 Commands: {' '.join(_OFFERED)}")

    @override
    async def smtp_DATA(self, arg: str | None) -> None:
        """Take a mail, however long its lines are: a report refused for its form would be lost, as nobody gets it back.

        aiosmtpd refuses long lines, and looks at each by itself, which takes most of its time.
        """
        assert self.envelope is not None
        if await self.check_helo_needed():
            return
        if not self.envelope.rcpt_tos or arg:
            await self.push("501 5.5.4 DATA takes nothing" if arg else "503 5.5.1 Name a recipient first")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        raw = await maildata.read(self._reader, self.data_size_limit or 0)
        ended, peer = self.envelope, self._peer or ""
        self.envelope = self._create_envelope()
        await self.push(TOO_LARGE if raw is None else await self._take(peer, ended, raw))

    async def _take(self, peer: str, envelope: Envelope, raw: bytes) -> str:
        reverse_path = envelope.mail_from or paths.NULL
        return await self._reception.take(peer, reverse_path, envelope.rcpt_tos, raw)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The path and the parameters of a MAIL or RCPT command; aiosmtpd's own recurses as deep as it is told to."""
        return paths.read(arg) or (None, None)

    def end(self, farewell: bytes) -> None:
        """Say farewell and close; what was not answered yet stays with the sender."""
        if self.transport is not None and self._handler_coroutine is not None:
            self._flush()
            _dismiss(self.transport, farewell)
            self._handler_coroutine.cancel()


def _dismiss(transport: asyncio.BaseTransport, farewell: bytes) -> None:
    if transport.is_closing():
        return
    cast(asyncio.WriteTransport, transport).write(farewell)
    transport.close()


def _forget(handling: asyncio.Task[None]) -> None:
    """A connection reset by its peer is nobody's error here."""
    if not handling.cancelled():
        handling.exception()
