"""What a refusal leaves to be said: its outcome does not wait for it, and the next mail costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mailer.transport import Accepted, Connection, Outcome, Refused
from tests.mailer.test_introducing import FIRST, SECOND, introduced
from tests.mailer.test_transport import RECIPIENT, Marks, connected, extensions, marks, one_more, send

__all__ = ["extensions", "marks"]

REFUSED = "550 5.7.1 no"
SLACK_SECONDS = 10.0


async def told(connection: Connection, marks: Marks) -> Outcome:
    """The outcome of a mail, which comes long before the relay's time is up."""
    async with asyncio.timeout(SLACK_SECONDS):
        return await send(connection, marks)


async def hear_until_refused(talk: Any, stage: str) -> list[str]:
    """A mail up to the stage at which it is refused, and the replies that are still due then."""
    replies = {"MAIL": "250 Ok", "RCPT": "250 Ok", "DATA": "354 Go", "dot": "250 Ok"}
    for command in replies:
        await (talk.mail() if command == "dot" else talk.hear())
        if command == stage:
            break
        talk.say(replies[command])
    talk.say(REFUSED)
    behind = [command for command in ("RCPT", "DATA") if list(replies).index(command) > list(replies).index(stage)]
    return ["503 5.5.1 bad sequence"] * len(behind)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "dot"])
async def test_a_refusal_is_told_at_once_and_the_connection_goes_on(
    scripted: Any, marks: Marks, extensions: tuple[str, ...], stage: str
) -> None:
    known = asyncio.Event()

    async def script(talk: Any) -> None:
        await talk.greet(*extensions)
        due = await hear_until_refused(talk, stage)
        await known.wait()
        if extensions:
            for reply in due:
                await talk.hear()
                talk.say(reply)
        assert await talk.hear() == "RSET"
        talk.say("250 Ok")
        await talk.take()
        await talk.part()

    server = await scripted(script)
    async with connected(server.port, command_timeout=60.0) as connection:
        refused = await told(connection, marks)
        assert connection.usable
        known.set()
        assert await send(connection, marks) == Accepted(250, "2.0.0 Ok")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.stage) == (550, "data" if stage == "dot" else stage.lower())
    assert server.talks[0].heard[-1] == "QUIT"


async def test_a_server_that_waits_for_a_mail_to_nobody_gets_an_empty_one_before_the_next(
    scripted: Any, marks: Marks
) -> None:
    known = asyncio.Event()

    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for reply in ("250 Ok", REFUSED):
            await talk.hear()
            talk.say(reply)
        await known.wait()
        await talk.hear()
        talk.say("354 Go")
        assert await talk.hear() == "."
        talk.say("554 5.5.1 no valid recipients")
        assert await talk.hear() == "RSET"
        talk.say("250 Ok")
        await talk.take()
        await talk.part()

    server = await scripted(script)
    async with connected(server.port, command_timeout=60.0) as connection:
        assert await told(connection, marks) == Refused(550, "5.7.1 no", "rcpt")
        known.set()
        assert await send(connection, marks) == Accepted(250, "2.0.0 Ok")


async def silence(talk: Any) -> None:
    assert await talk.reader.read() == b""


async def say_421(talk: Any) -> None:
    talk.say("421 4.7.0 enough")
    await silence(talk)


async def say_no(talk: Any) -> None:
    talk.say("502 5.5.1 RSET?")
    await silence(talk)


async def say_nonsense(talk: Any) -> None:
    talk.say("what?")
    await silence(talk)


async def cut(talk: Any) -> None:
    talk.cut()


@pytest.mark.parametrize("end", [silence, say_421, say_no, say_nonsense, cut])
async def test_a_reset_that_goes_wrong_costs_the_next_mail_nothing(
    scripted: Any, marks: Marks, extensions: tuple[str, ...], end: Callable[[Any], Awaitable[None]]
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet(*extensions)
        await talk.take(REFUSED)
        assert await talk.hear() == "RSET"
        await end(talk)

    server = await scripted(script, one_more)
    async with connected(server.port, command_timeout=0.2) as connection:
        assert await told(connection, marks) == Refused(550, "5.7.1 no", "data")
        assert await told(connection, marks) == Accepted(250, "2.0.0 second connection")
    assert marks.count == 2


async def closing(talk: Any) -> None:
    talk.say("421 4.7.0 enough", "421 4.7.0 enough")
    talk.writer.close()


async def hung_up(talk: Any) -> None:
    talk.writer.close()


@pytest.mark.parametrize("end", [silence, closing, hung_up])
async def test_what_was_said_behind_a_refused_sender_costs_the_next_mail_nothing(
    scripted: Any, marks: Marks, end: Callable[[Any], Awaitable[None]]
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for _ in range(3):
            await talk.hear()
        talk.say(REFUSED)
        await end(talk)

    server = await scripted(script, one_more)
    async with connected(server.port, command_timeout=0.2) as connection:
        assert await told(connection, marks) == Refused(550, "5.7.1 no", "mail")
        assert await told(connection, marks) == Accepted(250, "2.0.0 second connection")


async def test_an_introduced_mail_that_is_refused_is_told_at_once(scripted: Any, marks: Marks) -> None:
    known = asyncio.Event()

    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 one", "250 Ok", REFUSED)
        await known.wait()
        talk.say("503 5.5.1 no recipient")
        assert await talk.hear() == "RSET"
        talk.say("250 Ok")
        await talk.take()
        await talk.part()

    server = await scripted(script)
    async with connected(server.port, command_timeout=60.0) as connection, asyncio.timeout(SLACK_SECONDS):
        assert isinstance(await connection.send(*FIRST, b"", marks, lambda: SECOND), Accepted)
        assert await connection.send(*SECOND, b"", marks) == Refused(550, "5.7.1 no", "rcpt")
        known.set()
        assert isinstance(await send(connection, marks), Accepted)


async def test_a_connection_that_is_not_ready_when_it_is_closed_is_given_up(
    scripted: Any, marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.take(REFUSED)
        assert await talk.hear() == "RSET"
        await silence(talk)

    monkeypatch.setattr("mailer.transport._PARTING_SECONDS", 0.05)
    server = await scripted(script)
    async with connected(server.port, command_timeout=60.0) as connection:
        assert isinstance(await told(connection, marks), Refused)
    assert not connection.usable
    assert "QUIT" not in server.talks[0].heard


async def test_who_gives_up_waiting_for_the_reset_leaves_the_connection_as_it_is(scripted: Any, marks: Marks) -> None:
    known = asyncio.Event()

    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.take(REFUSED)
        assert await talk.hear() == "RSET"
        await known.wait()
        talk.say("250 Ok")
        await talk.take()
        await talk.part()

    server = await scripted(script)
    async with connected(server.port, command_timeout=60.0) as connection:
        assert isinstance(await told(connection, marks), Refused)
        waiting = asyncio.create_task(connection.send("a@example.jp", RECIPIENT, b"", marks))
        await asyncio.wait({waiting}, timeout=0)
        waiting.cancel()
        await asyncio.wait({waiting})
        known.set()
        assert await send(connection, marks) == Accepted(250, "2.0.0 Ok")
    assert waiting.cancelled()
