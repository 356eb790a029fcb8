"""One SMTP transaction (RFC 5321 section 3.3), commands pipelined where the server offers it (RFC 2920).

The reply after the final dot decides everything, so DATA is spoken in two steps: while the dot has not left, a lost
connection means "not sent"; from then on it means "in doubt". Behind the dot the next mail may be introduced at once
(RFC 2920 section 3.1), which spares each mail a round trip.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from mailer.wire import ConnectionGone, Reply, ReplyGarbled, ReplyOverdue, Wire, WireError

Stage = Literal["connect", "mail", "rcpt", "data"]

_PATH = re.compile(r"[!-;=?-~]*", re.ASCII)
_INNER_DOT = re.compile(rb"\n\.")
_LEADING_DOT = re.compile(rb"(?m)^\.")
_GO_AHEAD = 354
_LARGEST_WITH_MORE = 65_536
"""Larger mails may leave in several steps, where it has to be known whether the dot has left."""
CLOSING = 421
"""The server ends the session (RFC 5321 section 3.8)."""
OUT_OF_ORDER = frozenset({500, 502, 503, 504})
"""The server does not know a command, or not at this point (RFC 5321 section 4.2.2)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """2xx after the final dot: the relay took responsibility."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A 4xx or 5xx reply at a stage. At "connect" it is about us and the relay, never about the recipient."""

    code: int
    text: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection failed or fell silent; `in_doubt` once the final dot had left."""

    detail: str
    stage: Stage
    in_doubt: bool = False


Outcome = Accepted | Refused | Lost


@dataclass(frozen=True, slots=True)
class Ended:
    """An outcome; `unheard` where the relay took no notice of this mail.

    The session was over before, or (`deaf`) what was introduced behind the mail before it was thrown away. `together`
    where it was refused, or met silence after a reply, before the mail itself, and its commands were sent together.
    """

    outcome: Outcome
    unheard: bool = False
    deaf: bool = False
    together: bool = False


class Introduction:
    """What is said before a mail. Raises ValueError for an address that cannot stand in a command."""

    def __init__(self, sender: str, recipient: str) -> None:
        self.commands: Mapping[Stage, bytes] = {
            "mail": b"MAIL FROM:<%b>\r\n" % _path(sender),
            "rcpt": b"RCPT TO:<%b>\r\n" % _path(recipient),
            "data": b"DATA\r\n",
        }

    @property
    def together(self) -> bytes:
        """All of it, pipelined."""
        return b"".join(self.commands.values())


class Parcel:
    """A mail in its envelope; `before_dot` is awaited once the recipient is accepted, before the mail goes out.

    `following` is asked, as the mail leaves for a server that takes pipelined commands, what to introduce behind it.
    """

    def __init__(
        self,
        introduction: Introduction,
        mail: bytes,
        before_dot: Callable[[], Awaitable[None]],
        following: Callable[[], Introduction | None],
    ) -> None:
        self.introduction = introduction
        end = b".\r\n" if mail.endswith(b"\r\n") else b"\r\n.\r\n"
        self.stuffed = _stuffed(mail) + end
        self.before_dot = before_dot
        self.following = following


class Transaction:
    """A parcel on one connection. Time-outs in seconds: for each reply, and for the one after the final dot.

    `together`: its commands are sent at once, for the server takes them so. `introduced`: they went out behind the mail
    before it.
    """

    def __init__(
        self,
        wire: Wire,
        parcel: Parcel,
        command_timeout: float,
        final_timeout: float,
        *,
        together: bool,
        introduced: bool,
    ) -> None:
        self._wire = wire
        self._parcel = parcel
        self._command_timeout = command_timeout
        self._final_timeout = final_timeout
        self._together = together or introduced
        self._introduced = introduced
        self._stage: Stage = "mail"
        self._heard = False
        self._outstanding = 0
        """Answers that are due to what was pipelined before the mail."""
        self._dot_written = self._more_written = False

    async def run(self) -> Ended:
        """All of it. What `before_dot` raises is raised, and leaves the connection in the middle of DATA."""
        try:
            refused = await self._introduce()
            if refused is not None:
                unheard = refused.stage == "mail" and refused.code == CLOSING
                return Ended(refused, unheard=unheard, together=self._together)
            await self._parcel.before_dot()
            return Ended(await self._hand_over())
        except WireError as error:
            lost = Lost(str(error), self._stage, in_doubt=self._dot_may_have_left)
            silent = isinstance(error, ReplyOverdue)
            if self._heard:
                return Ended(lost, together=self._together and silent and not self._dot_written)
            deaf = self._introduced and silent
            return Ended(lost, unheard=deaf or isinstance(error, ConnectionGone), deaf=deaf)

    async def clear(self, seconds: float) -> None:
        """Make the connection ready for another mail after a refusal, or give it up: each answer has so long."""
        try:
            while self._outstanding:
                await self._skip(seconds)
            self._wire.write(b"RSET\r\n")
            reply = await self._wire.reply(seconds)
        except WireError:
            self._wire.abort()
            return
        if reply.code // 100 != 2:
            self._wire.abort()

    @property
    def _dot_may_have_left(self) -> bool:
        # Where more was written behind it, what is still here may be of that.
        left = not self._wire.refused if self._more_written else self._wire.flushed
        return self._dot_written and left

    async def _introduce(self) -> Refused | None:
        """Sender, recipient, DATA: None once the relay waits for the mail."""
        return await (self._pipelined() if self._together else self._stepwise())

    async def _stepwise(self) -> Refused | None:
        for stage, command in self._parcel.introduction.commands.items():
            self._wire.write(command)
            refused = await self._answer(stage)
            if refused is not None:
                return refused
        return None

    async def _pipelined(self) -> Refused | None:
        if not self._introduced:
            self._wire.write(self._parcel.introduction.together)
        self._outstanding = len(self._parcel.introduction.commands)
        for stage in self._parcel.introduction.commands:
            refused = await self._answer(stage)
            self._outstanding -= 1
            if refused is not None:
                return refused
        return None

    async def _answer(self, stage: Stage) -> Refused | None:
        self._stage = stage
        reply = self._wire.reply_here() or await self._wire.reply(self._command_timeout)
        self._heard = True
        accepted = reply.code == _GO_AHEAD if stage == "data" else reply.code // 100 == 2
        return None if accepted else _refusal(reply, stage)

    async def _skip(self, seconds: float) -> None:
        """The reply to what stood behind a refused command; a mail that is waited for all the same is an empty one."""
        reply = await self._wire.reply(seconds)
        self._outstanding -= 1
        if reply.code == _GO_AHEAD:
            self._wire.write(b".\r\n")
            await self._wire.reply(seconds)

    async def _hand_over(self) -> Accepted | Refused:
        following = self._following()
        self._wire.write(self._parcel.stuffed + following)
        self._dot_written, self._more_written = True, bool(following)
        reply = await self._wire.reply(self._final_timeout)
        return Accepted(reply.code, reply.text) if reply.code // 100 == 2 else _refusal(reply, "data")

    def _following(self) -> bytes:
        """What goes out together with the mail: in one piece, as the answers then come in one piece, too."""
        if not self._together or len(self._parcel.stuffed) > _LARGEST_WITH_MORE:
            return b""
        following = self._parcel.following()
        return b"" if following is None else following.together


def _stuffed(mail: bytes) -> bytes:
    """Lines that begin with a dot get another one (RFC 5321 section 4.5.2)."""
    # The last dot is found at once, and stands before the encoded bodies, which have none.
    if mail.startswith(b".") or _INNER_DOT.search(mail, 0, mail.rfind(b".") + 1):
        return _LEADING_DOT.sub(b"..", mail)
    return mail


def _refusal(reply: Reply, stage: Stage) -> Refused:
    if reply.code < 400:
        raise ReplyGarbled(f"{reply.code} is no reply to this: {reply.text[:100]}")
    return Refused(reply.code, reply.text, stage)


def _path(address: str) -> bytes:
    if _PATH.fullmatch(address) is None:
        raise ValueError("an address with characters that cannot stand in an SMTP command")
    return address.encode("ascii")
