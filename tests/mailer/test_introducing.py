"""The next mail introduced behind the one that leaves (RFC 2920 section 3.1), against servers that follow a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mailer.transport import MESSAGES_PER_CONNECTION, Accepted, Connection, Lost, Outcome, Refused, Route
from tests.mailer.test_transport import MAIL, Marks, connected, marks

__all__ = ["marks"]

FIRST, SECOND = ("r-1@bounces.example.jp", "one@example.jp"), ("r-2@bounces.example.jp", "two@example.jp")
INTRODUCED = [f"MAIL FROM:<{SECOND[0]}>", f"RCPT TO:<{SECOND[1]}>", "DATA"]


async def send(
    connection: Connection, marks: Marks, route: Route, following: Callable[[], Route | None] = lambda: None
) -> Outcome:
    return await connection.send(*route, MAIL, marks, following)


async def send_both(connection: Connection, marks: Marks) -> tuple[Outcome, Outcome]:
    return await send(connection, marks, FIRST, lambda: SECOND), await send(connection, marks, SECOND)


async def introduced(talk: Any) -> None:
    """The first mail comes, and the second is introduced before it is answered."""
    await talk.greet("PIPELINING")
    await talk.envelope()
    await talk.mail()
    assert [await talk.hear() for _ in INTRODUCED] == INTRODUCED


async def test_it_is_introduced_before_the_answer_comes(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 one", "250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go ahead")
        await talk.mail()
        talk.say("250 2.0.0 two")
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send_both(connection, marks) == (Accepted(250, "2.0.0 one"), Accepted(250, "2.0.0 two"))
    assert server.talks[0].heard[-1] == "QUIT"
    assert marks.count == 2


async def test_a_server_that_does_not_pipeline_is_not_told_more(scripted: Any, marks: Marks) -> None:
    asked: list[str] = []

    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.take()
        await talk.take()
        await talk.part()

    def following() -> Route:
        asked.append("following")
        return SECOND

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert isinstance(await send(connection, marks, FIRST, following), Accepted)
        assert isinstance(await send(connection, marks, SECOND), Accepted)
    assert asked == []


async def test_a_refusal_after_the_dot_lets_the_next_one_go_on(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.say("554 5.7.1 spam", "250 Ok", "250 Ok", "354 Go")
        await talk.mail()
        talk.say("250 2.0.0 two")
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send_both(connection, marks) == (Refused(554, "5.7.1 spam", "data"), Accepted(250, "2.0.0 two"))
    assert "RSET" not in server.talks[0].heard


@pytest.mark.parametrize("answer", ["\ufffdgarbage", "550\t5.1.1 no such user", ""])
async def test_what_answers_the_next_one_is_never_taken_for_an_unreadable_answer_to_the_dot(
    scripted: Any, marks: Marks, answer: str
) -> None:
    async def garbled(talk: Any) -> None:
        await introduced(talk)
        talk.say(answer, "250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go ahead")
        await talk.reader.read()

    async def sound(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.take("250 2.0.0 two")
        await talk.part()

    server = await scripted(garbled, sound)
    async with connected(server.port) as connection:
        first, second = await send_both(connection, marks)
    assert isinstance(first, Lost)
    assert first.in_doubt
    assert second == Accepted(250, "2.0.0 two")


async def test_what_stands_behind_an_unreadable_answer_to_a_recipient_is_not_its_refusal(
    scripted: Any, marks: Marks
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for _ in INTRODUCED:
            await talk.hear()
        talk.say("250 2.1.0 Ok", "what?", "503 5.5.1 no recipient")
        await talk.reader.read()

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await send(connection, marks, FIRST)
    assert isinstance(outcome, Lost)
    assert (outcome.stage, outcome.in_doubt) == ("rcpt", False)


@pytest.mark.parametrize("replies", [("550 5.1.1 unknown", "554 no valid recipients"), ("550 5.1.1 unknown", "354 Go")])
async def test_the_next_ones_recipient_is_refused(scripted: Any, marks: Marks, replies: tuple[str, str]) -> None:
    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 one", "250 Ok", *replies)
        if replies[1] == "354 Go":
            assert await talk.hear() == "."
            talk.say("554 no mail to nobody")
        assert await talk.hear() == "RSET"
        talk.say("250 Ok")
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send_both(connection, marks) == (
            Accepted(250, "2.0.0 one"),
            Refused(550, "5.1.1 unknown", "rcpt"),
        )
    assert marks.count == 1


async def take_the_second(talk: Any) -> None:
    await talk.greet("PIPELINING")
    await talk.take("250 2.0.0 second connection")
    await talk.part()


@pytest.mark.parametrize("last_words", [["250 2.0.0 one"], ["250 2.0.0 one", "421 4.7.0 enough"]])
async def test_a_session_that_ends_behind_a_mail_costs_the_next_one_nothing(
    scripted: Any, marks: Marks, last_words: list[str]
) -> None:
    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.say(*last_words)

    server = await scripted(script, take_the_second)
    async with connected(server.port) as connection:
        assert await send_both(connection, marks) == (
            Accepted(250, "2.0.0 one"),
            Accepted(250, "2.0.0 second connection"),
        )
    assert server.talks[0].mails == [b"Subject: x\r\n\r\n..dot\r\nbody\r\n.\r\n"]
    assert server.talks[1].mails == server.talks[0].mails


async def test_a_lost_answer_leaves_only_the_first_in_doubt(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.cut()

    server = await scripted(script, take_the_second)
    async with connected(server.port) as connection:
        first, second = await send_both(connection, marks)
    assert isinstance(first, Lost)
    assert first.in_doubt
    assert second == Accepted(250, "2.0.0 second connection")


async def test_a_relay_that_ignores_the_introduction_is_told_no_more(scripted: Any, marks: Marks) -> None:
    """Some filters in front of a server throw away what comes behind a mail, whatever the server behind them offers."""

    async def deaf(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 one")
        await talk.reader.read()

    async def patient(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for _ in range(3):
            await talk.take()
        await talk.part()

    server = await scripted(deaf, patient)
    async with connected(server.port, command_timeout=0.2) as connection:
        first, second = await send_both(connection, marks)
        assert (first, second) == (Accepted(250, "2.0.0 one"), Accepted(250, "2.0.0 Ok"))
        assert await send_both(connection, marks) == (Accepted(250, "2.0.0 Ok"), Accepted(250, "2.0.0 Ok"))
    assert marks.count == 4


async def test_a_reset_that_came_before_the_mail_is_no_doubt(scripted: Any) -> None:
    cut = asyncio.Event()

    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.envelope()
        talk.cut()
        cut.set()

    async def mark() -> None:
        await cut.wait()
        await asyncio.sleep(0.01)  # lets the reset arrive

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await connection.send(*FIRST, MAIL, mark, lambda: SECOND)
    assert isinstance(outcome, Lost)
    assert (outcome.stage, outcome.in_doubt) == ("data", False)


async def test_who_is_introduced_and_does_not_come_gets_no_empty_mail_sent(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 one", "250 Ok", "250 Ok", "354 Go")
        assert await talk.reader.read() == b""

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert isinstance(await send(connection, marks, FIRST, lambda: SECOND), Accepted)


async def test_another_mail_than_the_introduced_one_takes_a_connection_of_its_own(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 one", "250 Ok", "250 Ok", "354 Go")
        assert await talk.reader.read() == b""

    server = await scripted(script, take_the_second)
    async with connected(server.port) as connection:
        await send(connection, marks, FIRST, lambda: SECOND)
        other = await send(connection, marks, ("r-3@bounces.example.jp", "three@example.jp"))
    assert other == Accepted(250, "2.0.0 second connection")
    assert server.talks[1].heard[1] == "MAIL FROM:<r-3@bounces.example.jp>"


async def test_a_mark_that_fails_leaves_the_introduced_one_unsent(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await introduced(talk)
        talk.say("250 2.0.0 one", "250 Ok", "250 Ok", "354 Go")
        assert await talk.reader.read() == b""

    server = await scripted(script)
    async with connected(server.port) as connection:
        await send(connection, marks, FIRST, lambda: SECOND)
        marks.error = RuntimeError("no longer ours")
        with pytest.raises(RuntimeError):
            await send(connection, marks, SECOND)


async def test_an_address_that_would_break_a_command_is_not_introduced(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.take()
        await talk.part()

    server = await scripted(script)
    bad = (SECOND[0], "two@example.jp>\r\nRCPT TO:<three@example.jp")
    async with connected(server.port) as connection:
        assert isinstance(await send(connection, marks, FIRST, lambda: bad), Accepted)
        with pytest.raises(ValueError, match="cannot stand in an SMTP command"):
            await send(connection, marks, bad)


async def test_the_last_mail_of_a_connection_has_none_behind_it(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for _ in range(MESSAGES_PER_CONNECTION):
            await talk.take()
        await talk.part()

    server = await scripted(script, take_the_second)
    async with connected(server.port) as connection:
        for number in range(MESSAGES_PER_CONNECTION):
            last = number == MESSAGES_PER_CONNECTION - 1
            await send(connection, marks, FIRST, lambda last=last: SECOND if last else FIRST)
        assert await send(connection, marks, SECOND) == Accepted(250, "2.0.0 second connection")


async def test_a_large_mail_goes_alone(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.envelope()
        assert (await talk.reader.readexactly(70_005)).endswith(b"x\r\n.\r\n")
        talk.say("250 Ok")
        assert await talk.hear() == "QUIT"

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await connection.send(*FIRST, b"x" * 70_000 + b"\r\n", marks, lambda: SECOND)
    assert isinstance(outcome, Accepted)
