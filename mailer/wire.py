"""An SMTP connection after its greeting: octets out, whole replies in, and whether everything has left.

Replies are queued in the order in which they come, so that commands can be pipelined (RFC 2920).
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

from mailer.alarm import Alarm

_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_LONGEST_REPLY = 65_536
"""Octets: far more than any server says (RFC 5321 section 4.5.3.1.5 allows 512 a line), however they arrive."""
_OFTEN_MET = 512
"""Longer lines are not kept."""
_MOST_REPLIES = 16
"""Far more than are ever outstanding: who sends more unasked is no SMTP server."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of one or more lines; `text` has them without codes, joined by LF."""

    code: int
    text: str


class WireError(ConnectionError):
    """The conversation cannot go on."""


class ConnectionGone(WireError):
    """The other side has closed or reset the connection."""


class ReplyOverdue(WireError):
    """No reply in time."""


class ReplyGarbled(WireError):
    """What came is no SMTP reply, or has no end."""


class Wire(asyncio.Protocol):
    """Made for a transport that is connected already; `extensions` are those of the EHLO reply, in lower case."""

    def __init__(self, transport: asyncio.Transport, extensions: frozenset[str] = frozenset()) -> None:
        self.extensions = extensions
        self._transport = transport
        self._rest = b""
        self._lines: list[str] = []
        self._octets = 0
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._patience = 0.0
        self._alarm = Alarm(self._overdue)
        self._trouble: WireError | None = None
        self._held_back = self._refused = False
        transport.set_write_buffer_limits(high=0)
        transport.set_protocol(self)

    @property
    def open(self) -> bool:
        """Whether the conversation can go on, as far as is known."""
        return self._trouble is None and not self._transport.is_closing()

    @property
    def fresh(self) -> bool:
        """Open, and nothing was said that nobody asked for, such as a 421 before the server hangs up."""
        return self.open and not self._replies and not self._rest

    @property
    def flushed(self) -> bool:
        """Whether all that was written has left this process. False for good where the connection broke before."""
        return not self._held_back

    @property
    def refused(self) -> bool:
        """Whether the connection was found broken as something was written, and none of that has left."""
        return self._refused

    def write(self, octets: bytes) -> None:
        """Send, or queue to send, octets. Raises ConnectionGone, or what ended the conversation before."""
        if not self.open:
            raise self._trouble or ConnectionGone("the connection is closed")
        self._transport.write(octets)
        if self._transport.is_closing():
            self._held_back = self._refused = True  # the transport found the connection broken and sent none of it

    def reply_here(self) -> Reply | None:
        """The next reply, where it is here already."""
        return self._replies.popleft() if self._replies else None

    async def reply(self, seconds: float) -> Reply:
        """The next reply, whole within `seconds`. Raises ConnectionGone, ReplyOverdue or ReplyGarbled."""
        if not self._replies and self._trouble is None:
            await self._more(seconds)
        if self._replies:
            return self._replies.popleft()
        raise self._trouble or ConnectionGone("the connection is closed")

    async def _more(self, seconds: float) -> None:
        self._waiter = self._loop.create_future()
        self._patience = seconds
        self._alarm.set(seconds)
        try:
            await self._waiter
        finally:
            self._alarm.lift()
            self._waiter = None

    def _overdue(self) -> None:
        self._fail(ReplyOverdue(f"no reply within {self._patience:g} s"))

    def abort(self) -> None:
        """Close at once; what has not left is thrown away and never leaves."""
        self._fail(ConnectionGone("the connection was given up"))
        self._transport.abort()

    def close(self) -> None:
        """Close once everything written has left."""
        self._alarm.end()
        self._transport.close()

    # What the transport tells:

    def data_received(self, data: bytes) -> None:
        """Take octets apart into replies."""
        if self._trouble is not None:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
            if self._trouble is not None:  # what stands behind would be taken for the answer to something else
                return
        if self._octets + len(self._rest) > _LONGEST_REPLY or len(self._replies) > _MOST_REPLIES:
            self._fail(ReplyGarbled("a reply without end"))

    def _take(self, line: bytes) -> None:
        if self._octets + len(line) > _LONGEST_REPLY:
            self._fail(ReplyGarbled("a reply without end"))
            return
        parsed = _parsed(line) if len(line) <= _OFTEN_MET else _parse(line)
        if parsed is None:
            self._fail(ReplyGarbled(f"not an SMTP reply: {_text(line)[:100]!r}"))
            return
        last, reply = parsed
        if last and not self._lines:
            self._complete(reply)
            return
        self._octets += len(line)
        self._lines.append(reply.text)
        if last:
            self._complete(Reply(reply.code, "\n".join(self._lines)))
            self._lines.clear()
            self._octets = 0

    def _complete(self, reply: Reply) -> None:
        self._replies.append(reply)
        self._wake()

    def eof_received(self) -> None:
        """The other side says no more; a transport closes itself then."""
        self._fail(ConnectionGone("the server closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, with `exc` where it broke."""
        self._fail(ConnectionGone(f"the connection broke: {exc}" if exc else "the server closed the connection"))

    def pause_writing(self) -> None:
        """Something written could not leave yet."""
        self._held_back = True

    def resume_writing(self) -> None:
        """All of it has left."""
        self._held_back = False

    def _fail(self, trouble: WireError) -> None:
        self._trouble = self._trouble or trouble
        self._alarm.end()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _parse(line: bytes) -> tuple[bool, Reply] | None:
    """Whether a line is the last one of its reply, and what it says; None for what is none."""
    match = _LINE.fullmatch(line.rstrip(b"\r"))
    return None if match is None else (match[2] != b"-", Reply(int(match[1]), _text(match[3] or b"").strip()))


_parsed = lru_cache(maxsize=256)(_parse)
"""Most lines come again."""


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").replace("\x00", "\ufffd")
