"""A relay's name with several addresses, of which some are dead: real sockets, on both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from core.address_literal import address_literal
from mailer.dialing import Address, Resolve, Unreachable, dial
from mailer.relay import Relay, RelaySettings, RelayTrouble
from tests.mailer.conftest import Certificate, make_certificate
from tests.mailer.test_relay_security import server_context

NAME = "relay.test"
SLACK_SECONDS = 20.0


def at(host: str, port: int) -> Address:
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


def resolving(*addresses: Address) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[Address]:
        assert host == NAME
        return addresses

    return resolve


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.dialing._HEAD_START_SECONDS", 0.05)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address has the whole time to itself."""
    monkeypatch.setattr("mailer.dialing._HEAD_START_SECONDS", 1000.0)


@pytest.fixture
def silent() -> Iterator[Address]:
    """Where nobody answers: a socket whose queue is full throws away what comes."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.2", 0))
        listening.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield at(*listening.getsockname())


class Listening:
    """A server, and who came to it."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.setblocking(False)
        self.address = at(*self.server.getsockname())

    @property
    def guests(self) -> int:
        with contextlib.suppress(BlockingIOError):
            guest, _ = self.server.accept()
            guest.close()
            return 1 + self.guests
        return 0


@pytest.fixture
def listening() -> Iterator[Listening]:
    found = Listening()
    yield found
    found.server.close()


@pytest.fixture
def refusing(unused_tcp_port: int) -> Address:
    return at("127.0.0.1", unused_tcp_port)


async def check_that_it_leads_to(listening: Listening, *addresses: Address, seconds: float = SLACK_SECONDS) -> None:
    with await dial(NAME, 25, seconds, resolving(*addresses)) as connected:
        assert connected.getpeername() == listening.address[4]
    assert listening.guests == 1


@pytest.mark.usefixtures("quick")
async def test_an_address_that_does_not_answer_does_not_hold_up_the_next(silent: Address, listening: Listening) -> None:
    await check_that_it_leads_to(listening, silent, listening.address)


@pytest.mark.usefixtures("patient")
async def test_each_address_has_its_turn_however_short_the_time(silent: Address, listening: Listening) -> None:
    await check_that_it_leads_to(listening, silent, silent, listening.address, seconds=1.0)


@pytest.mark.usefixtures("patient")
async def test_the_next_one_follows_a_refusal_at_once(refusing: Address, listening: Listening) -> None:
    async with asyncio.timeout(SLACK_SECONDS):
        await check_that_it_leads_to(listening, refusing, listening.address, seconds=1000.0)


@pytest.mark.usefixtures("patient")
async def test_where_the_first_one_answers_no_other_is_tried(listening: Listening) -> None:
    other = Listening()
    await check_that_it_leads_to(listening, listening.address, other.address)
    assert other.guests == 0
    other.server.close()


async def test_who_comes_second_is_hung_up_on(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.dialing._HEAD_START_SECONDS", 0.0)
    opened: list[socket.socket] = []

    class Noticed(socket.socket):
        def __init__(self, *kind: Any) -> None:
            super().__init__(*kind)
            opened.append(self)

    monkeypatch.setattr("mailer.dialing.socket.socket", Noticed)
    with await dial(NAME, 25, SLACK_SECONDS, resolving(*[listening.address] * 5)) as connected:
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(opened) > 1
        assert [sock for sock in opened if sock.fileno() != -1] == [connected]


@pytest.mark.usefixtures("quick")
async def test_what_each_address_did_is_told(silent: Address, refusing: Address) -> None:
    with pytest.raises(Unreachable) as caught:
        await dial(NAME, 25, 0.2, resolving(silent, refusing))
    said = "cannot connect to relay.test port 25: 127.0.0.2: no answer, 127.0.0.1: Connection refused"
    assert str(caught.value) == said


async def test_where_all_refuse_nobody_waits(refusing: Address) -> None:
    async with asyncio.timeout(SLACK_SECONDS):
        with pytest.raises(Unreachable, match="Connection refused"):
            await dial(NAME, 25, 1000.0, resolving(refusing))


async def test_a_name_that_is_not_resolved_in_time() -> None:
    async def resolve(host: str, port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Unreachable, match="its name was not resolved in time"):
        await dial(NAME, 25, 0.05, resolve)


async def test_a_name_that_is_not_known() -> None:
    async def resolve(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(Unreachable, match="Name or service not known"):
        await dial(NAME, 25, SLACK_SECONDS, resolve)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_resolver_of_this_machine(listening: Listening, host: str) -> None:
    with await dial(host, listening.address[4][1], SLACK_SECONDS) as connected:
        assert connected.getpeername() == listening.address[4]


class Secure:
    """A relay that speaks TLS, in one of two ways, by a certificate for a host."""

    def __init__(self, mode: str, certificate: Certificate) -> None:
        self.mode = mode
        self.certificate = certificate
        self.port = 0

    @contextlib.asynccontextmanager
    async def up(self) -> AsyncIterator[Address]:
        context = server_context(self.certificate)
        later = {"tls_context": context, "require_starttls": True} if self.mode == "starttls" else {}
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(None, hostname="relay.example", **later),
            "127.0.0.1",
            0,
            ssl=context if self.mode == "tls" else None,
        )
        self.port = server.sockets[0].getsockname()[1]
        yield at("127.0.0.1", self.port)
        server.close()
        await server.wait_closed()

    def relay(self, *addresses: Address) -> Relay:
        ca_file = str(self.certificate.authority)
        settings = RelaySettings(NAME, self.port, self.mode, ca_file=ca_file, command_timeout=SLACK_SECONDS)
        return Relay(settings, resolving(*addresses))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_the_certificate_has_to_be_for_the_name(silent: Address, tmp_path: Path, mode: str) -> None:
    secure = Secure(mode, make_certificate(tmp_path, NAME))
    async with secure.up() as good:
        wire = await secure.relay(silent, good).open()
        wire.write(b"QUIT\r\n")
        assert (await wire.reply(SLACK_SECONDS)).code == 221
        wire.close()


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_a_certificate_for_the_address_is_not_enough(certificate: Certificate, mode: str) -> None:
    secure = Secure(mode, certificate)
    async with secure.up() as good:
        with pytest.raises(RelayTrouble) as caught:
            await secure.relay(good).open()
    assert "not valid for 'relay.test'" in str(caught.value)
    assert "port None" not in str(caught.value)


@contextlib.asynccontextmanager
async def unwell(greeting: bytes | None) -> AsyncIterator[tuple[Address, list[int]]]:
    """An address that takes connections and does not serve: it refuses, hangs up, or is silent; and who came."""
    guests: list[int] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guests.append(1)
        with contextlib.closing(writer):
            if greeting is None:
                await reader.read()
            else:
                writer.write(greeting)

    server = await asyncio.start_server(meet, "127.0.0.3", 0)
    yield at(*server.sockets[0].getsockname()), guests
    server.close()


@contextlib.asynccontextmanager
async def well() -> AsyncIterator[Address]:
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(None, hostname="relay"), "127.0.0.1", 0)
    yield at(*server.sockets[0].getsockname())
    server.close()


def relay(*addresses: Address, seconds: float = SLACK_SECONDS) -> Relay:
    return Relay(RelaySettings(NAME, 25, command_timeout=seconds), resolving(*addresses))


@pytest.mark.parametrize(
    ("greeting", "seconds"),
    [(b"421 going down\r\n", SLACK_SECONDS), (b"554 no\r\n", SLACK_SECONDS), (b"", SLACK_SECONDS), (None, 0.3)],
    ids=["leaving", "refusing", "hanging up", "silent"],
)
async def test_an_address_that_connects_and_does_not_serve_leads_to_the_next_and_is_last_then(
    greeting: bytes | None, seconds: float
) -> None:
    async with unwell(greeting) as (ill, guests), well() as fit:
        found = relay(ill, fit, seconds=seconds)
        for _ in range(3):
            wire = await found.open()
            wire.close()
        assert guests == [1]


async def test_of_addresses_that_do_not_serve_the_first_is_told_and_each_is_tried_once() -> None:
    async with unwell(b"421 going down\r\n") as (first, at_first), unwell(b"554 no\r\n") as (second, at_second):
        found = relay(first, second)
        for code, guests in ((421, [1]), (421, [1, 1])):
            with pytest.raises(RelayTrouble) as caught:
                await found.open()
            assert (caught.value.code, at_first, at_second) == (code, guests, guests)


async def greeted(host: str, **changed: Any) -> list[bytes]:
    """What a server on this address hears first, and again from a client that has to be met with HELO."""
    heard: list[bytes] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            for reply in (b"220 hello", b"502 no", b"250 hello"):
                writer.write(reply + b"\r\n")
                heard.append(await reader.readline())

    server = await asyncio.start_server(meet, host, 0)
    port = server.sockets[0].getsockname()[1]
    wire = await Relay(RelaySettings(host, port, command_timeout=SLACK_SECONDS, **changed)).open()
    wire.abort()
    server.close()
    return heard[:2]


@pytest.mark.parametrize(("host", "name"), [("127.0.0.1", b"[127.0.0.1]"), ("::1", b"[IPv6:::1]")])
async def test_who_has_no_full_name_greets_with_the_address_of_its_end(host: str, name: bytes) -> None:
    assert await greeted(host) == [b"EHLO %b\r\n" % name, b"HELO %b\r\n" % name]


async def test_who_has_a_full_name_greets_with_it() -> None:
    assert await greeted("127.0.0.1", helo="mail.example.jp") == [
        b"EHLO mail.example.jp\r\n",
        b"HELO mail.example.jp\r\n",
    ]


@pytest.mark.parametrize(
    ("address", "literal"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("::ffff:192.0.2.1", "[192.0.2.1]"),
        ("2001:db8:0:0:1:0:0:1", "[IPv6:2001:db8::1:0:0:1]"),
    ],
)
def test_an_address_in_the_place_of_a_name(address: str, literal: str) -> None:
    assert address_literal(ip_address(address)) == literal
