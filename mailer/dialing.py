"""A TCP connection to a host by its name: each of its addresses is tried, in their order (RFC 5321 section 5.1).

One that does not answer, as where a machine is away, does not hold up the next for long (RFC 8305).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

from core.errors import TodokeError

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, SocketAddress]
"""As `getaddrinfo` tells it."""
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]

_HEAD_START_SECONDS = 1.0
_SILENT = "no answer"


class Unreachable(TodokeError, ConnectionError):
    """No address of a host could be connected to."""


async def addresses_of(host: str, port: int) -> Sequence[Address]:
    """As this machine resolves names."""
    try:  # an address needs no thread to wait for
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def dial(host: str, port: int, seconds: float, resolve: Resolve = addresses_of) -> socket.socket:
    """A socket that is connected to whichever address answers first, within `seconds` for all of it.

    Raises Unreachable, which tells what each address did; ValueError for what cannot be a name.
    """
    tried: dict[str, str] = {}
    try:
        async with asyncio.timeout(seconds):
            addresses = await resolve(host, port)
            head_start = min(_HEAD_START_SECONDS, seconds / (len(addresses) + 1))
            connected = await _first_of(addresses, head_start, tried)
    except socket.gaierror as error:
        raise Unreachable(f"cannot connect to {host} port {port}: {error.strerror}") from error
    except TimeoutError:
        connected = None
    if connected is None:
        story = ", ".join(f"{address}: {what}" for address, what in tried.items())
        raise Unreachable(f"cannot connect to {host} port {port}: {story or 'its name was not resolved in time'}")
    return connected


async def _first_of(addresses: Iterable[Address], head_start: float, tried: dict[str, str]) -> socket.socket | None:
    """The first one that connects; each begins so long after the one before, or as soon as that has failed."""
    waiting = list(addresses)
    running: dict[asyncio.Task[socket.socket], str] = {}
    try:
        while waiting or running:
            if waiting:
                address = waiting.pop(0)
                name = str(address[4][0])
                tried[name] = _SILENT
                running[asyncio.create_task(_connect(address))] = name
            patience = head_start if waiting else None
            done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                name, error = running.pop(attempt), attempt.exception()
                if error is None:
                    return attempt.result()
                tried[name] = _told(error)
    finally:
        for attempt in running:
            attempt.cancel()
            attempt.add_done_callback(_hang_up)
    return None


async def _connect(address: Address) -> socket.socket:
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _hang_up(attempt: asyncio.Task[socket.socket]) -> None:
    """It came second, which it may have heard too late."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


def _told(error: BaseException) -> str:
    # By its number, since the text of asyncio's own errors is about the call.
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
