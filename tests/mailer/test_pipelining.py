"""Relays that offer PIPELINING and cannot do it, or do it well and refuse a mail, by servers that follow a script."""

from __future__ import annotations

from typing import Any

import pytest

from mailer.pipelining import Pipelining
from mailer.transport import Accepted, Connection, Lost, Refused
from tests.mailer.test_introducing import FIRST, SECOND, introduced, send, send_both, take_the_second
from tests.mailer.test_transport import Marks, connected, marks, settings

__all__ = ["marks"]

TAKEN = Accepted(250, "2.0.0 Ok")
EIGHT_HOURS = 8 * 3600.0


def answering(*replies: str) -> Any:
    """A server that answers so to commands that come together, and then only listens."""

    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for _ in range(3):
            await talk.hear()
        talk.say(*replies)
        await talk.reader.read()

    return script


async def step_by_step(talk: Any) -> None:
    """Two mails, and no command before the one before it is answered."""
    await talk.greet("PIPELINING")
    for _ in range(2):
        for reply in ("250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go ahead"):
            await talk.hear()
            assert not talk.reader._buffer
            talk.say(reply)
        await talk.mail()
        talk.say("250 2.0.0 Ok")
    await talk.part()


BROKEN = [
    ("250 Ok", "503 5.5.1 Bad sequence of commands", "503 5.5.1 Bad sequence of commands"),
    ("250 Ok", "500 5.5.2 what?"),
    ("250 Ok", "250 Ok", "502 5.5.1 not now"),
    ("500 5.5.2 line too long",),
    ("554 5.5.0 SMTP protocol synchronization error",),
    ("250 Ok", "554 Error"),
    ("521 5.5.1 Protocol error",),
    ("250 Ok",),
    ("250 Ok", "250 Ok"),
]


@pytest.mark.parametrize("replies", BROKEN)
async def test_commands_go_one_by_one_where_they_are_not_understood_together(
    scripted: Any, marks: Marks, replies: tuple[str, ...]
) -> None:
    server = await scripted(answering(*replies), step_by_step)
    async with connected(server.port, command_timeout=0.3) as connection:
        assert await send_both(connection, marks) == (TAKEN, TAKEN)
    assert marks.count == 2


async def test_all_connections_know_and_ask_again_after_hours(scripted: Any, marks: Marks) -> None:
    async def sound(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 Ok", "250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go ahead")
        await talk.mail()
        talk.say("250 2.0.0 Ok")
        await talk.part()

    now = [100.0]
    pipelining = Pipelining(lambda: now[0])
    server = await scripted(answering("250 Ok", "503 Bad sequence"), step_by_step, step_by_step, sound)
    for hours in (0, EIGHT_HOURS - 1, EIGHT_HOURS):
        now[0] = 100.0 + hours
        connection = Connection(settings(server.port), pipelining)
        assert await send_both(connection, marks) == (TAKEN, TAKEN)
        await connection.close()


@pytest.mark.parametrize(
    "replies",
    [
        ("250 Ok", "550 5.1.1 unknown", "503 5.5.1 no recipient"),
        ("250 Ok", "501 5.1.3 Bad recipient address syntax", "503 5.5.1 no recipient"),
        ("250 Ok", "450 4.7.1 later", "503 5.5.1 no recipient"),
    ],
)
async def test_a_refused_recipient_is_asked_for_once(scripted: Any, marks: Marks, replies: tuple[str, ...]) -> None:
    server = await scripted(answering(*replies))
    async with connected(server.port) as connection:
        outcome = await send(connection, marks, FIRST)
    assert isinstance(outcome, Refused)
    assert (str(outcome.code), outcome.stage) == (replies[1][:3], "rcpt")


async def test_what_is_said_step_by_step_too_is_not_held_against_pipelining(scripted: Any, marks: Marks) -> None:
    """And is told of the mail, without another try."""

    async def refuses(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for reply in ("250 Ok", "250 Ok", "554 5.7.1 no mail for today", "250 Ok"):
            await talk.hear()
            talk.say(reply)
        await introduced_here(talk)

    async def introduced_here(talk: Any) -> None:
        await talk.envelope()
        await talk.mail()
        assert (await talk.hear()).startswith("MAIL")
        await talk.hear()
        await talk.hear()
        talk.say("250 2.0.0 Ok", "250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go ahead")
        await talk.mail()
        talk.say("250 2.0.0 Ok")
        await talk.part()

    server = await scripted(answering("250 Ok", "250 Ok", "554 5.7.1 no mail for today"), refuses)
    async with connected(server.port) as connection:
        assert await send(connection, marks, FIRST) == Refused(554, "5.7.1 no mail for today", "data")
        assert await send_both(connection, marks) == (TAKEN, TAKEN)


async def test_a_silent_recipient_is_not_held_against_a_relay_that_has_just_pipelined(
    scripted: Any, marks: Marks
) -> None:
    async def slow(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.take()
        await talk.hear()
        talk.say("250 Ok")
        await talk.reader.read()

    server = await scripted(slow)
    async with connected(server.port, command_timeout=0.3) as connection:
        assert await send(connection, marks, FIRST) == TAKEN
        assert await send(connection, marks, SECOND) == Lost("no reply within 0.3 s", "rcpt")


async def test_one_that_becomes_deaf_is_found_out_by_the_second_silence(scripted: Any, marks: Marks) -> None:
    async def deafened(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.take()
        await talk.hear()
        talk.say("250 Ok")
        await talk.reader.read()

    server = await scripted(deafened, answering("250 Ok"), step_by_step)
    async with connected(server.port, command_timeout=0.3) as connection:
        assert await send(connection, marks, FIRST) == TAKEN
        assert isinstance(await send(connection, marks, SECOND), Lost)
        assert await send_both(connection, marks) == (TAKEN, TAKEN)


async def test_nothing_found_out_where_the_relay_is_silent_step_by_step_too(scripted: Any, marks: Marks) -> None:
    async def silent(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.hear()
        talk.say("250 Ok")
        await talk.reader.read()

    pipelining = Pipelining()
    server = await scripted(answering("250 Ok"), silent)
    connection = Connection(settings(server.port, command_timeout=0.3), pipelining)
    assert await send(connection, marks, FIRST) == Lost("no reply within 0.3 s", "rcpt")
    assert pipelining.usable


async def test_an_introduction_that_is_out_of_order_is_the_last_one(scripted: Any, marks: Marks) -> None:
    """Commands go on together, each mail for itself."""

    async def jumbled(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 Ok", "250 Ok", "503 5.5.1 Bad sequence of commands", "503 5.5.1 Bad sequence of commands")
        await talk.reader.read()

    pipelining = Pipelining()
    server = await scripted(jumbled, take_the_second)
    connection = Connection(settings(server.port), pipelining)
    first, second = await send_both(connection, marks)
    assert (first, second) == (TAKEN, Accepted(250, "2.0.0 second connection"))
    assert (pipelining.usable, pipelining.introduces) == (True, False)
    await connection.close()


async def test_a_refusal_after_the_dot_is_never_asked_about_again(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.take("503 5.5.1 what?")
        assert await talk.hear() == "RSET"

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send(connection, marks, FIRST) == Refused(503, "5.5.1 what?", "data")
    assert len(server.talks[0].mails) == 1
