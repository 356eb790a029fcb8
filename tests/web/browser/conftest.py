"""The service on a port, people who have signed in, and one Chromium for all tests of a module."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from store import schema
from store.passwords import Passwords
from store.people import Role
from store.sessions import SessionLimits
from store.users import Users
from tests.chromium import LAUNCH, NEEDED
from tests.web.conftest import START, TOKYO_DESK, Api
from todoke.wiring import Wiring
from web.server import HttpServer

PASSWORD = "五月雨を集めて早し最上川"
AXE = Path(__file__).parents[2] / "vendor" / "axe.min.js"

T = TypeVar("T")

expect.set_options(timeout=20_000)  # on a busy machine; nothing waits longer than it has to


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What stands in this folder needs a browser."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for mark in NEEDED:
                item.add_marker(mark)


@dataclass
class Served:
    """The service in a thread of its own, on SQLite, its clock standing still."""

    folder: Path
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _ready: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Served:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine on the service's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        config = self.folder / "config"
        config.mkdir()
        (config / "prefectures.toml").write_text(TOKYO_DESK, "utf-8")
        settings = Settings(database_url=f"sqlite+aiosqlite:///{self.folder / 'pages.sqlite3'}", config_dir=config)
        clock = SimulatedClock(Anchor(START, 0.0, 1.0), real=lambda: 0.0)
        self.wiring = wiring = Wiring(settings, clock)
        quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        wiring.users = Users(wiring.db, wiring.ids, quick, SessionLimits(timedelta(hours=1), timedelta(hours=12)))
        self.api = Api(wiring, clock)
        self._stop = asyncio.Event()
        server = HttpServer(wiring.app, "127.0.0.1", 0, on_stop=wiring.app.state.happenings.close)
        self.url = f"http://127.0.0.1:{server.port}"
        serving = asyncio.create_task(server.run(self._stop))
        self._ready.set()
        await serving
        await self.api.client.aclose()
        await wiring.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service with its users, one of each role."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Served(folder) as made:
            made.run(_prepare(made))
            yield made


async def _prepare(served: Served) -> None:
    await schema.upgrade(served.wiring.db)
    for name, role, prefecture in (
        ("jimukyoku", Role.HELPDESK, None),
        ("yamaguchi", Role.PREFECTURE, "35"),
        ("tokyo", Role.PREFECTURE, "13"),
        ("kansa", Role.AUDITOR, None),
        ("kanri", Role.ADMIN, None),
    ):
        await served.wiring.users.create(name, role, prefecture, PASSWORD)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a whole module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH)
        yield browser
        browser.close()


SignIn = Callable[..., BrowserContext]
"""A window for a name; with `scripts=False`, one in which none run."""


@pytest.fixture(scope="module")
def states(served: Served, chromium: Browser) -> dict[str, Any]:
    """The cookies of those who have signed in."""
    return {}


@pytest.fixture
def sign_in(served: Served, chromium: Browser, states: dict[str, Any]) -> Iterator[SignIn]:
    """A browser window of its own for somebody; who has not signed in yet does it by the form."""
    opened: list[BrowserContext] = []

    def window(name: str, *, scripts: bool = True) -> BrowserContext:
        context = chromium.new_context(
            base_url=served.url, locale="ja-JP", storage_state=states.get(name), java_script_enabled=scripts
        )
        context.set_default_timeout(20_000)
        opened.append(context)
        if name not in states:
            page = context.new_page()
            page.goto("/login")
            page.fill("#name", name)
            page.fill("#password", PASSWORD)
            page.click("main button[type=submit]")
            page.wait_for_url(lambda url: "/login" not in url)
            states[name] = context.storage_state()
            page.close()
        return context

    yield window
    for context in opened:
        context.close()


@pytest.fixture
def helpdesk(sign_in: SignIn) -> Page:
    """A page of the secretariat."""
    return sign_in("jimukyoku").new_page()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page, by WCAG 2.2 A and AA and good practice."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)")
    return [
        f"{page.url} {each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
    ]
