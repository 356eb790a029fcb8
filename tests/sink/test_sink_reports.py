"""The mails that come back: their form, their way, and what happens when nobody takes them."""

from __future__ import annotations

import socket
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message

import aiosmtplib
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.jst import TOKYO
from core.reports import ReportType
from sink.archive import Mail
from sink.reports import MAX_QUOTED_HEADER_BYTES, Report, compose, typed_address
from sink.server import Sink, SinkSettings
from tests.sink.conftest import SENDER, Listener, Sleeps, mail_bytes, quick_settings, send

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=TOKYO)


def groups(message: Message) -> list[dict[str, str]]:
    """The groups of fields of a delivery-status or feedback-report part."""
    part = message.get_payload(1)
    assert isinstance(part, Message)
    payload = part.get_payload()
    blocks = payload if isinstance(payload, list) else [message_from_bytes(payload.encode())]
    return [{name.lower(): value for name, value in block.items()} for block in blocks if block.keys()]


async def test_bounce_sends_a_failure_report(sink: Sink, listener: Listener) -> None:
    await send(sink, "bounce-5.1.1+x@example.jp", raw=mail_bytes("Guide", message_id="m7@g-mis.net"))
    post = await listener.next()
    assert (post.sender, post.recipient) == ("", SENDER)
    report = post.message
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    assert report["Auto-Submitted"] == "auto-replied"
    assert report["To"] == f"<{SENDER}>"
    assert report["In-Reply-To"] == "<m7@g-mis.net>"
    per_message, per_recipient = groups(report)
    assert per_message["reporting-mta"] == "dns; sink.todoke.invalid"
    assert per_recipient["final-recipient"] == "rfc822; bounce-5.1.1+x@example.jp"
    assert per_recipient["action"] == "failed"
    assert per_recipient["status"] == "5.1.1"
    assert per_recipient["diagnostic-code"].startswith("smtp; 550 5.1.1 User unknown")
    assert "original-recipient" not in per_recipient
    human, _, returned = report.get_payload()
    assert "could not be delivered" in human.get_payload()
    assert returned.get_content_type() == "text/rfc822-headers"
    assert "Message-ID: <m7@g-mis.net>" in returned.get_payload()
    assert "Text." not in returned.get_payload()


async def test_a_soft_status_is_a_final_failure_all_the_same(sink: Sink, listener: Listener) -> None:
    await send(sink, "bounce-4.2.2+x@example.jp")
    _, recipient = groups((await listener.next()).message)
    assert (recipient["action"], recipient["status"]) == ("failed", "4.2.2")
    assert recipient["diagnostic-code"].startswith("smtp; 452 4.2.2 ")


async def test_delay_sends_delayed_then_delivered(sink: Sink, listener: Listener) -> None:
    await send(sink, "delay+x@example.jp")
    actions = [groups((await listener.next()).message)[1]["action"] for _ in range(2)]
    assert actions == ["delayed", "delivered"]


async def test_reports_leave_within_a_second_and_the_second_one_a_second_later(listener: Listener) -> None:
    sleeps = Sleeps()
    target = ("127.0.0.1", listener.port)
    sink = Sink(quick_settings(bounces_to=target, report_timing=SinkSettings().report_timing), sleep=sleeps)
    await sink.start()
    try:
        await send(sink, "delay+x@example.jp")
        await sink.idle()
        first, second = sleeps.asked
        assert 0 < first < 1
        assert second == 1.0
    finally:
        await sink.stop()


async def test_vacation_sends_an_auto_reply(sink: Sink, listener: Listener) -> None:
    await send(sink, "vacation+x@example.jp", raw=mail_bytes("Guide", message_id="m8@g-mis.net"))
    reply = (await listener.next()).message
    assert reply["Auto-Submitted"].startswith("auto-replied")
    assert reply["In-Reply-To"] == "<m8@g-mis.net>"
    assert reply["From"] == "<vacation+x@example.jp>"
    assert "不在のお知らせ Re: Guide" in str(make_header(decode_header(reply["Subject"])))
    body = reply.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "自動で返信" in body.decode()


async def test_complaint_sends_a_feedback_report(sink: Sink, listener: Listener) -> None:
    await send(sink, "complaint+x@example.jp")
    report = (await listener.next()).message
    assert report.get_param("report-type") == "feedback-report"
    [fields] = groups(report)
    assert fields["feedback-type"] == "abuse"
    assert fields["version"] == "1"
    assert fields["original-rcpt-to"] == "<complaint+x@example.jp>"
    assert fields["original-mail-from"] == f"<{SENDER}>"


async def test_notify_is_obeyed(sink: Sink, listener: Listener) -> None:
    async def reports(address: str, notify: str) -> int:
        await send_with_notify(sink, address, notify)
        await sink.idle()
        return listener.posts.qsize()

    assert await reports("bounce-5.1.1+x@example.jp", "NEVER") == 0
    assert await reports("delay+x@example.jp", "FAILURE") == 0
    assert await reports("bounce-5.1.1+x@example.jp", "FAILURE") == 1
    assert await reports("plain@example.jp", "SUCCESS,FAILURE") == 2


async def send_with_notify(sink: Sink, address: str, notify: str) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.smtp_port, use_tls=False, start_tls=False)
    async with client:
        await client.mail(SENDER, options=["ENVID=job+2B1"])
        await client.rcpt(address, options=[f"NOTIFY={notify}", "ORCPT=rfc822;soumu@example.jp"])
        await client.data(mail_bytes())


async def test_dsn_parameters_come_back(sink: Sink, listener: Listener) -> None:
    await send_with_notify(sink, "bounce-5.1.1+x@example.jp", "FAILURE")
    per_message, per_recipient = groups((await listener.next()).message)
    assert per_message["original-envelope-id"] == "job+1"
    assert per_recipient["original-recipient"] == "rfc822; soumu@example.jp"


async def test_a_report_is_tried_again_after_4xx(sink: Sink, listener: Listener, api: httpx2.AsyncClient) -> None:
    listener.answers = ["451 later", "451 later"]
    await send(sink, "bounce-5.1.1+x@example.jp")
    await listener.next()
    await sink.idle()
    [report] = await shown_reports(sink, api)
    assert (report["state"], report["attempts"], report["answer"]) == ("sent", 3, "taken")


@pytest.mark.parametrize(("answers", "attempts"), [(["550 no"], 1), (["451 later"] * 3, 3)])
async def test_a_report_that_nobody_takes_is_given_up(
    sink: Sink, listener: Listener, api: httpx2.AsyncClient, answers: list[str], attempts: int
) -> None:
    listener.answers = list(answers)
    await send(sink, "bounce-5.1.1+x@example.jp")
    await sink.idle()
    [report] = await shown_reports(sink, api)
    assert (report["state"], report["attempts"]) == ("failed", attempts)
    assert report["answer"].startswith(answers[0][:3])


async def shown_reports(sink: Sink, api: httpx2.AsyncClient) -> list[dict[str, object]]:
    shown = (await api.get(f"/api/v1/messages/{sink.mails()[0].id}")).json()
    return list(shown["reports"])


async def test_a_report_waits_for_a_listener_that_is_not_up_yet(listener: Listener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    ready: list[Sink] = []

    async def listener_comes_up(_seconds: float) -> None:
        ready[0].bounces_to = ("127.0.0.1", listener.port)

    sink = Sink(quick_settings(retry_pauses=(1.0,)), sleep=listener_comes_up)
    ready.append(sink)
    await sink.start()
    try:
        sink.bounces_to = ("127.0.0.1", nobody)
        await send(sink, "bounce-5.1.1+x@example.jp")
        assert (await listener.next()).recipient == SENDER
    finally:
        await sink.stop()


async def test_without_a_listener_the_report_is_kept_with_its_mail() -> None:
    sink = Sink(quick_settings())
    await sink.start()
    try:
        await send(sink, "bounce-5.1.1+x@example.jp")
        await sink.idle()
        async with httpx2.AsyncClient(base_url=sink.url, trust_env=False) as api:
            [report] = await shown_reports(sink, api)
            assert report["state"] == "not-sent"
            raw = (await api.get(str(report["raw"]))).content
        assert groups(message_from_bytes(raw))[1]["status"] == "5.1.1"
    finally:
        await sink.stop()


async def test_many_reports_share_few_connections(sink: Sink, listener: Listener) -> None:
    for _ in range(3):
        await send(sink, *(f"bounce-5.1.1+{number}@example.jp" for number in range(20)))
    await sink.idle()
    assert listener.posts.qsize() == 60


def report_on(headers: bytes = b"", recipient: str = "a@b.jp", *, kind: ReportType = ReportType.BOUNCE) -> Report:
    mail = Mail(1, "r-1", "v@b.jp", (recipient,), "件名", None, 1, NOW)
    return Report(kind, "5.1.1", mail, recipient, None, None, headers)


@given(st.binary(max_size=300), st.sampled_from([ReportType.BOUNCE, ReportType.COMPLAINT, ReportType.AUTO_REPLY]))
def test_any_original_header_is_quoted_without_breaking_the_report(headers: bytes, kind: ReportType) -> None:
    raw = compose(report_on(headers, kind=kind), hostname="h", now=NOW)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    parts = message_from_bytes(raw).get_payload()
    assert isinstance(parts, str) == (kind is ReportType.AUTO_REPLY)
    assert isinstance(parts, str) or len(parts) == 3


def test_a_huge_header_is_cut_at_a_line() -> None:
    raw = compose(report_on(b"X-Long: 1\r\n" * 10_000), hostname="h", now=NOW)
    assert len(raw) < MAX_QUOTED_HEADER_BYTES + 4_000
    assert set(raw.partition(b"text/rfc822-headers\r\n\r\n")[2].splitlines()[:-2]) == {b"X-Long: 1"}


def test_eight_bit_headers_are_declared() -> None:
    raw = compose(report_on("Subject: 通知\r\n".encode()), hostname="h", now=NOW)
    returned = message_from_bytes(raw).get_payload(2)
    assert isinstance(returned, Message)
    assert returned["Content-Transfer-Encoding"] == "8bit"


@pytest.mark.parametrize(
    ("address", "typed"),
    [("a@b.jp", "rfc822; a@b.jp"), ("利用者@b.jp", r"utf-8; \x{5229}\x{7528}\x{8005}@b.jp")],
)
def test_addresses_beyond_ascii_are_written_in_ascii(address: str, typed: str) -> None:
    assert typed_address(address) == typed
    compose(report_on(recipient=address), hostname="h", now=NOW).decode("ascii" if address.isascii() else "utf-8")
