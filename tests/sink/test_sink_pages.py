"""The fence around the page: headers, foreign hosts, and mails that try to do something."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

import sink.pages
from sink.pages import host_of, is_loopback
from sink.server import Sink
from tests.sink.conftest import quick_settings, send

HOSTILE = (
    b"Subject: <script>x</script>\r\nContent-Type: text/html\r\n\r\n"
    b"<script>x</script><meta http-equiv=refresh content='0;url=http://evil.example/'>\r\n"
)


async def test_the_page_allows_its_own_scripts_and_styles_alone(api: httpx2.AsyncClient) -> None:
    page = await api.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["app.js", "mail.js", "dom.js", "style.css", "icon.svg"])
async def test_the_files_of_the_page_are_served(api: httpx2.AsyncClient, name: str) -> None:
    assert (await api.get(f"/static/{name}")).status_code == 200


def test_every_shipped_file_is_served_and_none_loads_from_elsewhere() -> None:
    folder = Path(sink.pages.__file__).with_name("static")
    assert {file.name for file in folder.iterdir()} == set(sink.pages._FILES)
    page = (folder / "index.html").read_text()
    assert "http://" not in page
    assert "https://" not in page
    for script in folder.glob("*.js"):
        assert "innerHTML" not in script.read_text()


async def test_the_html_of_a_mail_is_sandboxed_wherever_it_is_opened(sink: Sink, api: httpx2.AsyncClient) -> None:
    await send(sink, "a@example.jp", raw=HOSTILE)
    shown = await api.get(f"/mail/{sink.mails()[0].id}/html")
    policy = shown.headers["content-security-policy"].split("; ")
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert not [rule for rule in policy if rule.startswith("script-src")]
    assert "img-src data:" in policy
    assert (await api.get("/mail/none-1/html")).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8025", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("todoke.localhost:8025", 200),
        ("[::1]:8025", 200),
        ("127.9.9.9", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8025", 421),
        ("10.0.0.1", 421),
        ("", 421),
    ],
)
async def test_a_loopback_sink_answers_to_loopback_names_only(api: httpx2.AsyncClient, host: str, status: int) -> None:
    assert (await api.get("/api/v1/messages", headers={"Host": host})).status_code == status


async def test_a_sink_for_the_network_answers_to_any_name() -> None:
    sink = Sink(quick_settings(http_host="0.0.0.0"))
    await sink.start()
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{sink.http_port}/", headers={"Host": "sink:8025"})
            assert answer.status_code == 200
    finally:
        await sink.stop()


@pytest.mark.parametrize(
    ("header", "host"),
    [("a.jp:80", "a.jp"), ("a.jp", "a.jp"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("", ""), (":80", "")],
)
def test_reads_host_headers(header: str, host: str) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("::1", True),
        ("127.0.0.1", True),
        ("localhost.", True),
        ("0.0.0.0", False),
        ("notlocalhost", False),
        ("", False),
    ],
)
def test_knows_loopback(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer
