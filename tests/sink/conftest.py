"""A real sink, a real listener for its reports, and short ways to talk to both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

import aiosmtplib
import httpx2
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from sink.reception import ReportTiming
from sink.server import Sink, SinkSettings

SENDER = "v+token@bounce.example.jp"
PATIENCE_SECONDS = 10


def quick_settings(**changes: Any) -> SinkSettings:
    """Free ports, and no waiting."""
    defaults: dict[str, Any] = {
        "smtp_port": 0,
        "http_port": 0,
        "report_timing": ReportTiming(first=0.0, second=0.0),
        "retry_pauses": (0.0, 0.0),
    }
    return SinkSettings(**(defaults | changes))


class Sleeps:
    """Stands in for asyncio.sleep: notes how long was asked for and goes on at once."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Post:
    """A mail that reached the listener."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def message(self) -> Message:
        return message_from_bytes(self.raw)


@dataclass
class Listener:
    """A real SMTP server in place of a bounce listener. `answers` are given to the next final dots."""

    posts: asyncio.Queue[Post] = field(default_factory=asyncio.Queue)
    answers: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.original_content, bytes)
        await self.posts.put(
            Post((envelope.mail_from or "").strip("<>"), envelope.rcpt_tos[0], envelope.original_content)
        )
        return "250 taken"

    async def next(self) -> Post:
        return await asyncio.wait_for(self.posts.get(), PATIENCE_SECONDS)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(listener, hostname="listener", loop=loop), "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()
    await server.wait_closed()


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
async def sink(listener: Listener, sleeps: Sleeps) -> AsyncIterator[Sink]:
    sink = Sink(quick_settings(bounces_to=("127.0.0.1", listener.port)), sleep=sleeps)
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
async def api(sink: Sink) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=sink.url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        yield client


def mail_bytes(subject: str = "Hello", *, kind: str | None = None, message_id: str = "m1@example.jp") -> bytes:
    """A small ASCII mail."""
    lines = [
        "From: info@g-mis.net",
        f"Subject: {subject}",
        "Date: Tue, 24 Nov 2026 09:00:00 +0900",
        f"Message-ID: <{message_id}>",
        *([f"X-Todoke-Kind: {kind}"] if kind else []),
        "",
        "Text.",
        "",
    ]
    return "\r\n".join(lines).encode()


async def send(sink: Sink, *recipients: str, raw: bytes = b"", sender: str = SENDER, **options: Any) -> list[str]:
    """Send one mail over a connection of its own; the reply codes of each RCPT, then that of the final dot.

    Raises `aiosmtplib.SMTPServerDisconnected` when the connection is cut.
    """
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.smtp_port, use_tls=False, start_tls=False)
    await client.connect()
    try:
        return await _transaction(client, sender, recipients, raw or mail_bytes(), **options)
    finally:
        client.close()


async def _transaction(
    client: aiosmtplib.SMTP, sender: str, recipients: tuple[str, ...], raw: bytes, **options: Any
) -> list[str]:
    await client.mail(sender, **options)
    answers = [await _code(client.rcpt, address) for address in recipients]
    if any(answer.startswith("250") for answer in answers):
        answers.append(await _code(client.data, raw))
    return answers


async def _code(command: Callable[..., Any], argument: Any) -> str:
    try:
        response = await command(argument)
    except aiosmtplib.SMTPResponseException as error:
        return f"{error.code} {error.message}"
    return f"{response.code} {response.message}"
