"""SIGTERM ends a process within 10 s, whatever hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from core.clock import SystemClock
from store import schema
from todoke.service import Role, Service
from todoke.wiring import Wiring

pytestmark = pytest.mark.slow

_TOKEN = "token-of-the-tests"
_HANGING = """
import asyncio, signal, sys, threading, time
from config.logging import configure_logging
from config.settings import Settings
from todoke.deadline import Deadline

async def deaf():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def main():
    ending = asyncio.Event()
    deadline = Deadline(asyncio.get_running_loop(), 0.3)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: (deadline.start(), ending.set()))
    working = asyncio.create_task(deaf())
    threading.Thread(target=time.sleep, args=[600], name="sleeper").start()
    print("ready", flush=True)
    await ending.wait()
    if "blocked" in sys.argv:
        time.sleep(600)
    working.cancel()
    await working

configure_logging(Settings())
asyncio.run(main())
"""


@asynccontextmanager
async def process_of(
    *arguments: str, folder: Path, **environment: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A Python process, once it is ready, and the line that says so."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TODOKE_")}
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=own | environment, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert "ready" in line, (folder / "log").read_text()
        yield process, line
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def terminate(process: asyncio.subprocess.Process) -> float:
    """How many seconds it took to end after SIGTERM."""
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        await process.wait()
    return loop.time() - asked_at


async def logged(folder: Path, event: str) -> None:
    """Wait until a process has logged this."""
    async with asyncio.timeout(30):
        while event not in (folder / "log").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def serving(role: str, way: Any, folder: Path, relay_port: int) -> Any:
    """A service of one role on a database that can be made to hang."""
    return process_of(
        *("-m", "todoke", "serve", f"--role={role}"),
        folder=folder,
        TODOKE_DATA_DIR=str(folder),
        TODOKE_DATABASE_URL=way.url,
        TODOKE_API_TOKEN=_TOKEN,
        TODOKE_HTTP_PORT="0",
        TODOKE_BOUNCE_PORT="0",
        TODOKE_SMTP_PORT=str(relay_port),
        TODOKE_LOG_FORMAT="json",
    )


@pytest.mark.parametrize("role", ["sender", "scheduler", "bounces"])
async def test_a_database_that_hangs_holds_up_nobody(
    role: str, hanging_way: Any, tmp_path: Path, unused_tcp_port: int
) -> None:
    async with serving(role, hanging_way, tmp_path, unused_tcp_port) as (process, _):
        if role == "scheduler":
            await logged(tmp_path, "this scheduler ticks")
        hanging_way.freeze()
        if role == "sender":  # the others have nothing to ask
            await hanging_way.held_back()
        assert await terminate(process) < 10


async def test_a_request_under_way_holds_nobody_up_and_is_not_taken_for_durable(
    hanging_way: Any, tmp_path: Path, unused_tcp_port: int
) -> None:
    job = {
        "job_id": "code-1",
        "kind": "code",
        "recipient": {"email": "soumu@example.jp"},
        "data": {"code": "123456", "expires_at": "2098-01-01T00:00:00+09:00"},
    }
    async with serving("api", hanging_way, tmp_path, unused_tcp_port) as (process, line):
        url = line.split("http://")[1].split()[0]
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        async with httpx2.AsyncClient(base_url=f"http://{url}", headers=headers, timeout=60) as client:
            hanging_way.freeze()
            asking = asyncio.create_task(client.post("/v1/jobs", json=job))
            await hanging_way.held_back()
            assert await terminate(process) < 10
            answer = await asking
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")


_NOHUP = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def on_sqlite(*arguments: str, folder: Path) -> Any:
    """A service by itself."""
    ports = {f"TODOKE_{name}_PORT": "0" for name in ("HTTP", "BOUNCE")}
    return process_of(*arguments, folder=folder, TODOKE_DATA_DIR=str(folder), TODOKE_LOG_FORMAT="json", **ports)


async def test_a_terminal_that_is_closed_ends_it_in_order(tmp_path: Path) -> None:
    async with on_sqlite("-m", "todoke", "serve", folder=tmp_path) as (process, _):
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


async def test_nohup_keeps_it_going(tmp_path: Path) -> None:
    async with on_sqlite("-c", _NOHUP, "-m", "todoke", "serve", "--role=api", folder=tmp_path) as (process, line):
        process.send_signal(signal.SIGHUP)
        async with httpx2.AsyncClient() as client:
            for _ in range(3):
                assert (await client.get(f"{line.split()[-1]}/livez")).status_code == 200
        assert await terminate(process) < 10
    assert process.returncode == 0


@pytest.mark.parametrize("how", ["deaf", "blocked"])
async def test_a_process_ends_whatever_hangs(how: str, tmp_path: Path) -> None:
    async with process_of("-c", _HANGING, how, folder=tmp_path) as (process, _):
        assert await terminate(process) < 5
        assert process.returncode == 1
    told = (tmp_path / "log").read_text()
    assert "did not end in time" in told
    assert "sleeper" in told
    assert "main" in told


async def test_a_part_that_fails_while_it_ends_is_told(sqlite_url: str, tmp_path: Path) -> None:
    class Failing:
        async def run(self, stop: asyncio.Event) -> None:
            await stop.wait()
            await asyncio.sleep(0.01)
            raise RuntimeError

    class FailingWiring(Wiring):
        def ticker(self) -> Any:
            return Failing()

    wiring = FailingWiring(Settings(database_url=sqlite_url, data_dir=tmp_path), SystemClock())
    await schema.upgrade(wiring.db)
    asked: list[str] = []
    service = Service(wiring, [Role.SCHEDULER], on_stop=lambda: asked.append("to end"))
    with capture_logs() as logs:
        await service.run(lambda _: service.stop())
    await wiring.close()
    failed = [entry["event"] for entry in logs if entry["log_level"] == "error"]
    assert failed == ["a part of the service failed while it ended"]
    assert asked
