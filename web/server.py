"""uvicorn inside our own event loop: bound before it is announced, stopped by an event."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from core.errors import CannotListen


class _Server(uvicorn.Server):
    """Signals are the service's, not uvicorn's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """The HTTP server of one process."""

    def __init__(self, app: Any, host: str, port: int, on_stop: Callable[[], None] | None = None) -> None:
        self._on_stop = on_stop
        self._socket = _listen(host, port)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=5, server_header=False
        )
        self._server = _Server(config)

    @property
    def port(self) -> int:
        """The port listened on."""
        port: int = self._socket.getsockname()[1]
        return port

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; `on_stop` ends what would go on for ever, other requests are answered first."""
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if self._on_stop is not None:
            self._on_stop()
        self._server.should_exit = True
        stopping.cancel()
        await serving


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio switches Nagle's algorithm off for TCP sockets that say they are.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, UnicodeError) as error:
        listener.close()
        raise CannotListen(host, port, "HTTP", "TODOKE_HTTP", error) from error
    return listener
