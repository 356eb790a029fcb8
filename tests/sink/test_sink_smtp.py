"""The SMTP side on the wire: syntax, bounds, pipelining, and the bytes as received."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sink.server import Sink
from sink.smtp import BadCommand, Limits, parse_path, parse_recipient, parse_sender, unstuff
from tests.sink.conftest import PATIENCE_SECONDS, mail_bytes, quick_settings, send

LIMITS = Limits(message_octets=1000, idle_seconds=10)


class Wire:
    """A bare connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        """The last line of the next reply."""
        while True:
            line = await asyncio.wait_for(self.reader.readline(), PATIENCE_SECONDS)
            if line[3:4] != b"-":
                return line.decode().rstrip("\r\n")

    async def say(self, data: bytes, replies: int = 1) -> list[str]:
        self.writer.write(data)
        return [await self.reply() for _ in range(replies)]


@pytest.fixture
async def wire(sink: Sink) -> AsyncIterator[Wire]:
    wire = Wire(*await asyncio.open_connection("127.0.0.1", sink.smtp_port))
    assert (await wire.reply()).startswith("220 ")
    yield wire
    wire.writer.close()
    await wire.writer.wait_closed()


async def received(sink: Sink) -> list[bytes]:
    return [await sink.raw(mail) for mail in sink.mails()]


async def test_offers_what_clients_look_for(sink: Sink) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.smtp_port, use_tls=False, start_tls=False)
    async with client:
        await client.ehlo()
        wanted = {"size", "8bitmime", "smtputf8", "pipelining", "dsn"}
        assert {name for name in wanted if client.supports_extension(name)} == wanted
        assert "plain" in client.server_auth_methods


async def test_any_user_and_password_may_log_in(sink: Sink) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.smtp_port, use_tls=False, start_tls=False)
    async with client:
        assert (await client.login("anybody", "anything")).code == 235


async def test_whole_transactions_may_be_pipelined(sink: Sink, wire: Wire) -> None:
    one = b"MAIL FROM:<a@b.jp>\r\nRCPT TO:<c%d@d.jp>\r\nDATA\r\n"
    await wire.say(b"EHLO me\r\n")
    replies = await wire.say(one % 1, 3)
    replies += await wire.say(b"Subject: 1\r\n\r\nx\r\n.\r\n" + one % 2, 4)
    replies += await wire.say(b"Subject: 2\r\n\r\nx\r\n.\r\nQUIT\r\n", 2)
    assert [reply[:3] for reply in replies] == ["250", "250", "354", "250", "250", "250", "354", "250", "221"]
    assert [mail.subject for mail in sink.mails()] == ["2", "1"]


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: x\r\n\r\nplain\r\n",
        b"Subject: x\r\n\r\n.\r\n..\r\n.leading dot\r\nends.\r\n",
        b".\r\n",
        b".first line\r\n\r\n",
        b"Subject: x\r\n\r\nbare\nline\rends\r\n",
        b"Subject: \xff\xfe\x00\r\n\r\n\x1b$B\x80\r\n",
        b"\r\n",
        b"long: " + b"y" * 600_000 + b"\r\n\r\n.\r\n" + b"z" * 300_000 + b"\r\n",
    ],
)
async def test_keeps_the_bytes_as_received(sink: Sink, wire: Wire, raw: bytes) -> None:
    stuffed = b"".join(b"." + line if line.startswith(b".") else line for line in raw.splitlines(keepends=True))
    if b"bare" in raw:
        stuffed = raw
    await wire.say(b"EHLO me\r\nMAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nDATA\r\n", 4)
    assert (await wire.say(stuffed + b".\r\n"))[0].startswith("250 2.0.0 ")
    assert await received(sink) == [raw]


async def test_an_empty_mail_is_a_mail(sink: Sink, wire: Wire) -> None:
    await wire.say(b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.jp>\r\nDATA\r\n", 4)
    await wire.say(b".\r\n")
    assert await received(sink) == [b""]
    assert sink.mails()[0].sender == ""


async def test_only_crlf_dot_crlf_ends_a_mail(sink: Sink, wire: Wire) -> None:
    await wire.say(b"EHLO me\r\nMAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nDATA\r\n", 4)
    smuggled = b"x\n.\nMAIL FROM:<evil@b.jp>\n.\r\ny\r.\r\r\n"
    await wire.say(smuggled + b".\r\n")
    assert await received(sink) == [smuggled]


@given(st.binary(max_size=60).filter(lambda raw: b"\r\n.\r\n" not in raw))
def test_dot_stuffing_comes_undone(raw: bytes) -> None:
    mail = raw + b"\r\n"
    stuffed = (b"." + mail if mail.startswith(b".") else mail).replace(b"\r\n.", b"\r\n..")
    assert unstuff(stuffed + b".\r\n") == mail


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (b"MAIL FROM:<a@b.jp>\r\n", "503 5.5.1"),
        (b"EHLO me\r\nRCPT TO:<a@b.jp>\r\n", "503 5.5.1"),
        (b"EHLO me\r\nMAIL FROM:<a@b.jp>\r\nDATA\r\n", "503 5.5.1"),
        (b"EHLO me\r\nMAIL FROM:<a@b.jp>\r\nMAIL FROM:<a@b.jp>\r\n", "503 5.5.1"),
        (b"EHLO me\r\nMAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nDATA now\r\n", "501 5.5.1"),
        (b"EHLO me\r\nMAIL FROM:<a@b.jp>\r\nRCPT TO:<>\r\n", "501 5.1.3"),
        (b"EHLO me\r\nMAIL TO:<a@b.jp>\r\n", "501 5.5.4"),
        (b"EHLO me\r\nMAIL FROM:<a@b.jp> SIZE=99999999999\r\n", "552 5.3.4"),
        (b"EHLO me\r\nMAIL FROM:<a@b.jp> NONSENSE=1\r\n", "555 5.5.4"),
        (b"EHLO\r\n", "501 5.5.4"),
        (b"NONSENSE\r\n", "500 "),
        (b"EHLO me\r\nMAIL FROM:<\xff@b.jp> SMTPUTF8\r\n", "553 5.1.3"),
    ],
)
async def test_refuses_wrong_commands_in_clear_words(sink: Sink, wire: Wire, commands: bytes, expected: str) -> None:
    replies = await wire.say(commands, commands.count(b"\r\n"))
    assert replies[-1].startswith(expected)
    assert (await wire.say(b"NOOP\r\n"))[0].startswith("250")
    assert sink.mails() == []


async def test_a_refused_recipient_leaves_the_others(sink: Sink) -> None:
    answers = await send(sink, "reject-550+x@example.jp", "good@example.jp", "full+x@example.jp")
    assert [answer[:3] for answer in answers] == ["550", "250", "452", "250"]
    assert [mail.recipients for mail in sink.mails()] == [("good@example.jp",)]


async def test_rset_begins_anew(sink: Sink, wire: Wire) -> None:
    await wire.say(b"EHLO me\r\nMAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nRSET\r\n", 4)
    assert (await wire.say(b"DATA\r\n"))[0].startswith("503")
    assert (await wire.say(b"MAIL FROM:<e@f.jp>\r\n"))[0].startswith("250")


async def test_too_big_a_mail_is_refused_and_the_session_goes_on() -> None:
    sink = Sink(quick_settings(max_message_octets=1000))
    await sink.start()
    try:
        big = mail_bytes() + b"x" * 998 + b"\r\n"
        assert (await send(sink, "a@example.jp", raw=big))[-1].startswith("552 5.3.4 ")
        just = b"x" * 998 + b"\r\n"
        assert (await send(sink, "a@example.jp", raw=just))[-1].startswith("250 ")
        assert [mail.size for mail in sink.mails()] == [1000]
    finally:
        await sink.stop()


async def test_a_silent_client_is_cut_off() -> None:
    sink = Sink(quick_settings(idle_seconds=0.05))
    await sink.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.smtp_port)
        assert (await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)).startswith(b"220 ")
        writer.close()
        await writer.wait_closed()
    finally:
        await sink.stop()


async def test_a_client_that_hangs_up_in_mid_mail_leaves_nothing(sink: Sink) -> None:
    wire = Wire(*await asyncio.open_connection("127.0.0.1", sink.smtp_port))
    await wire.reply()
    await wire.say(b"EHLO me\r\nMAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nDATA\r\n", 4)
    wire.writer.write(b"Subject: half\r\n\r\nhalf a mail")
    wire.writer.close()
    await wire.writer.wait_closed()
    await send(sink, "whole@example.jp")
    assert [mail.recipients for mail in sink.mails()] == [("whole@example.jp",)]


async def test_ten_connections_at_once_lose_nothing(sink: Sink) -> None:
    await asyncio.gather(*(send(sink, f"u{number}@example.jp") for number in range(40)))
    assert {mail.recipients[0] for mail in sink.mails()} == {f"u{number}@example.jp" for number in range(40)}


async def test_the_standard_library_can_send_utf8_addresses(sink: Sink) -> None:
    def send_blocking() -> None:
        with smtplib.SMTP("127.0.0.1", sink.smtp_port) as client:
            client.ehlo()
            client.sendmail("差出人@例え.jp", ["宛先@例え.jp"], "件名".encode(), ["SMTPUTF8"])

    await asyncio.to_thread(send_blocking)
    assert [(mail.sender, mail.recipients) for mail in sink.mails()] == [("差出人@例え.jp", ("宛先@例え.jp",))]


@pytest.mark.parametrize(
    ("argument", "address", "parameters"),
    [
        ("FROM:<a@b.jp>", "a@b.jp", {}),
        ("from: <a@b.jp> SIZE=10 body=8BITMIME", "a@b.jp", {"SIZE": "10", "BODY": "8BITMIME"}),
        ("FROM:<>", "", {}),
        ("FROM:a@b.jp SIZE=1", "a@b.jp", {"SIZE": "1"}),
        ("FROM:<@relay.jp,@other.jp:a@b.jp>", "a@b.jp", {}),
        ("FROM:<abc..def.@docomo.ne.jp>", "abc..def.@docomo.ne.jp", {}),
        ('FROM:<"a b>..c\\"d"@b.jp>', '"a b>..c\\"d"@b.jp', {}),
        ("FROM:<postmaster>", "postmaster", {}),
    ],
)
def test_reads_paths_as_given(argument: str, address: str, parameters: dict[str, str]) -> None:
    assert parse_path(argument, "FROM") == (address, parameters)


@pytest.mark.parametrize(
    "argument",
    [
        *(None, "", "FROM", "TO:<a@b.jp>", "FROM:<a@b.jp", "FROM:<a b@c.jp>", "FROM:<a@b.jp>SIZE=1"),
        *("FROM:<a@b.jp> =1", "FROM:<a\x00@b.jp>", "FROM:<\udcff@b.jp>"),
    ],
)
def test_refuses_what_is_no_path(argument: str | None) -> None:
    with pytest.raises(BadCommand) as caught:
        parse_path(argument, "FROM")
    assert caught.value.reply.code in (501, 553)


@given(st.text(max_size=80))
def test_any_argument_is_read_or_refused(argument: str) -> None:
    with contextlib.suppress(BadCommand):
        address, _ = parse_sender(f"FROM:{argument}", LIMITS)
        address.encode()
    with contextlib.suppress(BadCommand):
        parse_recipient(f"TO:{argument}").address.encode()


def test_reads_dsn_parameters() -> None:
    recipient = parse_recipient("TO:<a@b.jp> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb@c.jp")
    assert recipient.notify == {"FAILURE", "DELAY"}
    assert recipient.original == "rfc822; a+b@c.jp"
    assert parse_sender("FROM:<a@b.jp> RET=HDRS ENVID=QQ+2B1", LIMITS) == ("a@b.jp", "QQ+1")
    assert parse_sender("FROM:<a@b.jp> ENVID=a+0D+0Ab", LIMITS) == ("a@b.jp", None)


@pytest.mark.parametrize("notify", ["NEVER,FAILURE", "SOMETIMES", "FAILURE,"])
def test_refuses_a_contradictory_notify(notify: str) -> None:
    with pytest.raises(BadCommand):
        parse_recipient(f"TO:<a@b.jp> NOTIFY={notify}")


def test_an_address_beyond_ascii_needs_smtputf8() -> None:
    with pytest.raises(BadCommand) as caught:
        parse_sender("FROM:<利用者@b.jp>", LIMITS)
    assert caught.value.reply.status == "5.6.7"
    assert parse_sender("FROM:<利用者@b.jp> SMTPUTF8", LIMITS)[0] == "利用者@b.jp"
