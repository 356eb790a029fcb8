"""The listener as attackers meet it: every limit, and octets that no client would send."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from typing import Any

import aiosmtplib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bounce_handler.budgets import NoteLimits
from bounce_handler.conversation import Conversation
from bounce_handler.listener import BounceListener, ListenerSettings
from core.return_path import ReturnPaths

PATHS = ReturnPaths("bounces.example.jp", "g-mis.net", [b"key"])
OPENING = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\n"


def forged(number: int) -> str:
    return f"r-{number:026d}-{'b' * 24}@bounces.example.jp".translate(str.maketrans("0189", "abcd"))


class Memory:
    """Keeps mails in memory."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.refused: list[str] = []

    async def keep(self, arrivals: Any) -> list[str]:
        self.mails += [arrival.raw for arrival in arrivals]
        return ["id"] * len(arrivals)

    async def refuse(self, peer: str, token_digest: str) -> None:
        self.refused.append(token_digest)


class Attacked:
    """A listener over a memory; what goes wrong unseen in its loop is collected."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.troubles: list[dict[str, Any]] = []
        self._started: list[BounceListener] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.troubles.append(context))

    async def start(self, **options: Any) -> None:
        self._listener = BounceListener(ListenerSettings("127.0.0.1", 0, **options), self.memory, PATHS)
        await self._listener.start()
        self.port = self._listener.port

    async def stop(self) -> None:
        await self._listener.stop()

    def first_conversation(self) -> Conversation:
        return self._listener._first()

    def client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, start_tls=False, timeout=5)

    async def say(self, octets: bytes, *, until: bytes = b"", ended: bool = False) -> bytes:
        """All that is answered until the connection ends, or until an answer begins so."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        said = b""
        try:
            writer.write(octets)
            if ended:
                writer.write_eof()
            async with asyncio.timeout(5):
                while line := await _line(reader):
                    said += line
                    if until and line.startswith(until):
                        break
        finally:
            writer.close()
        return said

    async def still_serves(self) -> bool:
        before = len(self.memory.mails)
        said = await self.say(OPENING + b"hello\r\n.\r\nQUIT\r\n", until=b"221")
        return b"250 2.0.0 Kept" in said and len(self.memory.mails) == before + 1


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ConnectionError:
        return b""


@pytest.fixture
async def attacked() -> Any:
    made = Attacked()
    yield made
    await made.stop()
    assert made.troubles == []


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n\r.\r\n", b"\n.\r"]
)
async def test_nothing_but_crlf_ends_a_mail(attacked: Attacked, end: bytes) -> None:
    """What follows stays within the mail: no second one can be smuggled in."""
    await attacked.start()
    smuggled = b"one" + end + b"MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\ntwo\r\n.\r\n"
    said = await attacked.say(OPENING + smuggled + b"QUIT\r\n", until=b"221")
    assert said.count(b"250 2.0.0 Kept") == 1
    assert len(attacked.memory.mails) == 1
    assert b"DATA\r\ntwo\r\n" in attacked.memory.mails[0]


@pytest.mark.parametrize("declared", [b"", b" SIZE=1001"])
async def test_a_mail_that_is_too_large_is_refused(attacked: Attacked, declared: bytes) -> None:
    await attacked.start(max_octets=1000)
    opening = OPENING.replace(b"<>", b"<>" + declared)
    said = await attacked.say(
        opening + b"x" * 998 + b"\r\ny\r\n.\r\nQUIT\r\n", until=b"221" if not declared else b"552"
    )
    assert b"552" in said
    assert attacked.memory.mails == []
    said = await attacked.say(OPENING + b"x" * 998 + b"\r\n.\r\nQUIT\r\n", until=b"221")
    assert b"250 2.0.0 Kept" in said


async def test_a_long_line_is_no_reason_to_lose_a_report(attacked: Attacked) -> None:
    await attacked.start()
    await attacked.say(OPENING + b"x" * 500_000 + b"\r\n.\r\nQUIT\r\n", until=b"221")
    assert attacked.memory.mails == [b"Return-Path: <>\r\n" + b"x" * 500_000 + b"\r\n"]


async def test_a_command_that_is_too_long_is_refused(attacked: Attacked) -> None:
    await attacked.start()
    said = await attacked.say(b"EHLO " + b"x" * 3000 + b"\r\n" + b"y" * 2_000_000 + b"\r\nQUIT\r\n", until=b"221")
    assert said.count(b"500 Command line too long") == 2
    assert await attacked.still_serves()


async def test_recipients_are_limited(attacked: Attacked) -> None:
    await attacked.start()
    recipients = b"RCPT TO:<postmaster>\r\n" * 101
    said = await attacked.say(b"EHLO x\r\nMAIL FROM:<>\r\n" + recipients + b"QUIT\r\n", until=b"221")
    assert (said.count(b"250 2.1.5"), said.count(b"452 4.5.3")) == (100, 1)


async def test_patience_ends_with_many_refusals(attacked: Attacked) -> None:
    await attacked.start()
    recipients = b"".join(f"RCPT TO:<{forged(number)}>\r\n".encode() for number in range(50))
    said = await attacked.say(b"EHLO x\r\nMAIL FROM:<>\r\n" + recipients)
    assert said.count(b"550 5.1.1") == 21
    assert said.endswith(b"421 4.7.0 Too many commands without a mail\r\n")


async def test_patience_ends_with_many_idle_commands(attacked: Attacked) -> None:
    await attacked.start()
    said = await attacked.say(b"NOOP\r\n" * 1000)
    assert said.count(b"250 OK") < 501
    assert said.endswith(b"421 4.7.0 Too many commands without a mail\r\n")


async def test_a_mail_renews_patience(attacked: Attacked) -> None:
    await attacked.start()
    turn = b"VRFY x\r\n" * 15 + OPENING + b"hello\r\n.\r\n"
    said = await attacked.say(b"EHLO x\r\n" + turn * 5 + b"QUIT\r\n", until=b"221")
    assert said.count(b"250 2.0.0 Kept") == 5


async def test_a_flood_of_forged_tokens_is_not_noted_without_end(attacked: Attacked) -> None:
    await attacked.start(notes=NoteLimits(per_peer=5))
    recipients = b"".join(f"RCPT TO:<{forged(number)}>\r\n".encode() for number in range(15))
    said = await attacked.say(b"EHLO x\r\nMAIL FROM:<>\r\n" + recipients + b"QUIT\r\n", until=b"221")
    assert said.count(b"550 5.1.1") == 15
    assert len(set(attacked.memory.refused)) == len(attacked.memory.refused) == 5


async def test_connections_of_a_peer_are_limited(attacked: Attacked) -> None:
    await attacked.start(connections_per_peer=2)
    first, second = attacked.client(), attacked.client()
    await first.connect()
    await second.connect()
    with pytest.raises(aiosmtplib.SMTPConnectError) as refused:
        await attacked.client().connect()
    assert refused.value.code == 421
    await first.quit()
    assert await attacked.still_serves()
    second.close()


async def test_connections_are_limited_in_all(attacked: Attacked) -> None:
    await attacked.start(connections=1)
    with capture_logs() as logs:
        async with attacked.client():
            for _ in range(3):
                assert await attacked.say(b"") == b"421 4.7.0 Too many connections\r\n"
    [entry] = logs
    assert (entry["event"], entry["open"]) == ("refused SMTP connections: too many are open", 1)


async def test_silence_ends_a_conversation(attacked: Attacked) -> None:
    await attacked.start(timeout=0.02)
    assert (await attacked.say(b"EHLO x\r\n")).startswith(b"220 bounces.example.jp")
    assert (await attacked.say(OPENING + b"and then nothing")).endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n")
    assert attacked.memory.mails == []


async def test_a_closed_or_reset_connection_leaves_nothing_behind(attacked: Attacked) -> None:
    await attacked.start()
    loop = asyncio.get_running_loop()
    for octets in (b"", b"EHLO x", OPENING, OPENING + b"half a mail\r\n"):
        for linger in (struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)):  # a close, and a reset
            client = socket.socket()
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", attacked.port))
            await loop.sock_sendall(client, octets)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.close()
    assert await attacked.still_serves()
    assert len(attacked.memory.mails) == 1


async def test_stopping_says_goodbye(attacked: Attacked) -> None:
    await attacked.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", attacked.port)
    assert (await reader.readline()).startswith(b"220")
    await attacked.stop()
    assert await reader.read() == b"421 4.3.2 Closing down\r\n"
    writer.close()


@pytest.mark.parametrize(
    "address",
    [
        b"<",
        b"<>",
        b"<@>",
        b"<\xff\xfe@bounces.example.jp>",
        b"<(((((((((((@bounces.example.jp>",
        b"(" * 1500,
        b'<"\\"@bounces.example.jp>',
        b"<@a,@b:x@bounces.example.jp>",
        b"<r-\x00-\x00@bounces.example.jp>",
        b"<postmaster> NOTIFY=NEVER",
        b"",
    ],
)
async def test_malformed_addresses_are_answered(attacked: Attacked, address: bytes) -> None:
    await attacked.start()
    said = await attacked.say(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:" + address + b"\r\nQUIT\r\n", until=b"221")
    last = said.splitlines()[-2]
    assert last[:3] in (b"250", b"451", b"501", b"550", b"553", b"555"), last
    assert await attacked.still_serves()


PIECES = st.sampled_from(
    [
        b"EHLO x\r\n",
        b"HELO\r\n",
        b"MAIL FROM:<>\r\n",
        b"MAIL FROM:",
        b"RCPT TO:<postmaster>\r\n",
        b"RCPT TO:<",
        b"DATA\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"\n",
        b"\r",
        b"RSET\r\n",
        b"BDAT 5\r\n",
        b"AUTH PLAIN\r\n",
        b"STARTTLS\r\n",
        b"HELP\r\n",
    ],
)


@pytest.fixture(scope="module")
def loop_for_octets() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@given(st.lists(PIECES | st.binary(max_size=40), max_size=25))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_octets_crash_a_conversation(loop_for_octets: asyncio.AbstractEventLoop, pieces: list[bytes]) -> None:
    async def attack() -> None:
        attacked = Attacked()
        await attacked.start()
        try:
            said = await attacked.say(b"".join(pieces), ended=True)
            assert all(line[:3].isdigit() for line in said.splitlines())
            assert await attacked.still_serves()
        finally:
            await attacked.stop()
        assert attacked.troubles == []

    loop_for_octets.run_until_complete(attack())


async def test_one_more_conversation_shares_nothing_that_changes(attacked: Attacked) -> None:
    """They are copies of one that aiosmtpd has made: whatever it sets up for each has to be there, and its own."""
    await attacked.start()
    first = attacked.first_conversation()
    one, two = first.another(), first.another()
    assert vars(one).keys() == vars(first).keys()
    changing = {name for name, value in vars(one).items() if vars(two)[name] is not value}
    assert {"_patience", "_replies", "_stream_reader_wr", "_smtp_methods"} <= changing
    assert all(method.__self__ is one for method in one._smtp_methods.values())
    assert one._auth_methods == {}
