"""STARTTLS at the listener, with a certificate made for the test."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from bounce_handler.listener import BounceListener, ListenerSettings
from config.settings import Settings
from core.errors import ConfigurationError
from core.reports import Arrival
from core.return_path import ReturnPaths
from todoke.cli import doctor
from todoke.wiring import Wiring

Made = Callable[..., Path]


@pytest.fixture(scope="module")
def make_pem(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Makes files with a self-signed certificate and its key, which holds between these days from today on."""

    def make(begins: float, ends: float) -> Path:
        file = tmp_path_factory.mktemp("tls") / "bounces.pem"
        file.write_bytes(_pem(begins, ends))
        return file

    return make


@pytest.fixture(scope="module")
def pem(make_pem: Made) -> Path:
    """One that holds for a year."""
    return make_pem(-1, 365)


def _pem(begins: float, ends: float) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bounces.example.jp")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bounces.example.jp")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + private


class Nobody:
    """Keeps nothing."""

    async def keep(self, arrivals: Sequence[Arrival]) -> Sequence[str]:
        raise NotImplementedError

    async def refuse(self, peer: str, token_digest: str) -> None:
        raise NotImplementedError


def trusting(pem: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pem))
    context.check_hostname = False
    return context


async def test_a_report_comes_in_under_tls(sqlite_bounces: Any, listen: Any, compose: Any, pem: Path) -> None:
    post = await listen(sqlite_bounces, tls_certificate=pem)
    path = sqlite_bounces.return_path(await sqlite_bounces.message())
    async with post.client(start_tls=True, tls_context=trusting(pem)) as relay:
        assert not relay.supports_extension("STARTTLS")
        assert not relay.supports_extension("AUTH")
        await relay.sendmail("", [path], compose())
        assert (await relay.execute_command(b"AUTH PLAIN AGEAYg==")).code == 504
    (row,) = await sqlite_bounces.reports()
    assert (sqlite_bounces.mail(row), row["peer"]) == (b"Return-Path: <>\r\n" + compose(), "127.0.0.1")


async def test_without_a_certificate_starttls_is_not_offered(sqlite_bounces: Any, listen: Any) -> None:
    post = await listen(sqlite_bounces)
    async with post.client() as relay:
        await relay.ehlo()
        assert not relay.supports_extension("STARTTLS")
        assert (await relay.execute_command(b"STARTTLS")).code == 454


async def test_tls_begins_once(sqlite_bounces: Any, listen: Any, compose: Any, pem: Path) -> None:
    """RFC 3207 section 4.2: it is no longer offered; who asks all the same goes on as before."""
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    post = await listen(sqlite_bounces, tls_certificate=pem)
    async with post.client(start_tls=True, tls_context=trusting(pem)) as relay:
        assert (await relay.execute_command(b"STARTTLS")).code == 503
        await relay.sendmail("", ["postmaster"], compose())
    assert troubles == []


async def test_what_was_said_before_tls_is_forgotten(sqlite_bounces: Any, listen: Any, pem: Path) -> None:
    """RFC 3207 section 4.2; commands behind STARTTLS in one packet would come from an attacker on the way."""
    post = await listen(sqlite_bounces, tls_certificate=pem)
    reader, writer = await asyncio.open_connection("127.0.0.1", post.port)
    writer.write(b"EHLO x\r\nMAIL FROM:<>\r\nSTARTTLS\r\nRCPT TO:<postmaster>\r\n")
    while not (await reader.readline()).startswith(b"220 Ready"):
        pass
    await writer.start_tls(trusting(pem))
    writer.write(b"RCPT TO:<postmaster>\r\nQUIT\r\n")
    assert (await reader.readline()).startswith(b"503")
    assert (await reader.readline()).startswith(b"221")
    writer.close()


async def test_a_handshake_that_fails_ends_one_conversation(
    sqlite_bounces: Any, listen: Any, compose: Any, pem: Path
) -> None:
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    post = await listen(sqlite_bounces, tls_certificate=pem)
    reader, writer = await asyncio.open_connection("127.0.0.1", post.port)
    writer.write(b"EHLO x\r\nSTARTTLS\r\n")
    while not (await reader.readline()).startswith(b"220 Ready"):
        pass
    writer.write(b"this is no hello of TLS\r\n" * 10)
    async with asyncio.timeout(5):
        await asyncio.gather(reader.read(), return_exceptions=True)
    writer.close()
    assert await post.send(compose(), "postmaster") == "2.0.0 Kept"
    assert troubles == []


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, pem: Path) -> None:
    paths = ReturnPaths("bounces.example.jp", "g-mis.net", [b"key"])
    (tmp_path / "empty.pem").touch()
    for file in (tmp_path / "empty.pem", tmp_path / "gone.pem"):
        with pytest.raises(ConfigurationError, match=re.escape(file.name)):
            BounceListener(ListenerSettings("127.0.0.1", 0, tls_certificate=file), Nobody(), paths)
    with pytest.raises(ConfigurationError, match=r"empty\.pem"):
        BounceListener(
            ListenerSettings("127.0.0.1", 0, tls_certificate=pem, tls_key=tmp_path / "empty.pem"),
            Nobody(),
            paths,
        )


TIMES = pytest.mark.parametrize(
    ("begins", "ends", "result", "word"),
    [
        (-1, 31, "ok", "until "),
        (-1, 29, "warning", "it ends on "),
        (-1, 0.01, "warning", "it ends on "),
        (-2, -1, "FAILED", "it has ended on "),
        (1, 365, "FAILED", "it holds from "),
    ],
)


@TIMES
async def test_a_certificate_out_of_date_is_told_at_the_start(
    make_pem: Made, sqlite_bounces: Any, listen: Any, begins: float, ends: float, result: str, word: str
) -> None:
    with capture_logs() as logs:
        await listen(sqlite_bounces, tls_certificate=make_pem(begins, ends))
    told = [entry["why"] for entry in logs if entry["event"] == "the bounce listener's certificate wants attention"]
    assert [why.startswith(word) for why in told] == ([] if result == "ok" else [True])


@TIMES
async def test_the_doctor_looks_at_it(
    make_pem: Made, sqlite_url: str, begins: float, ends: float, result: str, word: str
) -> None:
    found = await examined(Settings(database_url=sqlite_url, bounce_tls_certificate=make_pem(begins, ends)))
    assert found["result"] == result
    assert word in found["detail"]


async def test_a_chain_holds_as_long_as_its_first_to_end(make_pem: Made, sqlite_url: str, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(make_pem(-1, 365).read_bytes() + make_pem(-1, 5).read_bytes())
    found = await examined(Settings(database_url=sqlite_url, bounce_tls_certificate=chain))
    assert found["result"] == "warning"


async def test_the_doctor_refuses_what_the_service_would_refuse(sqlite_url: str, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk", "utf-8")
    found = await examined(Settings(database_url=sqlite_url, bounce_tls_certificate=junk))
    assert found["result"] == "FAILED"
    assert "cannot be used" in found["detail"]
    assert (await examined(Settings(database_url=sqlite_url)))["result"] == "ok"


async def examined(settings: Settings) -> dict[str, Any]:
    """What the doctor finds."""
    wiring = Wiring(settings)
    finding = await doctor._found("bounce certificate", doctor._CHECKS["bounce certificate"], wiring)
    await wiring.close()
    return finding.as_row()
