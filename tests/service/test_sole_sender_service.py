"""SQLite is for one process: a second sender on the same file is refused before it touches anything."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.kinds import Kind
from core.statuses import Status
from tests.service.test_kill import Relay, Service, end, kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

MAILS = 5


class Office:
    """Processes over one SQLite file, and a relay that keeps back its replies from the first mail on."""

    def __init__(self, service: Service, relay: Relay) -> None:
        self.service = service
        self.relay = relay
        self.started: list[asyncio.subprocess.Process] = []
        service.environment["TODOKE_HTTP_PORT"] = "0"

    async def serve(self, *roles: str) -> asyncio.subprocess.Process:
        """`todoke serve`, ready."""
        process = await self.service.start(*roles)
        self.started.append(process)
        return process

    async def call(self, *arguments: str) -> tuple[int | None, str, str]:
        """A command that ends by itself: its exit code and what it says."""
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "todoke", *arguments)
        process = await asyncio.create_subprocess_exec(
            *command, env=self.service.environment, stdout=pipe, stderr=pipe, cwd=self.service.folder
        )
        self.started.append(process)
        said, complained = await process.communicate()
        return process.returncode, said.decode(), complained.decode()

    async def pre_checks(self) -> list[Any]:
        return [row for row in await self.service.rows() if row.kind == Kind.PRE_CHECK]

    async def until_all(self, status: Status) -> list[Any]:
        """The mails, once all have this status."""

        async def all_have_it() -> bool:
            return {row.status for row in await self.pre_checks()} == {status}

        await self.service.until(all_have_it)
        return await self.pre_checks()

    async def until_on_the_wire(self) -> list[Any]:
        """The mails, once a sender holds them all and the relay owes it a reply."""
        await self.relay.reach(1)
        return await self.until_all(Status.SENDING)

    async def all_arrive_once(self) -> bool:
        self.relay.let_go()
        await self.until_all(Status.SENT)
        return self.relay.mails.total() == MAILS

    async def close(self) -> None:
        for process in self.started:
            if process.returncode is None:
                await kill(process)
        await self.service.wiring.close()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with Relay(holds_from=1).open() as relay:
        made = Office(Service(tmp_path, relay.port, speed=1), relay)
        await made.service.publish(MAILS)
        yield made
        await made.close()


@pytest.mark.parametrize("roles", [(), ("sender",), ("api", "sender")])
async def test_a_second_sender_is_refused_and_the_first_goes_on(office: Office, roles: tuple[str, ...]) -> None:
    await office.serve("sender")
    held = await office.until_on_the_wire()
    code, said, complained = await office.call("serve", *(f"--role={role}" for role in roles))
    assert (code, said) == (1, "")
    told = f"todoke: another process sends from {office.service.folder / 'todoke.sqlite3'} "
    assert complained.splitlines()[-1].startswith(told)
    assert "took over" not in complained
    assert await office.pre_checks() == held
    assert await office.all_arrive_once()


async def test_other_roles_and_commands_beside_a_sender_leave_its_mails_alone(office: Office) -> None:
    await office.serve("sender")
    held = await office.until_on_the_wire()
    await office.serve("api", "scheduler", "bounces")
    code, said, _ = await office.call("status", "--message", held[0].id)
    assert (code, "送信中" in said) == (0, True)
    assert await office.pre_checks() == held
    assert await office.all_arrive_once()


async def test_after_a_kill_the_next_one_takes_over_at_once(office: Office) -> None:
    killed = await office.serve()
    await office.until_on_the_wire()
    await kill(killed)
    assert await office.service.held_by(killed) == MAILS
    await office.serve()
    assert await office.service.held_by(killed) == 0


async def test_after_an_end_the_next_one_starts(office: Office) -> None:
    office.relay.let_go()
    for _ in range(2):
        await end(await office.serve("sender"))
