"""A real browser on the page: it shows the mail, and a hostile mail gets nothing done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Page, async_playwright

from sink.server import Sink
from tests.chromium import LAUNCH, NEEDED
from tests.sink.conftest import PATIENCE_SECONDS, send

pytestmark = [pytest.mark.slow, *NEEDED]


@dataclass
class Canary:
    """A web server that hostile mails want to reach. `asked` are the request lines it got."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readline()).decode()
        if request:
            self.asked.append(request)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    canary = Canary()
    server = await asyncio.start_server(canary.serve, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    yield canary
    server.close()
    await server.wait_closed()


@pytest.fixture
async def browser() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(**LAUNCH)
        page = await chromium.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        yield page
        await chromium.close()


async def show(browser: Page, url: str, until: str = "document.readyState === 'complete'") -> str:
    """The document once the script expression `until` holds, after the renderer had many turns more.

    Asked from outside: where scripts are forbidden, a timer of the page itself would never ring.
    """
    await browser.goto(url)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await browser.evaluate(f"Boolean({until})"):
            pass
    for _ in range(100):
        await browser.evaluate("0")
    return str(await browser.evaluate("document.documentElement.outerHTML"))


PANEL = "document.querySelector('.panel') && document.querySelector('.mail')"


def hostile(canary: Canary) -> bytes:
    lines = [
        "Subject: <img src=x onerror=\"document.title='owned'\">",
        f"From: <script src={canary.url}/from></script>",
        "X-Todoke-Kind: <b>guide</b>",
        "Content-Type: text/html; charset=utf-8",
        "",
        f"<meta http-equiv=refresh content='0;url={canary.url}/refresh'>",
        f"<link rel=stylesheet href={canary.url}/style><base href={canary.url}/>",
        f"<script>top.document.title='owned';fetch('{canary.url}/fetch')</script>",
        f"<img src={canary.url}/image onerror=\"top.document.title='owned'\">",
        f"<iframe src={canary.url}/frame></iframe><object data={canary.url}/object></object>",
        f"<style>@import '{canary.url}/import';body{{background:url({canary.url}/background)}}</style>",
        f"<form action={canary.url}/form><input autofocus onfocus='this.form.submit()'></form>",
        "<a href=\"javascript:top.document.title='owned'\">click</a>",
        "",
    ]
    return "\r\n".join(lines).encode()


async def test_the_canary_would_tell(canary: Canary, browser: Page) -> None:
    assert "ok" in await show(browser, f"{canary.url}/control")
    assert canary.asked[0].startswith("GET /control ")


async def test_the_page_lists_and_shows_mails(sink: Sink, browser: Page) -> None:
    raw = "Subject: =?utf-8?b?6YCa55+l?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n本文です。 https://a.example/x\r\n"
    await send(sink, "bounce-5.1.1+x@example.jp", raw=raw.encode())
    page = await show(browser, f"{sink.url}/#/mail/{sink.mails()[0].id}/text", PANEL)
    assert '<span class="subject">通知</span>' in page
    assert "本文です。" in page
    assert '<a href="https://a.example/x" target="_blank" rel="noopener noreferrer">' in page
    assert "bounce report" in page


async def test_links_end_alike_on_every_tab(sink: Sink, browser: Page) -> None:
    text = "http:// (see https://a.example/x) [https://a.example/x/y?q=(1)+$&z], https://a.example/?u=https://b.example/`z`。"
    raw = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    await send(sink, "a@example.jp", raw=raw.encode())
    links = ["https://a.example/x", "https://a.example/x/y?q=(1)+$&z", "https://a.example/?u=https://b.example/"]
    mail = sink.mails()[0]
    for tab in "text", "links":
        await show(browser, f"{sink.url}/#/mail/{mail.id}/{tab}", PANEL)
        found = await browser.locator(".panel a").evaluate_all("found => found.map((each) => [each.href, each.text])")
        assert found == [[link, link] for link in links]
    await show(browser, f"{sink.url}/#/mail/{mail.id}/text", PANEL)
    assert (await browser.locator(".prose").inner_text()).strip() == text


async def test_a_new_mail_appears_by_itself(sink: Sink, browser: Page) -> None:
    await show(browser, f"{sink.url}/", "document.querySelector('.live.up')")
    appears = asyncio.create_task(show(browser, f"{sink.url}/#/help", "document.querySelector('.mail')"))
    await send(sink, "late@example.jp")
    assert "late@example.jp" in await appears


@pytest.mark.parametrize("tab", ["html", "text", "headers", "source", "links"])
async def test_a_hostile_mail_does_nothing(sink: Sink, canary: Canary, browser: Page, tab: str) -> None:
    await send(sink, "a@example.jp", raw=hostile(canary))
    page = await show(browser, f"{sink.url}/#/mail/{sink.mails()[0].id}/{tab}", PANEL)
    assert "<title>todoke sink</title>" in page
    assert "&lt;img src=x onerror=" in page
    assert "<img src=x" not in page
    assert canary.asked == []


async def test_its_html_opened_by_itself_does_nothing_either(sink: Sink, canary: Canary, browser: Page) -> None:
    await send(sink, "a@example.jp", raw=hostile(canary))
    page = await show(browser, f"{sink.url}/mail/{sink.mails()[0].id}/html")
    assert "click" in page
    assert canary.asked == []
