"""An SMTP server of the benchmark's own that notes when it accepted which mail: `python -m benchmarks.timing_sink`.

It prints its port, accepts everything, and when its stdin is closed prints JSON: for each recipient whose address
contains its argument, the moment (monotonic clock, which all processes of a machine share) of the 250 after the dot.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

from benchmarks.processes import LOOPBACK

_RECIPIENT = re.compile(rb"RCPT TO:\s*<([^>]*)>", re.IGNORECASE)
_GREETING = b"220 timing.sink ESMTP\r\n"
_EXTENSIONS = b"250-timing.sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n"
_END_OF_MAIL = b"\r\n.\r\n"


class TimingSink(asyncio.Protocol):
    """One conversation. `accepted` takes the moments of all conversations."""

    def __init__(self, wanted: str, accepted: dict[str, float]) -> None:
        self._wanted = wanted
        self._accepted = accepted
        self._buffer = b""
        self._in_mail = False
        self._recipient = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        """Answer every whole command, and every whole mail."""
        self._buffer += data
        replies = b""
        while reply := self._step():
            replies += reply
        if replies:
            self._transport.write(replies)

    def _step(self) -> bytes:
        """The reply to what stands first in the buffer; nothing while it is not whole."""
        end = _END_OF_MAIL if self._in_mail else b"\r\n"
        taken, found, rest = self._buffer.partition(end)
        if not found:
            return b""
        self._buffer = rest
        return self._end_mail() if self._in_mail else self._command(taken)

    def _end_mail(self) -> bytes:
        self._in_mail = False
        if self._wanted in self._recipient:
            self._accepted.setdefault(self._recipient, time.monotonic())
        return b"250 2.0.0 Ok\r\n"

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return _EXTENSIONS
        if verb == b"DATA":
            self._in_mail = True
            return b"354 End with a dot\r\n"
        if verb == b"QUIT":
            return b"221 2.0.0 Bye\r\n"
        if match := _RECIPIENT.match(line):
            self._recipient = match[1].decode(errors="replace")
        return b"250 2.0.0 Ok\r\n"


async def serve(wanted: str) -> dict[str, float]:
    """Serve until stdin is closed; the moments."""
    accepted: dict[str, float] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: TimingSink(wanted, accepted), LOOPBACK, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    return accepted


if __name__ == "__main__":
    print(json.dumps(asyncio.run(serve(sys.argv[1]))))
