"""Open streams: an office hears of its own institutions and of nothing that happens elsewhere; no news is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest

from core.ending import end
from store.happenings import Happenings, Watch
from store.people import Role
from web.server import HttpServer

HERE = {"code": "3510012345", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"}
THERE = {"code": "1300000001", "name": "江東薬局", "type": "pharmacy", "prefecture": "13"}
CHANGED = "event: changed\ndata: 1"
_SIGNS_OF_LIFE = 5
OFFICE, TOKYO, SECRETARIAT = (Role.PREFECTURE, "35"), (Role.PREFECTURE, "13"), (Role.HELPDESK, "")


class Stream:
    """What is heard on one open stream, read as it comes."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._more = asyncio.Event()

    async def read(self, answer: httpx2.Response) -> None:
        """Read until cancelled."""
        text = ""
        async for part in answer.aiter_text():
            *pieces, text = (text + part).split("\n\n")
            self.heard += pieces
            self._more.set()

    @property
    def news(self) -> int:
        """How often it said that something happened."""
        return self.heard.count(CHANGED)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until what was heard makes it so."""
        async with asyncio.timeout(20):
            while not true():
                self._more.clear()
                await self._more.wait()

    async def hears(self, news: int) -> None:
        """Wait until there were so many news, and then for signs of life: what was told by now has arrived then."""
        await self.until(lambda: self.news >= news)
        wanted = len(self.heard) + _SIGNS_OF_LIFE
        await self.until(lambda: len(self.heard) >= wanted)
        assert self.news == news


@pytest.fixture
async def url(api: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The service on a port, quick to look and quick to say that nothing happened."""
    monkeypatch.setattr("web.pages.live.HEARTBEAT_SECONDS", 0.05)
    api.wiring.app.state.happenings = happenings = Happenings(api.wiring.db, pause=0.01)
    server, stop = HttpServer(api.wiring.app, "127.0.0.1", 0, on_stop=happenings.close), asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    yield f"http://127.0.0.1:{server.port}"
    stop.set()
    await running


@asynccontextmanager
async def listening(api: Any, url: str, *places: tuple[tuple[Role, str], str]) -> AsyncIterator[list[Stream]]:
    """A stream for each person and address, all of them open."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=20))
        streams = []
        for (role, who), place in places:
            headers = {"Authorization": f"Bearer {await api.token(role, who)}"}
            answer = await stack.enter_async_context(client.stream("GET", place, headers=headers))
            streams.append(Stream())
            reading = asyncio.create_task(streams[-1].read(answer))
            stack.push_async_callback(end, reading)
        for stream in streams:
            await stream.hears(0)
        yield streams


async def happens(api: Any, place: Any, number: int) -> None:
    await api.publish(api.plain_job("application-complete", number, institution=place))


async def test_an_office_hears_of_its_own_alone(api: Any, url: str) -> None:
    await happens(api, HERE, 1)
    await happens(api, THERE, 2)
    places = ((OFFICE, "/live"), (OFFICE, f"/live?institution_code={HERE['code']}"), (TOKYO, "/live"))
    async with listening(api, url, *places, (SECRETARIAT, "/live")) as (office, own, tokyo, secretariat):
        await happens(api, THERE, 3)
        for stream, news in ((tokyo, 1), (secretariat, 1), (office, 0), (own, 0)):
            await stream.hears(news)
        await happens(api, HERE, 4)
        for stream, news in ((office, 1), (own, 1), (secretariat, 2), (tokyo, 1)):
            await stream.hears(news)


async def test_a_mail_of_no_institution_is_nobodys_but_the_secretariats(api: Any, url: str) -> None:
    await happens(api, HERE, 1)
    async with listening(api, url, (OFFICE, "/live"), (SECRETARIAT, "/live")) as (office, secretariat):
        await api.publish(api.code_job())
        await secretariat.hears(1)
        await office.hears(0)


async def test_what_happens_while_a_session_is_looked_at_is_told(
    api: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    happenings, asked = api.wiring.app.state.happenings, []

    async def something_happens_meanwhile(*_: Any) -> bool:
        asked.append(1)
        if len(asked) == 1:
            await happens(api, HERE, 2)
            await probe.changed.wait()
        return True

    await happens(api, HERE, 1)
    probe = Watch(prefecture="35")
    async with happenings.watching(probe), listening(api, url, (OFFICE, "/live")) as (office,):
        monkeypatch.setattr("web.pages.live.still_there", something_happens_meanwhile)
        await office.hears(1)


async def test_of_a_flood_elsewhere_nothing_is_heard_either(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More events than are read one by one, as while reminders go out."""
    monkeypatch.setattr("store.happenings._MOST", 8)
    monkeypatch.setattr("store.happenings._OVERLAP", 4)
    await happens(api, HERE, 1)
    happenings = Happenings(api.wiring.db, pause=0.01)
    watches = office, own, tokyo, theirs, secretariat = (
        Watch(prefecture="35"),
        Watch(HERE["code"], "35"),
        Watch(prefecture="13"),
        Watch(THERE["code"]),
        Watch(),
    )
    async with AsyncExitStack() as stack:
        for watch in watches:
            await stack.enter_async_context(happenings.watching(watch))
        flood = [api.plain_job("application-complete", number, institution=THERE) for number in range(10, 40)]
        await api.publish(*flood)
        async with asyncio.timeout(20):
            for watch in (tokyo, theirs, secretariat):
                await watch.changed.wait()
        assert not office.changed.is_set()
        assert not own.changed.is_set()
        await happens(api, HERE, 2)
        async with asyncio.timeout(20):
            await office.changed.wait()
            await own.changed.wait()
