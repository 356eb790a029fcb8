"""A service that cannot listen says so in one line, and no client keeps others from those that listen."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from core.clock import SystemClock
from core.errors import CannotListen, ConfigurationError
from mailer.sender import Sender
from store import schema
from todoke import descriptors
from todoke.descriptors import Shares, raise_limit, shares, watch
from todoke.service import Role, Service
from todoke.wiring import Wiring


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


class WithoutSender(Wiring):
    """A key that cannot be read, say."""

    def sender(self) -> Sender:
        raise ConfigurationError("no sender")


@pytest.fixture
async def wiring(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    wiring = WithoutSender(
        Settings(database_url=sqlite_url, data_dir=tmp_path, http_port=0, bounce_port=0), SystemClock()
    )
    await schema.upgrade(wiring.db)
    yield wiring
    await wiring.close()


async def refusal(wiring: Wiring) -> str:
    """Why the service does not start; nothing else is told, and nothing of it goes on."""
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    before = asyncio.all_tasks()
    with capture_logs() as logs, pytest.raises((CannotListen, ConfigurationError)) as refused:
        await Service(wiring, list(Role)).run()
    assert asyncio.all_tasks() == before
    assert [entry for entry in logs if entry["log_level"] in {"warning", "error"}] == []
    assert troubles == []
    return str(refused.value)


@pytest.mark.parametrize("name", ["http", "bounce"])
async def test_a_port_that_is_taken_is_told_before_anything_works(wiring: Wiring, taken_port: int, name: str) -> None:
    wiring.settings = wiring.settings.model_copy(update={f"{name}_port": taken_port})
    told = await refusal(wiring)
    assert told.startswith(f"cannot listen on 127.0.0.1:{taken_port} for ")
    assert f"TODOKE_{name.upper()}_PORT" in told


async def test_what_began_ends_where_a_part_cannot_begin(wiring: Wiring) -> None:
    assert await refusal(wiring) == "no sender"


@contextmanager
def limited_to(soft: int) -> Iterator[None]:
    """As if this process might have so many file descriptors until it asks for more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_to_what_is_allowed() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with limited_to(300):
        raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, 65_536), hard)


def test_connections_leave_descriptors_for_the_rest() -> None:
    with limited_to(256):
        assert shares(10) == Shares(http=91, bounces=45)
        assert shares(1000) == Shares(http=4, bounces=2)
    with limited_to(15_000):
        assert shares(10) == Shares(http=4096, bounces=500)


async def test_it_is_told_when_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "_LOOK_SECONDS", 0.01)
    stop = asyncio.Event()
    watching = asyncio.create_task(watch(stop))
    with capture_logs() as logs, limited_to(3):
        async with asyncio.timeout(10):
            while not logs:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    stop.set()
    await watching
    assert logs[0]["event"] == "no file descriptor is left; connections are turned away"


@pytest.mark.slow
async def test_silent_connections_keep_nobody_out(tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TODOKE_")}
    own |= {"TODOKE_DATA_DIR": str(tmp_path), "TODOKE_HTTP_PORT": "0", "TODOKE_BOUNCE_PORT": "0"}
    script = 'ulimit -n 256 && exec "$0" -m todoke serve'
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", script, sys.executable), env=own, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    with ExitStack() as stack:
        stack.callback(lambda: process.kill() if process.returncode is None else None)
        words = (await process.stdout.readline()).decode().split()
        url, bounces = words[-6], int(words[-1].rpartition(":")[2])
        for _ in range(400):
            host, port = url.removeprefix("http://").split(":")
            stack.enter_context(closing(socket.create_connection((host, int(port)))))
        async with httpx2.AsyncClient(base_url=url) as client:
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
        with socket.create_connection(("127.0.0.1", bounces), timeout=10) as peer:
            assert peer.recv(100).startswith(b"220 ")
        process.terminate()
        assert await process.wait() == 0
    assert "too many HTTP connections" in (tmp_path / "log").read_text()
