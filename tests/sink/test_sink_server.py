"""Starting, stopping, the command, and what it says."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from core.errors import ConfigurationError
from sink import command
from sink.activity import Activity, EventType, mask_all
from sink.mailbox import Query
from sink.server import Sink, SinkSettings, now_in_japan
from tests.sink.conftest import PATIENCE_SECONDS, Listener, mail_bytes, quick_settings, send


async def test_listens_on_loopback_by_default_and_on_free_ports_for_port_0(sink: Sink) -> None:
    assert (SinkSettings().smtp_host, SinkSettings().http_host) == ("127.0.0.1", "127.0.0.1")
    assert (SinkSettings().smtp_port, SinkSettings().http_port) == (1025, 8025)
    assert 0 not in (sink.smtp_port, sink.http_port)


async def test_gives_mails_in_process(sink: Sink) -> None:
    await send(sink, "a@example.jp", raw=mail_bytes("件名", kind="guide"))
    [mail] = sink.mails(Query(kind="guide"))
    assert mail.subject == "件名"
    assert (await sink.read(mail)).text == "Text.\n"
    assert sink.mails(Query(kind="code")) == []
    await sink.clear()
    with pytest.raises(KeyError):
        await sink.raw(mail)


async def test_the_listener_may_be_named_after_the_start(listener: Listener) -> None:
    sink = Sink(quick_settings())
    await sink.start()
    try:
        assert sink.bounces_to is None
        sink.bounces_to = ("127.0.0.1", listener.port)
        await send(sink, "bounce-5.1.1+x@example.jp")
        await sink.idle()
        assert listener.posts.qsize() == 1
    finally:
        await sink.stop()


async def test_stops_with_clients_connected_and_reports_waiting() -> None:
    async def forever(seconds: float) -> None:
        await asyncio.Event().wait()

    sink = Sink(quick_settings(), sleep=forever)
    await sink.start()
    await send(sink, "bounce-5.1.1+x@example.jp")
    reader, writer = await asyncio.open_connection("127.0.0.1", sink.smtp_port)
    await reader.readline()
    await asyncio.wait_for(sink.stop(), PATIENCE_SECONDS)
    await sink.stop()
    assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
    writer.close()
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", sink.smtp_port)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize("which", ["smtp_port", "http_port"])
async def test_a_taken_port_is_named_and_nothing_stays_open(taken: int, which: str) -> None:
    sink = Sink(quick_settings(**{which: taken}))
    with pytest.raises(ConfigurationError, match=f"--{which.replace('_', '-')}.*{taken}.*another program"):
        await sink.start()
    await sink.stop()


async def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--smtp-port"):
        await Sink(quick_settings(smtp_host="192.0.2.1")).start()


async def test_a_store_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--store"):
        await Sink(quick_settings(store=tmp_path / "no" / "such" / "folder.db")).start()


async def test_mails_survive_a_restart_with_a_store(tmp_path: Path) -> None:
    for expected in (1, 2):
        sink = Sink(quick_settings(store=tmp_path / "mails.db"))
        await sink.start()
        await send(sink, "a@example.jp")
        assert len({mail.id for mail in sink.mails()}) == expected
        await sink.stop()


async def test_a_full_disk_is_a_temporary_refusal(tmp_path: Path) -> None:
    sink = Sink(quick_settings(store=tmp_path / "mails.db"))
    await sink.start()
    try:
        sink._mailbox._archive._db.execute("DROP TABLE bodies")  # type: ignore[attr-defined]
        assert (await send(sink, "a@example.jp"))[-1].startswith("452 4.3.1")
        assert sink.mails() == []
    finally:
        await sink.stop()


async def test_logs_mask_addresses(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await send(sink, "full+secret@example.jp", "bounce-5.1.1+secret@example.jp", sender="v+token@b.example.jp")
    await sink.idle()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("todoke", "mail.log"))]
    assert any("f***@example.jp" in line for line in ours)
    assert not [line for line in ours if "secret" in line or "token" in line]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("550 <soumu@example.jp>: unknown", "550 <s***@example.jp>: unknown"),
        ("a.b@c.jp d@e.jp", "a***@c.jp ***@e.jp"),
        ("nothing here", "nothing here"),
    ],
)
def test_masks_every_address_of_a_text(text: str, masked: str) -> None:
    assert mask_all(text) == masked


def test_activity_remembers_a_bounded_number() -> None:
    activity = Activity(now_in_japan)
    for number in range(1_500):
        activity.record(EventType.REFUSED, "a@example.jp", str(number))
    assert [len(activity.latest()), activity.latest()[0].detail] == [1_000, "1499"]


@pytest.mark.parametrize(
    ("text", "target"),
    [("127.0.0.1:2525", ("127.0.0.1", 2525)), ("localhost:25", ("localhost", 25)), ("[::1]:2525", ("::1", 2525))],
)
def test_reads_host_and_port(text: str, target: tuple[str, int]) -> None:
    assert command.host_and_port(text) == target


@pytest.mark.parametrize("text", ["", "2525", ":2525", "host:", "host:0", "host:65536", "host:x", "::1:25", "a b:25"])
def test_refuses_what_is_no_host_and_port(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        command.host_and_port(text)
    with pytest.raises(SystemExit) as caught:
        command.main(["--bounces-to", text])
    assert caught.value.code == 2
    assert "HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--smtp-port", "x"], ["--http-port", "65536"], ["--max-messages", "0"], ["what"]]
)
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_start_that_fails_exits_1_with_the_reason(taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--smtp-port", str(taken), "--http-port", "0"]) == 1
    assert f"127.0.0.1:{taken}" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_the_command_announces_itself_serves_and_ends_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sink.command", "--smtp-port", "0", "--http-port", "0", "--json", "--store", str(tmp_path / "m.db")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    ready = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS))
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{ready['http_port']}/livez")).text == "ok\n"
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.slow
async def test_without_json_one_line_tells_where_it_listens() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sink.command", "--smtp-port", "0", "--http-port", "0"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).decode()
    assert line.startswith("smtp=127.0.0.1:")
    assert " http=http://127.0.0.1:" in line
    process.terminate()
    await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
