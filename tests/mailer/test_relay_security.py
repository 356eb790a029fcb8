"""TLS, logins and real servers: nothing is ever sent in clear where encryption is asked for."""

from __future__ import annotations

import asyncio
import base64
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from mailer.relay import Relay, RelayTrouble
from mailer.transport import Accepted, Connection, Lost, Outcome, Refused, RelaySettings

MAIL = b"Subject: x\r\n\r\n.\r\n..\r\n.dot\r\nlast"
SENDER = "r-token@bounces.example.jp"


@dataclass
class Mailbox:
    """An aiosmtpd server and what it took."""

    port: int = 0
    taken: list[Envelope] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        self.sessions.append(session)
        return "250 2.0.0 Kept"


Serve = Callable[..., Awaitable[Mailbox]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[asyncio.Server] = []

    async def start(*, ssl_context: ssl.SSLContext | None = None, **options: Any) -> Mailbox:
        mailbox = Mailbox()
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(mailbox, hostname="relay.example", **options), "127.0.0.1", 0, ssl=ssl_context
        )
        servers.append(server)
        mailbox.port = server.sockets[0].getsockname()[1]
        return mailbox

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


def server_context(certificate: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


async def send(port: int, recipient: str = "soumu@example.jp", **changed: Any) -> Outcome:
    connection = Connection(RelaySettings("127.0.0.1", port, command_timeout=5, final_timeout=5, **changed))

    async def mark() -> None:
        pass

    try:
        return await connection.send(SENDER, recipient, MAIL, mark)
    finally:
        await connection.close()


async def test_lines_that_begin_with_dots_arrive_as_they_were(serve: Serve) -> None:
    mailbox = await serve()
    assert isinstance(await send(mailbox.port), Accepted)
    assert mailbox.taken[0].original_content == MAIL + b"\r\n"
    assert mailbox.taken[0].mail_from == SENDER


@pytest.mark.parametrize("address", ["a..b@docomo.ne.jp", "a.@docomo.ne.jp", ".a@ezweb.ne.jp", "x+y=z'@example.jp"])
async def test_odd_addresses_reach_the_server_as_they_are(serve: Serve, address: str) -> None:
    mailbox = await serve()
    assert isinstance(await send(mailbox.port, address), Accepted)
    assert mailbox.taken[0].rcpt_tos == [address]


async def test_starttls(serve: Serve, certificate: Any) -> None:
    mailbox = await serve(tls_context=server_context(certificate), require_starttls=True)
    outcome = await send(mailbox.port, tls="starttls", ca_file=str(certificate.authority))
    assert isinstance(outcome, Accepted)
    assert mailbox.sessions[0].ssl is not None
    assert mailbox.taken[0].original_content == MAIL + b"\r\n"


async def test_tls_from_the_start(serve: Serve, certificate: Any) -> None:
    mailbox = await serve(ssl_context=server_context(certificate))
    assert isinstance(await send(mailbox.port, tls="tls", ca_file=str(certificate.authority)), Accepted)


async def test_a_server_without_starttls_gets_nothing(serve: Serve, certificate: Any) -> None:
    mailbox = await serve()
    outcome = await send(mailbox.port, tls="starttls", ca_file=str(certificate.authority))
    assert isinstance(outcome, Lost)
    assert outcome.stage == "connect"
    assert "STARTTLS" in outcome.detail
    assert mailbox.taken == []


async def test_a_refused_starttls_is_the_relays_trouble(scripted: Any, certificate: Any) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("STARTTLS")
        await talk.hear()
        talk.say("454 4.7.0 TLS not available")
        assert await talk.reader.read() == b""

    server = await scripted(script)
    outcome = await send(server.port, tls="starttls", ca_file=str(certificate.authority))
    assert outcome == Refused(454, "the relay refused the connection: 4.7.0 TLS not available", "connect")


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_a_certificate_of_an_unknown_authority(serve: Serve, certificate: Any, mode: str) -> None:
    context = server_context(certificate)
    options = {"ssl_context": context} if mode == "tls" else {"tls_context": context}
    mailbox = await serve(**options)
    outcome = await send(mailbox.port, tls=mode)
    assert isinstance(outcome, Lost)
    assert outcome.stage == "connect"
    assert "certificate" in outcome.detail.lower()
    assert mailbox.taken == []


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_a_certificate_for_another_host(serve: Serve, certificate_of_another: Any, mode: str) -> None:
    context = server_context(certificate_of_another)
    options = {"ssl_context": context} if mode == "tls" else {"tls_context": context}
    mailbox = await serve(**options)
    outcome = await send(mailbox.port, tls=mode, ca_file=str(certificate_of_another.authority))
    assert isinstance(outcome, Lost)
    assert "certificate" in outcome.detail.lower()
    assert mailbox.taken == []


async def test_a_missing_file_of_authorities_is_told(unused_tcp_port: int) -> None:
    outcome = await send(unused_tcp_port, tls="tls", ca_file="/does/not/exist")
    assert isinstance(outcome, Lost)
    assert outcome.stage == "connect"


async def test_clear_text_to_a_port_that_speaks_tls(serve: Serve, certificate: Any) -> None:
    mailbox = await serve(ssl_context=server_context(certificate))
    outcome = await send(mailbox.port, tls="none")
    assert isinstance(outcome, Lost)
    assert not outcome.in_doubt


def authenticator(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data == LoginPassword(b"todoke", b"secret"), handled=False)


async def logged_in(serve: Serve, certificate: Any, password: str) -> tuple[Outcome, Mailbox]:
    mailbox = await serve(tls_context=server_context(certificate), auth_required=True, authenticator=authenticator)
    ca_file = str(certificate.authority)
    return await send(mailbox.port, tls="starttls", ca_file=ca_file, username="todoke", password=password), mailbox


async def test_a_login(serve: Serve, certificate: Any) -> None:
    outcome, mailbox = await logged_in(serve, certificate, "secret")
    assert isinstance(outcome, Accepted)
    assert len(mailbox.taken) == 1


async def test_a_wrong_password_is_our_trouble(serve: Serve, certificate: Any) -> None:
    outcome, mailbox = await logged_in(serve, certificate, "wrong")
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.stage) == (535, "connect")
    assert outcome.text.startswith("the relay refused our login: 5.7.8")
    assert "wrong" not in outcome.text
    assert mailbox.taken == []


class Quoting:
    """Refuses each login with a reply that quotes what it was sent, as it came and deciphered."""

    def __init__(self, mechanism: str, reply: str) -> None:
        self.mechanism = mechanism
        self.reply = reply

    async def __call__(self, talk: Any) -> None:
        await talk.greet(f"AUTH {self.mechanism}")
        said = await talk.hear()
        if self.mechanism != "PLAIN":
            talk.say(f"334 {base64.b64encode(b'<1.2@relay.example>').decode()}")
            said = await talk.hear()
        octets = base64.b64decode(said.split()[-1])
        plain = octets.decode().replace("\0", " ")
        talk.say(self.reply.format(said=said, part=said[-9:], plain=plain, hex=octets.hex()))
        await talk.reader.read()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize(
    "reply",
    [
        "501 5.5.4 Syntax: {said}",
        "501-5.5.4 Syntax:\r\n501 5.5.4 {said}",
        '535 5.7.8 Error: "{part}": invalid',
        "454 4.7.0 {plain} {hex}",
        "{said} is no command",
        "299 {said}",
        "999 {plain}",
    ],
)
async def test_nothing_of_the_login_is_told_where_a_relay_quotes_it(scripted: Any, mechanism: str, reply: str) -> None:
    server = await scripted(Quoting(mechanism, reply), Quoting(mechanism, reply))
    login = {"username": "kikaku-7", "password": "s3cretPW.zyx"}
    outcome = await send(server.port, **login)
    settings = RelaySettings("127.0.0.1", server.port, command_timeout=5, **login)
    with pytest.raises(RelayTrouble) as caught:
        await Relay(settings).open()
    told = f"{outcome} {''.join(traceback.format_exception(caught.value))}"
    for heard in server.heard:
        sent = heard[-1].split()[-1]
        assert [sent[at : at + 4] for at in range(len(sent) - 3) if sent[at : at + 4] in told] == []
    assert [part for part in ("kikaku", "s3cret", "PW.zyx", b"s3cret".hex()) if part in told] == []
    assert "[...]" in told


@pytest.mark.parametrize(
    "reply",
    [
        "5.7.8 Authentication credentials invalid",
        "5.7.8 Error: authentication failed: (reason unavailable)",
        "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
        "Incorrect authentication data",
        "5.7.8 認証に失敗しました",
    ],
)
async def test_what_a_relay_says_of_a_login_can_be_read(scripted: Any, reply: str) -> None:
    server = await scripted(Quoting("PLAIN", f"535 {reply}"))
    outcome = await send(server.port, username="kikaku-7", password="s3cretPW.zyx")
    assert outcome == Refused(535, f"the relay refused our login: {reply}", "connect")


async def test_a_password_that_cannot_be_sent_is_not_told(scripted: Any) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("AUTH PLAIN LOGIN")
        assert await talk.reader.read() == b""

    server = await scripted(script)
    outcome = await send(server.port, username="kikaku-7", password="s3cret\udc80")
    assert isinstance(outcome, Lost)
    assert outcome.detail == "SMTPException: the user name or the password has characters that cannot be sent"


async def test_a_server_that_knows_no_logins(scripted: Any) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        assert await talk.reader.read() == b""

    server = await scripted(script)
    outcome = await send(server.port, username="todoke", password="x")
    assert isinstance(outcome, Lost)
    assert "AUTH" in outcome.detail


async def test_a_connection_lost_inside_tls_after_the_dot_is_a_doubt(serve: Serve, certificate: Any) -> None:
    class Cutting(Mailbox):
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            server.transport.abort()
            return "250 never heard"

    mailbox = Cutting()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, hostname="relay.example"), "127.0.0.1", 0, ssl=server_context(certificate)
    )
    port = server.sockets[0].getsockname()[1]
    outcome = await send(port, tls="tls", ca_file=str(certificate.authority))
    server.close()
    assert isinstance(outcome, Lost)
    assert outcome.in_doubt
