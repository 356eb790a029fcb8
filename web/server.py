"""uvicorn inside our own event loop: bound before it is announced, stopped by an event."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import CannotListen
from core.problems import Problem
from web.connections import Connection, Connections
from web.problems import RETRY_AFTER, problem_answer

_LAST_REQUESTS_SECONDS = 5
_LAST_WORDS_SECONDS = 1.0
_LOOK_SECONDS = 1.0


class _Server(uvicorn.Server):
    """Signals are the service's, not uvicorn's."""

    def __init__(self, config: uvicorn.Config, most_connections: int) -> None:
        super().__init__(config)
        self.open = Connections(most_connections)
        self.server_state = self.open

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """The HTTP server of one process."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        on_stop: Callable[[], None] | None = None,
        most_connections: int = 1000,
    ) -> None:
        self._on_stop = on_stop
        self._socket = _listen(host, port)
        config = uvicorn.Config(
            _LastWords(app),
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
            server_header=False,
        )
        self._server = _Server(config, most_connections)

    @property
    def port(self) -> int:
        """The port listened on."""
        port: int = self._socket.getsockname()[1]
        return port

    def close(self) -> None:
        """Listen no more; where it ran, that is so already."""
        self._socket.close()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; `on_stop` ends what would go on for ever, other requests are answered first."""
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        stopping = asyncio.create_task(stop.wait())
        watching = asyncio.create_task(self._watch())
        await asyncio.wait({serving, stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
        if self._on_stop is not None:
            self._on_stop()
        self._server.should_exit = True
        stopping.cancel()
        await serving
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        if self._server.open.tasks:
            await asyncio.wait(tuple(self._server.open.tasks), timeout=_LAST_WORDS_SECONDS)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._server.open.cut_off_the_slow(asyncio.get_running_loop().time())


class _LastWords:
    """ASGI middleware, around all others. What uvicorn cancels when it ends is answered 503 where it can be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except asyncio.CancelledError:
            if not begun:
                headers = {**RETRY_AFTER, "Connection": "close"}
                await problem_answer(Request(scope), Problem("unavailable"), headers)(scope, receive, send)


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
