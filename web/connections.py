"""HTTP connections that get on: whoever keeps the service waiting is cut off, and first of all where others need room.

uvicorn by itself waits for ever for a request, for its body, and for an answer to be taken.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from enum import Enum, auto
from typing import Any, cast

import h11
import structlog
from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from core.problems import Problem
from core.trouble import Often
from web.problems import RETRY_AFTER, problem_response

log = structlog.get_logger("web")

_PATIENCE_SECONDS = 30.0
"""How long a request may take to come up to its body, a body to bring the next octets, an answer to be read on."""
_FLOOR_OCTETS = 15_000
"""What a body brings, and a client reads of an answer, within that time at least: 500 octets a second."""

_IN_HAND_OCTETS = 131_072
"""Of what a client's system has taken the client may have to read as much before there is room for more (Linux)."""

_ACKNOWLEDGED = struct.Struct("=120xQ")
"""`tcpi_bytes_acked` in the `struct tcp_info` of Linux (include/uapi/linux/tcp.h), since 4.2."""


class Stage(Enum):
    """Whom a connection waits for, and for what."""

    IDLE = auto()  # the client's next request; uvicorn ends that after five seconds
    HEAD = auto()  # the client's request, up to its body
    BODY = auto()  # what the application asked for of the body
    TAKING = auto()  # the client, to take what was written
    OURS = auto()  # the application


class Connections(ServerState):
    """The open connections of a server, of which there are at most so many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._crowded = Often(log, "too many HTTP connections")
        self._slow = Often(log, "cut off HTTP connections that did not get on")

    def enter(self) -> bool:
        """Whether one more may come in; who has waited longest without a request makes room for it."""
        staying = self._staying()
        if len(staying) < self._most:
            return True
        without = [connection for connection in staying if connection.stage() in {Stage.IDLE, Stage.HEAD}]
        self._crowded.met(most=self._most, without_request=len(without))
        if without:
            min(without, key=lambda connection: connection.free_since).cut_off()
        return bool(without)

    def cut_off_the_slow(self, now: float) -> None:
        """To be called every now and then, with the time of the event loop."""
        for connection in self._staying():
            if connection.is_overdue(now):
                self._slow.met(stage=connection.stage().name.lower())
                connection.cut_off()

    def _staying(self) -> list[Connection]:
        return [one for one in self.connections if isinstance(one, Connection) and not one.is_cut_off]


class Connection(H11Protocol):
    """One of them. `free_since` tells when it came, or when its last request was answered."""

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._house = server_state
        self._refused = False
        self.is_cut_off = False
        self.free_since = self._since = self.loop.time()
        self._stage_seen, self._cycle_seen = Stage.HEAD, self.cycle
        self._received = self._received_before = self._taken_before = 0
        self._reads_until = self._since

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        self._refused = not self._house.enter()
        if self._refused:
            stream.write(_refusal())
            stream.close()
        else:
            super().connection_made(stream)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._refused:
            super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if not self._refused:
            self._received += len(data)
            super().data_received(data)

    @override
    def on_response_complete(self) -> None:
        self.free_since = self.loop.time()
        super().on_response_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        """What is no HTTP never comes to the application; it is refused as the application would refuse it."""
        answer = problem_response(Problem("unparsable", "not an HTTP request"), {"Connection": "close"})
        head = h11.Response(status_code=answer.status_code, headers=answer.raw_headers, reason=b"Bad Request")
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def cut_off(self) -> None:
        """End it at once, whatever was not sent yet."""
        self.is_cut_off = True
        self.transport.abort()

    def stage(self) -> Stage:
        """Whom it waits for now."""
        if self.transport.get_write_buffer_size() > 0:
            return Stage.TAKING
        exchange = self._exchange()
        if exchange is None or exchange.response_complete:
            return Stage.HEAD if self.timeout_keep_alive_task is None else Stage.IDLE
        asked_for = exchange.more_body and not self.flow.read_paused and not exchange.waiting_for_100_continue
        return Stage.BODY if asked_for else Stage.OURS

    def _exchange(self) -> RequestResponseCycle | None:
        """The last request and its answer; None before the first, whatever uvicorn's types say."""
        return self.cycle

    def is_overdue(self, now: float) -> bool:
        """Whether its client has kept it waiting for too long; tells right where it is asked about every second."""
        stage = self.stage()
        moved_on = stage is not self._stage_seen or self.cycle is not self._cycle_seen
        if moved_on or self._gets_on(stage, now):
            self._stage_seen, self._cycle_seen = stage, self.cycle
            self._since, self._received_before = now, self._received
        return now - self._since > _PATIENCE_SECONDS

    def _gets_on(self, stage: Stage, now: float) -> bool:
        match stage:
            case Stage.IDLE | Stage.OURS:
                return True
            case Stage.HEAD:
                return False
            case Stage.BODY:
                return self._received - self._received_before >= _FLOOR_OCTETS
            case Stage.TAKING:
                return self._reads(now)

    def _reads(self, now: float) -> bool:
        """Whether the client may still be reading what its system has taken.

        What our system has taken says little: it wants the next only when a third of its own buffer is free, and that
        may hold 4 MiB. So does silence of the client's, which makes room by some 64 KiB.
        """
        before, self._taken_before = self._taken_before, self._taken()
        until = max(now, self._reads_until) + _reading_seconds(max(0, self._taken_before - before))
        self._reads_until = min(until, now + _reading_seconds(_IN_HAND_OCTETS))
        return self._reads_until > now

    def _taken(self) -> int:
        """Grows with what the client's system has acknowledged; where ours does not tell, with what ours has taken."""
        return _acknowledged(self.transport.get_extra_info("socket")) or -self.transport.get_write_buffer_size()


def _reading_seconds(octets: int) -> float:
    return octets * _PATIENCE_SECONDS / _FLOOR_OCTETS


def _acknowledged(connection: socket.socket) -> int:
    """Octets that the other end's system has taken in all; 0 where ours does not tell."""
    if sys.platform != "linux":
        return 0
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.size)
    except OSError:  # it has just ended
        return 0
    octets: int = _ACKNOWLEDGED.unpack(told)[0] if len(told) == _ACKNOWLEDGED.size else 0
    return octets


def _refusal() -> bytes:
    """503, as the application would say it. Nobody has been asked for anything yet."""
    answer = problem_response(Problem("unavailable"), {**RETRY_AFTER, "Connection": "close"})
    lines = [b"%b: %b" % header for header in answer.raw_headers]
    return b"\r\n".join([b"HTTP/1.1 503 Service Unavailable", *lines, b"", bytes(answer.body)])
