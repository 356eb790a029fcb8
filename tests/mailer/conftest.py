"""SMTP servers that follow a script, and certificates."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """Sockets of our own are handed to the loop when we dial, and the service runs on uvloop where there is one."""
    both: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return both if item.path.stem == "test_dialing" else {"asyncio": both["asyncio"]}


ALL_OK = ("MAIL", "RCPT", "RSET", "NOOP")


class Talk:
    """One conversation, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.heard: list[str] = []
        self.mails: list[bytes] = []

    def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def hear(self) -> str:
        line = (await self.reader.readline()).decode().rstrip("\r\n")
        self.heard.append(line)
        return line

    async def greet(self, *extensions: str, greeting: str = "220 script.example ESMTP") -> None:
        self.say(greeting)
        await self.hear()
        lines = ["script.example", *extensions]
        self.say(*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}")

    async def envelope(self) -> None:
        """MAIL, RCPT and DATA, all accepted."""
        for reply in ("250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go ahead"):
            await self.hear()
            self.say(reply)

    async def mail(self) -> bytes:
        """The octets up to and including the final dot."""
        self.mails.append(await self.reader.readuntil(b"\r\n.\r\n"))
        return self.mails[-1]

    async def take(self, reply: str = "250 2.0.0 Ok") -> None:
        await self.envelope()
        await self.mail()
        self.say(reply)

    async def part(self) -> None:
        """QUIT, or the end of the connection."""
        if await self.hear() == "QUIT":
            self.say("221 2.0.0 Bye")

    def cut(self) -> None:
        """Break the connection."""
        self.writer.transport.abort()


Script = Callable[[Talk], Awaitable[None]]


@dataclass
class Scripted:
    """A server on which each connection follows its own script."""

    port: int
    talks: list[Talk] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    @property
    def heard(self) -> list[list[str]]:
        return [talk.heard for talk in self.talks]


Start = Callable[..., Awaitable[Scripted]]


@pytest.fixture
async def scripted() -> AsyncIterator[Start]:
    """Start a server with one script a connection; a connection too many is a failure."""
    servers: list[asyncio.Server] = []
    found: list[Scripted] = []

    async def start(*scripts: Script) -> Scripted:
        state = Scripted(0)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talk = Talk(reader, writer)
            state.talks.append(talk)
            try:
                await scripts[len(state.talks) - 1](talk)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            except BaseException as error:
                state.errors.append(error)
                raise
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        found.append(state)
        state.port = server.sockets[0].getsockname()[1]
        return state

    yield start
    for server in servers:
        server.close()
    assert [error for state in found for error in state.errors if not isinstance(error, asyncio.CancelledError)] == []


@dataclass(frozen=True)
class Certificate:
    """PEM files: a certificate with its key, and the authority that signed it."""

    certificate: Path
    key: Path
    authority: Path


def make_certificate(folder: Path, host: str = "127.0.0.1", name: str = "server") -> Certificate:
    """A certificate for a name or an IP address, self-signed so that it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    return Certificate(pem, key_pem, pem)


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """For 127.0.0.1."""
    return make_certificate(tmp_path)


@pytest.fixture
def certificate_of_another(tmp_path: Path) -> Certificate:
    """For another address."""
    return make_certificate(tmp_path, "192.0.2.1", "other")
