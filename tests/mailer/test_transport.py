"""Every way in which an SMTP transaction ends, against servers that follow a script."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from mailer.transport import Accepted, Connection, Lost, Outcome, Refused, RelaySettings, enhanced_code

MAIL = b"Subject: x\r\n\r\n.dot\r\nbody\r\n"
SENDER = "r-token@bounces.example.jp"
RECIPIENT = "soumu@example.jp"


class Marks:
    """Counts how often a mail was marked, and what happens then."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.count += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def marks() -> Marks:
    return Marks()


def settings(port: int, **changed: Any) -> RelaySettings:
    return RelaySettings("127.0.0.1", port, **({"command_timeout": 5.0, "final_timeout": 5.0} | changed))


async def send(connection: Connection, marks: Marks, recipient: str = RECIPIENT, mail: bytes = MAIL) -> Outcome:
    return await connection.send(SENDER, recipient, mail, marks)


@contextlib.asynccontextmanager
async def connected(port: int, **changed: Any) -> Any:
    connection = Connection(settings(port, **changed))
    yield connection
    await connection.close()


@pytest.fixture(params=[(), ("PIPELINING", "8BITMIME")], ids=["stepwise", "pipelined"])
def extensions(request: pytest.FixtureRequest) -> tuple[str, ...]:
    offered: tuple[str, ...] = request.param
    return offered


async def test_a_mail_is_taken(scripted: Any, marks: Marks, extensions: tuple[str, ...]) -> None:
    async def script(talk: Any) -> None:
        await talk.greet(*extensions)
        await talk.take("250 2.0.0 Ok: queued as 4X")
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send(connection, marks) == Accepted(250, "2.0.0 Ok: queued as 4X")
    talk = server.talks[0]
    assert talk.heard == ["EHLO [127.0.0.1]", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{RECIPIENT}>", "DATA", "QUIT"]
    assert talk.mails == [b"Subject: x\r\n\r\n..dot\r\nbody\r\n.\r\n"]
    assert marks.count == 1


@pytest.mark.parametrize("reply", ["251 2.1.5 will forward", "252 cannot verify"])
async def test_any_2xx_accepts_a_recipient(scripted: Any, marks: Marks, reply: str) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        for answer in ("250 Ok", reply, "354 Go"):
            await talk.hear()
            talk.say(answer)
        await talk.mail()
        talk.say("250 Ok")
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert isinstance(await send(connection, marks), Accepted)


@pytest.mark.parametrize("code", [421, 450, 554])
async def test_a_refusing_banner_is_about_the_connection(scripted: Any, marks: Marks, code: int) -> None:
    async def script(talk: Any) -> None:
        talk.say(f"{code}-4.7.0 not", f"{code} now")
        await talk.hear()

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await send(connection, marks)
    assert outcome == Refused(code, "the relay refused the connection: 4.7.0 not\nnow", "connect")
    assert marks.count == 0


@pytest.mark.parametrize("code", [421, 450, 550])
async def test_a_refused_greeting_is_about_the_connection(scripted: Any, marks: Marks, code: int) -> None:
    async def script(talk: Any) -> None:
        talk.say("220 hello")
        await talk.hear()
        talk.say(f"{code} no")
        await talk.hear()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send(connection, marks) == Refused(code, "the relay refused our greeting: no", "connect")


GARBAGE = ["hello", "25", "HTTP/1.1 400 Bad Request", "999 x", "+42 x", "354 again", "\N{HIRAGANA LETTER A}", "\x1b[2J"]
ENDLESS = [b"220-more\r\n", b"220 unasked\r\n", b"x", b"\xff\x00"]


async def check_that_no_reply_is_found(port: int, marks: Marks) -> None:
    async with connected(port) as connection:
        outcome = await send(connection, marks)
        wrong = await connection.probe()
    assert isinstance(outcome, Lost)
    assert outcome == Lost(str(wrong), "connect")
    assert outcome.detail.startswith("the relay gave no valid reply: ")
    assert outcome.detail.isprintable()
    assert marks.count == 0


@pytest.mark.parametrize("reply", GARBAGE)
async def test_a_banner_that_is_no_reply_is_a_failed_connection(scripted: Any, marks: Marks, reply: str) -> None:
    async def script(talk: Any) -> None:
        talk.say(reply)
        await talk.hear()

    server = await scripted(script, script)
    await check_that_no_reply_is_found(server.port, marks)


@pytest.mark.parametrize("reply", GARBAGE)
async def test_an_answer_to_ehlo_that_is_none_is_a_failed_connection(scripted: Any, marks: Marks, reply: str) -> None:
    async def script(talk: Any) -> None:
        talk.say("220 hello")
        await talk.hear()
        talk.say(reply)
        await talk.hear()

    server = await scripted(script, script)
    await check_that_no_reply_is_found(server.port, marks)


@pytest.mark.parametrize("greeting", [b"", b"220 hello\r\n"], ids=["banner", "ehlo"])
@pytest.mark.parametrize("filler", ENDLESS)
async def test_an_endless_greeting_is_a_failed_connection(
    scripted: Any, marks: Marks, greeting: bytes, filler: bytes
) -> None:
    async def script(talk: Any) -> None:
        talk.writer.write(greeting)
        if greeting:
            await talk.hear()
        with contextlib.suppress(ConnectionError):
            while True:
                talk.writer.write(filler * 1000)
                await talk.writer.drain()

    server = await scripted(script, script)
    await check_that_no_reply_is_found(server.port, marks)


async def test_a_server_that_knows_helo_only(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        talk.say("220 old")
        assert await talk.hear() == "EHLO [127.0.0.1]"
        talk.say("502 what?")
        assert await talk.hear() == "HELO [127.0.0.1]"
        talk.say("250 hello")
        await talk.take()
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert isinstance(await send(connection, marks), Accepted)


@pytest.mark.parametrize("code", [450, 550])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
async def test_a_refusal_names_its_stage_and_the_connection_goes_on(
    scripted: Any, marks: Marks, extensions: tuple[str, ...], stage: str, code: int
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet(*extensions)
        bad = False
        for name, reply in (("mail", "250 Ok"), ("rcpt", "250 Ok"), ("data", "354 Go")):
            if bad and not extensions:
                break
            await talk.hear()
            if name == stage:
                talk.say(f"{code}-5.1.1 first line", f"{code} 5.1.1 second line")
                bad = True
            else:
                talk.say("503 5.5.1 bad sequence" if bad else reply)
        assert await talk.hear() == "RSET"
        talk.say("250 Ok")
        await talk.take()
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send(connection, marks) == Refused(code, "5.1.1 first line\n5.1.1 second line", stage)
        assert marks.count == 0
        assert isinstance(await send(connection, marks), Accepted)


async def test_a_server_that_waits_for_a_mail_to_nobody_gets_an_empty_one(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for reply in ("250 Ok", "550 5.1.1 unknown", "354 Go"):
            await talk.hear()
            talk.say(reply)
        assert await talk.hear() == "."
        talk.say("554 5.5.1 no valid recipients")
        assert await talk.hear() == "RSET"
        talk.say("250 Ok")
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send(connection, marks) == Refused(550, "5.1.1 unknown", "rcpt")
    assert server.talks[0].mails == []


@pytest.mark.parametrize("code", [452, 554])
async def test_a_refusal_after_the_final_dot(
    scripted: Any, marks: Marks, extensions: tuple[str, ...], code: int
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet(*extensions)
        await talk.take(f"{code} 5.7.1 no")
        assert await talk.hear() == "RSET"
        talk.say("250 Ok")
        await talk.take()
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send(connection, marks) == Refused(code, "5.7.1 no", "data")
        assert isinstance(await send(connection, marks), Accepted)


async def test_the_connection_is_kept_and_used_again(scripted: Any, marks: Marks, extensions: tuple[str, ...]) -> None:
    async def script(talk: Any) -> None:
        await talk.greet(*extensions)
        for _ in range(3):
            await talk.take()
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        for _ in range(3):
            assert isinstance(await send(connection, marks), Accepted)
    assert len(server.talks) == 1


def after_a_mail(end: Any) -> Any:
    """A script: one mail is taken, then `end` happens."""

    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        await talk.take()
        await end(talk)

    return script


async def one_more(talk: Any) -> None:
    await talk.greet("PIPELINING")
    await talk.take("250 2.0.0 second connection")
    await talk.part()


async def hang_up(talk: Any) -> None:
    talk.writer.close()


async def hang_up_with_421(talk: Any) -> None:
    talk.say("421 4.4.2 idle for too long")
    talk.writer.close()


async def reset(talk: Any) -> None:
    talk.cut()


async def hang_up_at_mail(talk: Any) -> None:
    await talk.hear()
    talk.writer.close()


async def answer_mail_with_421(talk: Any) -> None:
    await talk.hear()
    talk.say("421 4.7.0 too many mails on this connection")
    talk.writer.close()


@pytest.mark.parametrize("end", [hang_up, hang_up_with_421, reset, hang_up_at_mail, answer_mail_with_421])
async def test_a_kept_connection_that_the_server_gave_up_costs_nothing(scripted: Any, marks: Marks, end: Any) -> None:
    server = await scripted(after_a_mail(end), one_more)
    async with connected(server.port) as connection:
        assert isinstance(await send(connection, marks), Accepted)
        assert await send(connection, marks) == Accepted(250, "2.0.0 second connection")
    assert len(server.talks) == 2
    assert marks.count == 2


async def test_a_kept_connection_that_falls_silent_is_not_tried_twice(scripted: Any, marks: Marks) -> None:
    async def silence(talk: Any) -> None:
        await talk.reader.read()

    server = await scripted(after_a_mail(silence))
    async with connected(server.port, command_timeout=0.05) as connection:
        assert isinstance(await send(connection, marks), Accepted)
        outcome = await send(connection, marks)
    assert outcome == Lost("no reply within 0.05 s", "mail")


async def test_a_fresh_connection_that_says_421_at_once_is_a_refusal(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.hear()
        talk.say("421 4.3.2 shutting down")
        talk.writer.close()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send(connection, marks) == Refused(421, "4.3.2 shutting down", "mail")


async def test_421_in_the_middle_ends_the_session(scripted: Any, marks: Marks, extensions: tuple[str, ...]) -> None:
    async def script(talk: Any) -> None:
        await talk.greet(*extensions)
        await talk.hear()
        talk.say("250 Ok")
        await talk.hear()
        talk.say("421 4.3.2 shutting down")
        talk.writer.close()

    server = await scripted(script, one_more)
    async with connected(server.port) as connection:
        assert await send(connection, marks) == Refused(421, "4.3.2 shutting down", "rcpt")
        assert isinstance(await send(connection, marks), Accepted)
    assert len(server.talks) == 2


@pytest.mark.parametrize(("heard", "stage"), [(0, "mail"), (1, "rcpt"), (2, "data")])
async def test_a_cut_before_the_mail_goes_out_is_no_doubt(scripted: Any, marks: Marks, heard: int, stage: str) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        for _ in range(heard):
            await talk.hear()
            talk.say("250 Ok")
        await talk.hear()
        talk.cut()

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await send(connection, marks)
    assert isinstance(outcome, Lost)
    assert (outcome.stage, outcome.in_doubt) == (stage, False)
    assert marks.count == 0


async def test_a_cut_between_354_and_the_mail_is_no_doubt(scripted: Any) -> None:
    cut = asyncio.Event()

    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        talk.cut()
        cut.set()

    async def mark() -> None:
        await cut.wait()
        await asyncio.sleep(0.01)  # lets the reset arrive

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await connection.send(SENDER, RECIPIENT, MAIL, mark)
    assert isinstance(outcome, Lost)
    assert (outcome.stage, outcome.in_doubt) == ("data", False)


async def test_a_cut_while_the_mail_is_written_is_no_doubt_as_long_as_the_dot_is_here(
    scripted: Any, marks: Marks
) -> None:
    """A mail too large for the socket's buffers: its last octets have not left this process."""

    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        await talk.reader.readexactly(1000)
        talk.cut()

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await send(connection, marks, mail=b"x" * 76 + b"\r\n" * 10_000_000)
    assert isinstance(outcome, Lost)
    assert (outcome.stage, outcome.in_doubt) == ("data", False)
    assert marks.count == 1


@pytest.mark.parametrize("octets", [len(MAIL), 500])
async def test_a_cut_after_the_dot_left_is_a_doubt(scripted: Any, marks: Marks, octets: int) -> None:
    """Whether the server had read it all or not: nobody here can know."""

    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        await talk.reader.readexactly(octets)
        talk.cut()

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await send(connection, marks, mail=MAIL * 40)
    assert isinstance(outcome, Lost)
    assert (outcome.stage, outcome.in_doubt) == ("data", True)


async def test_silence_after_the_dot_is_a_doubt(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        await talk.mail()
        await talk.reader.read()

    server = await scripted(script)
    async with connected(server.port, final_timeout=0.05) as connection:
        assert await send(connection, marks) == Lost("no reply within 0.05 s", "data", in_doubt=True)


async def test_a_server_that_stops_reading_leaves_no_doubt_and_no_late_mail(scripted: Any, marks: Marks) -> None:
    over = asyncio.Event()

    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        talk.reader._transport.pause_reading()
        await over.wait()
        talk.reader._transport.resume_reading()
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await talk.mail()

    server = await scripted(script)
    async with connected(server.port, final_timeout=0.05) as connection:
        outcome = await send(connection, marks, mail=b"y" * 76 + b"\r\n" * 10_000_000)
        assert outcome == Lost("no reply within 0.05 s", "data", in_doubt=False)
        over.set()
    assert server.talks[0].mails == []


@pytest.mark.parametrize("reply", ["354 again", "hello", "2500 x", "25", "999 x", "\N{HIRAGANA LETTER A}"])
async def test_an_answer_to_the_dot_that_is_none_is_a_doubt(scripted: Any, marks: Marks, reply: str) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.take(reply)
        await talk.reader.read()

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await send(connection, marks)
    assert isinstance(outcome, Lost)
    assert outcome.in_doubt


async def say_in_pieces(talk: Any, line: bytes, piece: int) -> None:
    for start in range(0, len(line), piece):
        talk.writer.write(line[start : start + piece])
        await talk.writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize("octets", [9_000, 60_000])
@pytest.mark.parametrize("piece", [1_448, 1_000_000])
@pytest.mark.parametrize(("code", "outcome"), [("250", Accepted), ("550", Refused)])
async def test_a_long_reply_is_read_however_it_arrives(
    scripted: Any, marks: Marks, octets: int, piece: int, code: str, outcome: type[Accepted] | type[Refused]
) -> None:
    line = f"{code} ".encode() + b"x" * octets + b"\r\n"

    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        await talk.mail()
        await say_in_pieces(talk, line, piece)
        await talk.reader.read()

    server = await scripted(script)
    async with connected(server.port, command_timeout=0.05) as connection:
        found = await send(connection, marks)
    assert isinstance(found, outcome)
    assert (found.code, len(found.text)) == (int(code), octets)


@pytest.mark.parametrize("piece", [1_448, 1_000_000])
async def test_a_reply_that_is_too_long_is_a_doubt_however_it_arrives(scripted: Any, marks: Marks, piece: int) -> None:
    line = b"250 " + b"x" * 70_000 + b"\r\n"

    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        await talk.mail()
        with contextlib.suppress(ConnectionError):
            await say_in_pieces(talk, line, piece)
            await talk.reader.read()

    server = await scripted(script)
    async with connected(server.port) as connection:
        assert await send(connection, marks) == Lost("a reply without end", "data", in_doubt=True)


@pytest.mark.parametrize("filler", [b"250-more\r\n", b"x", b"250 unasked\r\n"])
async def test_an_endless_reply_is_cut_short(scripted: Any, marks: Marks, filler: bytes) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.hear()
        with contextlib.suppress(ConnectionError):
            while True:
                talk.writer.write(filler * 1000)
                await talk.writer.drain()

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await send(connection, marks)
    assert isinstance(outcome, Lost)
    assert not outcome.in_doubt


async def test_a_reply_that_trickles_in_is_given_its_time_as_a_whole(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.hear()
        with contextlib.suppress(ConnectionError):
            while True:
                talk.writer.write(b"250-x\r\n")
                await talk.writer.drain()
                await asyncio.sleep(0.01)

    server = await scripted(script)
    async with connected(server.port, command_timeout=0.05) as connection:
        assert await send(connection, marks) == Lost("no reply within 0.05 s", "mail")


async def test_a_reply_in_pieces_and_in_another_charset_is_read(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        await talk.mail()
        for octet in b"550-5.7.1 \x93\xfa\x96\x7b\x00\r\n550 no\r\n":
            talk.writer.write(bytes([octet]))
            await talk.writer.drain()
        await talk.hear()
        talk.say("250 Ok")
        await talk.part()

    server = await scripted(script)
    async with connected(server.port) as connection:
        outcome = await send(connection, marks)
    assert isinstance(outcome, Refused)
    assert outcome.code == 550
    assert outcome.text.endswith("no")
    outcome.text.encode()  # no half characters
    assert "\x00" not in outcome.text


async def test_what_the_mark_raises_is_raised_and_the_mail_is_not_sent(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.envelope()
        assert await talk.reader.read() == b""

    server = await scripted(script, one_more)
    marks.error = LookupError("not ours")
    async with connected(server.port) as connection:
        with pytest.raises(LookupError):
            await send(connection, marks)
        marks.error = None
        assert isinstance(await send(connection, marks), Accepted)


async def test_nobody_listens(unused_tcp_port: int, marks: Marks) -> None:
    async with connected(unused_tcp_port) as connection:
        outcome = await send(connection, marks)
        assert await connection.probe() is not None
    assert isinstance(outcome, Lost)
    assert (outcome.stage, outcome.in_doubt) == ("connect", False)


async def test_a_server_that_never_greets(scripted: Any, marks: Marks) -> None:
    async def script(talk: Any) -> None:
        await talk.reader.read()

    server = await scripted(script)
    async with connected(server.port, command_timeout=0.05) as connection:
        outcome = await send(connection, marks)
    assert isinstance(outcome, Lost)
    assert outcome.stage == "connect"


async def test_a_connection_is_renewed_after_many_mails(
    scripted: Any, marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.take()
        await talk.part()

    monkeypatch.setattr("mailer.transport.MESSAGES_PER_CONNECTION", 1)
    server = await scripted(script, script)
    async with connected(server.port) as connection:
        for _ in range(2):
            assert isinstance(await send(connection, marks), Accepted)
    assert [talk.heard[-1] for talk in server.talks] == ["QUIT", "QUIT"]


async def test_probing_greets_and_parts(scripted: Any) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.part()

    server = await scripted(script)
    assert await Connection(settings(server.port)).probe() is None
    assert server.heard == [["EHLO [127.0.0.1]", "QUIT"]]


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        ("250 2.1.5 Ok", False),
        ("554 5.7.1 <soumu@example.jp>: Relay access denied", True),
        ("530 5.7.0 Authentication required", True),
        ("550 5.1.1 <soumu@example.jp>: Recipient address rejected: User unknown", False),
    ],
)
async def test_probing_with_an_envelope_asks_about_us_and_sends_nothing(scripted: Any, reply: str, wrong: bool) -> None:
    async def script(talk: Any) -> None:
        await talk.greet("PIPELINING")
        for answer in ("250 2.1.0 Ok", reply):
            await talk.hear()
            talk.say(answer)
        await talk.part()

    server = await scripted(script)
    told = await Connection(settings(server.port)).probe(SENDER, RECIPIENT)
    assert told == (reply if wrong else None)
    assert server.heard == [
        ["EHLO [127.0.0.1]", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{RECIPIENT}>", "QUIT"],
    ]


@pytest.mark.parametrize("address", ["a@b>\r\nDATA", "a b@c", "a\x00@b", "あ@example.jp"])
async def test_an_address_that_would_break_a_command_is_refused(marks: Marks, address: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in an SMTP command"):
        await send(Connection(settings(1)), marks, recipient=address)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("5.1.1 unknown", "5.1.1"),
        ("5.7.1 first\n5.7.2 second", "5.7.1"),
        ("sorry (#5.1.1)", "5.1.1"),
        ("<a@b>: 4.2.2 full.", "4.2.2"),
        ("blocked: 10.4.5.6", None),
        ("blocked: 4.5.6.7", None),
        ("see section 4.5.6.", "4.5.6"),
        ("6.1.1 no class", None),
        ("5.1.12345", None),
        ("", None),
    ],
)
def test_the_enhanced_status_code_of_a_reply(text: str, code: str | None) -> None:
    assert enhanced_code(text) == code
