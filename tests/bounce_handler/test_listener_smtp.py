"""The listener as relays meet it: what it takes, what it refuses, what its replies promise."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Sequence
from typing import Any

import aiosmtplib
import pytest
from structlog.testing import capture_logs

from bounce_handler.addressed import arrival_of
from bounce_handler.reception import token_digest
from core.reports import Arrival
from core.return_path import ReturnPaths
from core.statuses import Status

NULL_PATH = b"Return-Path: <>\r\n"
HELLO = b"Subject: hello\r\n\r\nhello\r\n"
FORGED = "r-" + "a" * 26 + "-" + "b" * 24 + "@bounces.example.jp"


async def test_a_report_is_kept_and_has_its_effect(bounces: Any, post: Any, compose: Any) -> None:
    message_id = await bounces.message()
    path = bounces.return_path(message_id)
    raw = compose(to=path)
    assert await post.send(raw, path) == "2.0.0 Kept"
    (row,) = await bounces.reports()
    assert (row["state"], bounces.mail(row), row["message_id"], row["peer"]) == (
        "new",
        NULL_PATH + raw,
        message_id,
        "127.0.0.1",
    )
    assert row["token_digest"] == token_digest(path.partition("@")[0])
    await bounces.apply()
    assert await bounces.status(message_id) is Status.UNDELIVERED


async def test_the_case_of_a_return_path_does_not_matter(sqlite_bounces: Any, listen: Any, compose: Any) -> None:
    message_id = await sqlite_bounces.message()
    post = await listen(sqlite_bounces)
    await post.send(compose(), sqlite_bounces.return_path(message_id).upper())
    assert [row["message_id"] for row in await sqlite_bounces.reports()] == [message_id]


async def test_several_return_paths_in_one_transaction(bounces: Any, post: Any, compose: Any) -> None:
    both = [await bounces.message(), await bounces.message()]
    paths = [bounces.return_path(message_id) for message_id in both]
    await post.send(compose(), paths[0], "postmaster@bounces.example.jp", paths[1], paths[0])
    await bounces.apply()
    rows = await bounces.reports()
    assert sorted(row["message_id"] for row in rows) == sorted(both)
    assert [await bounces.status(message_id) for message_id in both] == [Status.UNDELIVERED] * 2


@pytest.mark.parametrize(
    "recipient",
    [
        "postmaster",
        "Postmaster@bounces.example.jp",
        "abuse@BOUNCES.example.jp",
        "r-short@bounces.example.jp",
        '"a b"@bounces.example.jp',
    ],
)
async def test_what_else_comes_to_the_domain_is_kept(sqlite_bounces: Any, listen: Any, recipient: str) -> None:
    post = await listen(sqlite_bounces)
    assert await post.send(HELLO, recipient) == "2.0.0 Kept"
    await sqlite_bounces.apply()
    (row,) = await sqlite_bounces.reports()
    assert (row["state"], row["reason"], sqlite_bounces.mail(row)) == ("unmatched", "no-token", NULL_PATH + HELLO)


@pytest.mark.parametrize(
    "recipient",
    ["postmaster@example.jp", "soumu@example.jp", "x%example.jp@relay.example", "a@sub.bounces.example.jp", "soumu"],
)
async def test_nothing_is_relayed(sqlite_bounces: Any, listen: Any, recipient: str) -> None:
    post = await listen(sqlite_bounces)
    with pytest.raises(aiosmtplib.SMTPRecipientRefused, match="No relaying"):
        await post.send(b"Subject: spam\r\n\r\n", recipient)
    assert await sqlite_bounces.reports() == []


async def test_a_forged_return_path_is_refused_and_noted(bounces: Any, post: Any) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientRefused) as refused:
        await post.send(b"Subject: forged\r\n\r\n", FORGED)
    assert refused.value.code == 550
    (row,) = await bounces.reports()
    assert (row["state"], row["reason"], row["peer"], row["raw"]) == ("refused", "bad-token", "127.0.0.1", None)
    assert row["token_digest"] == token_digest(FORGED.partition("@")[0])
    assert row["received_at"] == bounces.clock.now()


async def test_a_token_of_another_key_is_forged(sqlite_bounces: Any, listen: Any) -> None:
    post = await listen(sqlite_bounces)
    elsewhere = ReturnPaths("bounces.example.jp", "g-mis.net", [b"another key"])
    with pytest.raises(aiosmtplib.SMTPRecipientRefused, match="Unknown return path"):
        await post.send(b"\r\n", elsewhere.address(await sqlite_bounces.message()))


async def test_a_good_recipient_is_served_beside_a_forged_one(bounces: Any, post: Any, compose: Any) -> None:
    message_id = await bounces.message()
    async with post.client() as relay:
        refused, _ = await relay.sendmail("", [FORGED, bounces.return_path(message_id)], compose())
    assert list(refused) == [FORGED]
    await bounces.apply()
    assert await bounces.status(message_id) is Status.UNDELIVERED


class Broken:
    """A database that is away."""

    async def keep(self, arrivals: Sequence[Arrival]) -> Sequence[str]:
        raise ConnectionError("away")

    async def refuse(self, peer: str, token_digest: str) -> None:
        raise ConnectionError("away")


async def test_without_a_database_the_relay_keeps_the_mail(sqlite_bounces: Any, listen: Any, compose: Any) -> None:
    post = await listen(sqlite_bounces, Broken())
    path = sqlite_bounces.return_path(await sqlite_bounces.message())
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(aiosmtplib.SMTPDataError) as refused:
                await post.send(compose(), path)
            assert refused.value.code == 451
            with pytest.raises(aiosmtplib.SMTPRecipientRefused) as unnoted:
                await post.send(compose(), FORGED)
            assert unnoted.value.code == 550
    assert {(entry["event"], entry["why"]) for entry in logs} == {
        ("could not keep a report; trying again", "away"),
        ("could not note a refused return path; trying again", "away"),
    }
    assert len(logs) == 2


async def test_the_end_of_an_outage_is_told(sqlite_bounces: Any, listen: Any, compose: Any) -> None:
    reports, keeper = sqlite_bounces.wiring.reports, Broken()
    post = await listen(sqlite_bounces, keeper)
    path = sqlite_bounces.return_path(await sqlite_bounces.message())
    with capture_logs() as logs:
        with pytest.raises(aiosmtplib.SMTPDataError):
            await post.send(compose(), path)
        keeper.keep = reports.keep  # type: ignore[method-assign]
        await post.send(compose(), path)
        await post.send(compose(), path)
    assert [entry["event"] for entry in logs] == ["could not keep a report; trying again", "keeps reports again"]


class Slow:
    """Holds mails back until they are let go, and counts transactions."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.go = asyncio.Event()
        self.arrived = asyncio.Event()
        self.transactions = 0

    async def keep(self, arrivals: Sequence[Arrival]) -> Any:
        self.transactions += 1
        self.arrived.set()
        await self.go.wait()
        return await self._store.keep(arrivals)


async def test_no_250_before_the_mail_is_durable(bounces: Any, listen: Any, compose: Any) -> None:
    slow = Slow(bounces.wiring.reports)
    post = await listen(bounces, slow)
    path = bounces.return_path(await bounces.message())
    sending = [asyncio.create_task(post.send(compose(number=number), path)) for number in range(10)]
    await slow.arrived.wait()
    assert not any(task.done() for task in sending)
    slow.go.set()
    assert await asyncio.gather(*sending) == ["2.0.0 Kept"] * 10
    assert len(await bounces.reports()) == 10
    assert slow.transactions < 10, "mails that arrive together are kept together"


async def test_a_database_that_hung_holds_up_no_later_mail(
    sqlite_bounces: Any, listen: Any, compose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(sqlite_bounces.wiring.reports)
    post = await listen(sqlite_bounces, slow)
    path = sqlite_bounces.return_path(await sqlite_bounces.message())
    with monkeypatch.context() as patched:
        patched.setattr("bounce_handler.reception._KEEP_SECONDS", 0.05)
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await post.send(compose(), path)
    assert refused.value.code == 451
    slow.go.set()
    assert await post.send(compose(), path) == "2.0.0 Kept"


async def test_eight_bit_and_utf8_mails_are_taken(sqlite_bounces: Any, listen: Any) -> None:
    post = await listen(sqlite_bounces)
    raw = "Subject: 届きません\r\n\r\n本文\r\n".encode() + b"\xff\x80\r\n"
    async with post.client() as relay:
        await relay.ehlo()
        assert relay.supports_extension("SMTPUTF8")
        assert relay.supports_extension("8BITMIME")
        assert relay.supports_extension("PIPELINING")
        assert not relay.supports_extension("AUTH")
        await relay.mail("", options=["BODY=8BITMIME", "SMTPUTF8"])
        await relay.rcpt("窓口@bounces.example.jp", encoding="utf-8")
        await relay.data(raw)
    assert [sqlite_bounces.mail(row) for row in await sqlite_bounces.reports()] == [NULL_PATH + raw]


async def test_an_ordinary_client_is_served(sqlite_bounces: Any, listen: Any, compose: Any) -> None:
    post = await listen(sqlite_bounces)
    path = sqlite_bounces.return_path(await sqlite_bounces.message())

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", post.port) as client:
            client.sendmail("", [path], compose())

    await asyncio.to_thread(send)
    assert len(await sqlite_bounces.reports()) == 1


@pytest.mark.parametrize(
    ("command", "code"), [(b"VRFY postmaster", b"502"), (b"EXPN all", b"502"), (b"AUTH LOGIN", b"538")]
)
async def test_nothing_is_told_about_addresses(sqlite_bounces: Any, listen: Any, command: bytes, code: bytes) -> None:
    post = await listen(sqlite_bounces)
    async with post.client() as relay:
        await relay.ehlo()
        assert (await relay.execute_command(command)).code == int(code)


@pytest.mark.parametrize("command", [b"HELP", b"HELP VRFY"])
async def test_help_lists_what_is_offered(sqlite_bounces: Any, listen: Any, command: bytes) -> None:
    post = await listen(sqlite_bounces)
    async with post.client() as relay:
        await relay.ehlo()
        answer = await relay.execute_command(command)
        assert answer.code == 214
        assert {"MAIL", "RCPT", "DATA", "QUIT"} <= set(answer.message.split())
        assert {"AUTH", "VRFY", "EXPN"}.isdisjoint(answer.message.split())


async def test_commands_in_one_packet_are_answered_in_order(sqlite_bounces: Any, listen: Any) -> None:
    post = await listen(sqlite_bounces)
    octets = (
        b"HELO relay\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\nSubject: 1\r\n\r\n..dot\r\n.\r\n"
        b"MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\n.\r\nQUIT\r\n"
    )
    lines = await post.talk(octets, answers=10)
    assert [line[:3] for line in lines] == [
        b"220",
        b"250",
        b"250",
        b"250",
        b"354",
        b"250",
        b"250",
        b"250",
        b"354",
        b"250",
    ]
    assert [sqlite_bounces.mail(row) for row in await sqlite_bounces.reports()] == [
        NULL_PATH + b"Subject: 1\r\n\r\n.dot\r\n",
        b"",
    ]


@pytest.mark.parametrize(
    ("sender", "field"),
    [
        ("<>", "<>"),
        ("<Mailer@gw.example.jp>", "<Mailer@gw.example.jp>"),
        ('<"a b"@gw.example.jp> SIZE=5', '<"a b"@gw.example.jp>'),
        ('<"a>\x0b\x01\r\\"b"@gw.example.jp>', '<"a>???\\"b"@gw.example.jp>'),
    ],
)
async def test_the_reverse_path_is_kept_with_its_mail(
    sqlite_bounces: Any, listen: Any, sender: str, field: str
) -> None:
    post = await listen(sqlite_bounces)
    octets = f"EHLO relay\r\nMAIL FROM:{sender}\r\nRCPT TO:<postmaster>\r\nDATA\r\n".encode()
    mail = b"X-A: 1\r\nreturn-path: <root@gw.example.jp>\r\n (first)\r\nSubject: hello\r\n\r\nReturn-Path: <b@c>\r\n"
    await post.talk(octets + mail + b".\r\nQUIT\r\n", answers=11)
    kept = f"Return-Path: {field}\r\nX-A: 1\r\nSubject: hello\r\n\r\nReturn-Path: <b@c>\r\n".encode()
    assert [sqlite_bounces.mail(row) for row in await sqlite_bounces.reports()] == [kept]


ANSWER = (
    "From: <soumu@example.jp>\r\nSubject: Re: 【G-MIS】利用案内\r\nMessage-ID: <1@example.jp>\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    "ただいま不在にしております。11月30日以降にご連絡いたします。\r\n"
).encode()


async def test_a_mail_is_read_by_smtp_as_it_is_from_a_file(bounces: Any, post: Any) -> None:
    """The null reverse path tells it from a person's letter; a copy from a mailbox is the same mail."""
    message_id = await bounces.message()
    path = bounces.return_path(message_id)
    await post.send(ANSWER, path)
    await bounces.apply()
    assert await bounces.told(message_id) == ["auto-reply"]
    copy = f"Return-Path: <>\nDelivered-To: {path}\n".encode() + ANSWER.replace(b"\r\n", b"\n")
    await bounces.wiring.reports.keep([arrival_of(copy, bounces.return_paths)])
    await post.send(NULL_PATH + ANSWER, path)
    await bounces.apply()
    assert await bounces.told(message_id) == ["auto-reply"]
    assert sorted(row["state"] for row in await bounces.reports()) == ["applied", "duplicate", "duplicate"]


async def test_the_same_words_from_a_person_are_a_letter(sqlite_bounces: Any, listen: Any) -> None:
    post = await listen(sqlite_bounces)
    message_id = await sqlite_bounces.message()
    async with post.client() as relay:
        await relay.sendmail("soumu@example.jp", [sqlite_bounces.return_path(message_id)], ANSWER)
    await sqlite_bounces.apply()
    assert await sqlite_bounces.told(message_id) == ["other-mail"]
