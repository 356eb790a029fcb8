"""What each simulator address does, over real SMTP, with a real listener for the reports."""

from __future__ import annotations

import aiosmtplib
import pytest

from sink.reception import Tries
from sink.server import Sink
from tests.sink.conftest import SENDER, Listener, Sleeps, mail_bytes, quick_settings, send


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        ("reject-550+x@example.jp", "550 Mailbox unavailable"),
        ("reject-550-5.1.1+x@example.jp", "550 5.1.1 User unknown"),
        ("reject-451-4.7.1+x@example.jp", "451 4.7.1 Message refused by policy"),
        ("full+x@example.jp", "452 4.2.2 The mailbox is full"),
        ("REJECT-550+X@any.domain", "550 Mailbox unavailable"),
    ],
)
async def test_refuses_at_rcpt(sink: Sink, address: str, reply: str) -> None:
    [answer] = await send(sink, address)
    assert answer.startswith(reply)
    assert sink.mails() == []


async def test_421_hangs_up(sink: Sink) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.smtp_port, use_tls=False, start_tls=False)
    await client.connect()
    await client.mail(SENDER)
    with pytest.raises(aiosmtplib.SMTPResponseException) as caught:
        await client.rcpt("reject-421+x@example.jp")
    assert caught.value.code == 421
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await client.noop()
    client.close()


async def test_reject_data_refuses_after_the_final_dot_and_keeps_nothing(sink: Sink, listener: Listener) -> None:
    answers = await send(sink, "reject-data-554-5.7.1+x@example.jp", "bounce-5.1.1+x@example.jp")
    assert [answer[:9] for answer in answers] == ["250 2.1.5", "250 2.1.5", "554 5.7.1"]
    assert sink.mails() == []
    await sink.idle()
    assert listener.posts.empty()


async def test_defer_refuses_the_first_tries_then_accepts(sink: Sink) -> None:
    tries = [(await send(sink, "defer-2+x@example.jp"))[-1][:3] for _ in range(4)]
    assert tries == ["451", "451", "250", "250"]


async def test_defer_counts_each_mail_to_an_address_by_itself(sink: Sink) -> None:
    first = [(await send(sink, "defer-1+x@example.jp", sender="v+1@b.jp"))[-1][:3] for _ in range(2)]
    second = [(await send(sink, "defer-1+x@example.jp", sender="v+2@b.jp"))[-1][:3] for _ in range(2)]
    assert (first, second) == (["451", "250"], ["451", "250"])


async def test_a_limited_defer_counts_as_any_other_whatever_the_message_id(sink: Sink) -> None:
    async def attempt(message_id: str, kind: str = "guide", sender: str = "v+1@b.jp") -> str:
        raw = mail_bytes(kind=kind, message_id=message_id)
        return (await send(sink, "guide.defer-2+x@example.jp", raw=raw, sender=sender))[-1][:3]

    assert [await attempt(each) for each in ("1@x", "2@x", "3@x", "1@x")] == ["451", "451", "250", "250"]
    assert await attempt("1@x", sender="v+2@b.jp") == "451"


async def test_a_limited_defer_counts_mails_of_its_kind_alone(sink: Sink) -> None:
    async def attempt(kind: str) -> str:
        return (await send(sink, "guide.defer-1+x@example.jp", raw=mail_bytes(kind=kind)))[-1][:3]

    answers = [await attempt(kind) for kind in ("pre-check", "guide", "pre-check", "guide")]
    assert answers == ["250", "451", "250", "250"]


async def test_clearing_lets_defer_begin_anew(sink: Sink) -> None:
    await send(sink, "defer-1+x@example.jp")
    await sink.clear()
    assert (await send(sink, "defer-1+x@example.jp"))[-1].startswith("451")


def test_tries_forget_the_oldest_keys_first() -> None:
    tries = Tries(limit=2)
    assert [tries.count(key) for key in ("a", "b", "a", "c", "a", "b")] == [1, 1, 2, 1, 3, 1]


async def test_slow_answers_late(sink: Sink, sleeps: Sleeps) -> None:
    assert (await send(sink, "slow-2.5+x@example.jp"))[-1].startswith("250")
    assert sleeps.asked == [2.5]


async def test_slow_may_take_longer_than_an_idle_client() -> None:
    sink = Sink(quick_settings(idle_seconds=0.1))
    await sink.start()
    try:
        assert (await send(sink, "slow-0.2+x@example.jp"))[-1].startswith("250")
    finally:
        await sink.stop()


async def test_drop_keeps_the_mail_and_cuts_the_connection(sink: Sink) -> None:
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(sink, "drop+x@example.jp")
    assert [mail.recipients for mail in sink.mails()] == [("drop+x@example.jp",)]


@pytest.mark.parametrize("address", ["bounce-9.9.9+x@example.jp", "reject-999+x@example.jp", "full@example.jp"])
async def test_invalid_simulator_addresses_are_ordinary(sink: Sink, listener: Listener, address: str) -> None:
    assert (await send(sink, address))[-1].startswith("250")
    await sink.idle()
    assert listener.posts.empty()


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        ("guide.reject-550-5.1.1+x@example.jp", "550 5.1.1"),
        ("guide.reject-data-554+x@example.jp", "554 "),
        ("guide.full+x@example.jp", "452 4.2.2"),
        ("guide.defer-1+x@example.jp", "451 4.3.0"),
    ],
)
async def test_a_kind_prefix_limits_refusals_to_that_kind(sink: Sink, address: str, reply: str) -> None:
    assert (await send(sink, address, raw=mail_bytes(kind="pre-check")))[-1].startswith("250")
    assert (await send(sink, address, raw=mail_bytes()))[-1].startswith("250")
    accepted, refused = await send(sink, address, raw=mail_bytes(kind="guide"))
    assert accepted.startswith("250")
    assert refused.startswith(reply)
    assert len(sink.mails()) == 2


async def test_a_kind_prefix_limits_slow_drop_and_bounce(sink: Sink, sleeps: Sleeps, listener: Listener) -> None:
    recipients = [f"guide.{rule}+x@example.jp" for rule in ("slow-3", "drop", "bounce-5.1.1")]
    assert (await send(sink, *recipients, raw=mail_bytes(kind="code")))[-1].startswith("250")
    assert sleeps.asked == []
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(sink, *recipients, raw=mail_bytes(kind="guide"))
    assert 3.0 in sleeps.asked
    await listener.next()
    await sink.idle()
    assert listener.posts.empty()


async def test_each_recipient_of_a_mail_acts_by_itself(sink: Sink, listener: Listener) -> None:
    answers = await send(sink, "bounce-5.1.1+a@x.jp", "reject-550+b@x.jp", "plain@x.jp", "vacation+c@x.jp")
    assert [answer[:3] for answer in answers] == ["250", "550", "250", "250", "250"]
    posts = [await listener.next(), await listener.next()]
    assert {post.message.get_content_type() for post in posts} == {"multipart/report", "text/plain"}
    await sink.idle()
    assert listener.posts.empty()


async def test_the_null_sender_never_gets_a_report(sink: Sink, listener: Listener) -> None:
    for rule in ("bounce-5.1.1", "delay", "vacation", "complaint"):
        await send(sink, f"{rule}+x@example.jp", sender="")
    await sink.idle()
    assert listener.posts.empty()
    assert len(sink.mails()) == 4
