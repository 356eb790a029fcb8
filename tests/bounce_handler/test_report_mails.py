"""Mails that come back hold links and codes of ours: none lies in clear, or longer than somebody reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import insert, select
from structlog.testing import capture_logs

from bounce_handler.applying import ReportApplier
from config.secret_keys import generate_key
from core.reports import Arrival
from core.statuses import Status
from store.cipher import Cipher
from store.report_mails import traces
from store.reports import StoredReports
from store.secrets_at_rest import keys_of_reports
from store.tables import reports
from tests.bounce_handler.conftest import START

LINK = "https://www.g-mis.mhlw.go.jp/s/S3CR3T-of-the-guide"


def returned(compose: Any, **more: Any) -> bytes:
    """A report with all of the mail that it is about."""
    whole = f"Content-Type: message/rfc822\r\n\r\nSubject: test\r\n\r\n{LINK}\r\n"
    raw: bytes = compose(text=LINK, **more)
    return raw.replace(b"Content-Type: text/rfc822-headers\r\n\r\nSubject: test\r\n", whole.encode())


async def at_rest(bounces: Any) -> str:
    """Everything in the table of reports."""
    return repr(await bounces.reports())


async def test_what_comes_back_lies_enciphered_and_is_cut_down_once_it_is_tied(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    raw = returned(compose, to=bounces.return_path(message_id))
    waiting = await bounces.keep(raw, message_id)
    assert LINK not in await at_rest(bounces)
    assert bounces.mail(await bounces.outcome(waiting)) == raw
    await bounces.apply()
    again = await bounces.report(raw, message_id)
    assert again["state"] == "duplicate"
    for row in (await bounces.outcome(waiting), again):
        kept = bounces.mail(row)
        assert (row["octets"], LINK.encode() in kept) == (len(raw), False)
        assert kept.startswith(b"Received: from mx.example.jp by relay.example.jp;")
    assert (await bounces.outcome(waiting))["state"] == "applied"
    assert await bounces.status(message_id) is Status.UNDELIVERED
    assert LINK not in await at_rest(bounces)


async def test_what_is_for_a_person_stays_whole(bounces: Any, compose: Any) -> None:
    raw = returned(compose)
    outcome = await bounces.report(raw, None)
    assert (outcome["state"], outcome["octets"]) == ("unmatched", len(raw))
    assert bounces.mail(outcome) == raw
    assert LINK not in await at_rest(bounces)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"", b""),
        (b"no head at all", b""),
        (
            b"Received: from a\r\n by b\r\nSubject: x\r\nX-Spam-Report: y\r\nDate: z\r\n\r\nFrom: w",
            b"Received: from a\r\n by b\r\nDate: z",
        ),
        (b"From: a\nDate: b\n\nReceived: c\n", b"From: a\r\nDate: b"),
        (b"From: a\r\nDate: b\r\n https://www.g-mis.mhlw.go.jp/s/x\r\n", b"From: a"),
    ],
)
def test_traces_are_the_fields_that_tell_where_it_came_from(raw: bytes, kept: bytes) -> None:
    assert traces(raw) == kept


async def in_clear(bounces: Any, raw: bytes, state: str, message_id: str | None) -> str:
    """A row as an earlier version wrote it; its id."""
    report_id = bounces.wiring.ids()
    row = {"id": report_id, "received_at": START, "peer": "file", "digest": report_id.encode(), "raw": raw}
    async with bounces.wiring.db.write() as conn:
        await conn.execute(insert(reports).values(row | {"state": state, "message_id": message_id}))
    return str(report_id)


async def test_mails_of_an_earlier_version_are_enciphered_a_few_at_a_time(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    raw = returned(compose, to=bounces.return_path(message_id))
    ids = {state: await in_clear(bounces, raw, state, message_id) for state in ("new", "applied", "duplicate")}
    ids["unmatched"] = await in_clear(bounces, raw, "unmatched", None)
    for _ in range(120):
        await in_clear(bounces, b"Subject: x\r\n\r\n" + LINK.encode(), "unmatched", None)
    await bounces.wiring.reports.refuse("192.0.2.1", "digest")
    counts = []
    while not counts or counts[-1]:
        counts.append(await bounces.wiring.reports.seal_older())
    assert (sum(counts), len(counts)) == (124, 3)
    assert LINK not in await at_rest(bounces)
    kept = {state: bounces.mail(await bounces.outcome(one)) for state, one in ids.items()}
    assert kept["new"] == kept["unmatched"] == raw
    assert kept["applied"] == kept["duplicate"] == traces(raw)
    await bounces.apply()
    assert await bounces.status(message_id) is Status.UNDELIVERED


async def test_a_mail_in_clear_can_be_applied_before_it_is_enciphered(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    report_id = await in_clear(bounces, returned(compose), "new", message_id)
    await bounces.apply()
    assert (await bounces.outcome(report_id))["state"] == "applied"
    assert LINK not in await at_rest(bounces)
    assert await bounces.wiring.reports.seal_older() == 0


async def test_a_report_whose_key_is_gone_waits_for_it_and_stops_no_other(bounces: Any, compose: Any) -> None:
    lost = Cipher([generate_key()])
    wiring, message_id, other_id = bounces.wiring, await bounces.message(), await bounces.message()
    elsewhere = StoredReports(wiring.db, wiring.ledger, lost, bounces.clock, wiring.ids)
    (waiting,) = await elsewhere.keep([Arrival("192.0.2.1", "digest", message_id, compose())])
    with capture_logs() as logs:
        applied = await bounces.report(compose(number=2), other_id)
    assert applied["state"] == "applied"
    [told] = [entry for entry in logs if entry.get("report") == waiting]
    assert (told["alarm"], "TODOKE_SECRET_KEYS" in told["event"]) == (True, True)
    row = await bounces.outcome(waiting)
    assert (row["state"], row["tries"]) == ("new", 0)
    assert row["next_try_at"] is not None
    async with wiring.db.read() as conn:
        assert await keys_of_reports(conn, wiring.cipher, "new") == {None: 1}
        assert await keys_of_reports(conn, lost, "new") == {0: 1}
        assert (await conn.execute(select(reports.c.id).where(reports.c.state == "new"))).scalars().all() == [waiting]
    async with wiring.db.write() as conn:
        await conn.execute(reports.update().values(next_try_at=None))
    await ReportApplier(elsewhere, bounces.clock).apply_waiting()
    assert await bounces.status(message_id) is Status.UNDELIVERED


async def test_what_is_parsed_holds_no_text_of_the_mail(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    outcome = await bounces.report(returned(compose), message_id)
    assert "S3CR3T" not in json.dumps(outcome["parsed"])


async def test_what_a_report_quotes_of_a_link_is_not_recorded(bounces: Any, compose: Any) -> None:
    message_id = await bounces.message()
    quoting = compose(status="5.7.1", diagnostic=f"550 5.7.1 spam {LINK}")
    outcomes = [await bounces.report(quoting, message_id), await bounces.report(quoting, None)]
    facts = await bounces.facts(message_id)
    assert facts["diagnostic"].endswith("spam https://www.g-mis.mhlw.go.jp/[...]")
    assert "S3CR3T" not in repr((outcomes, facts, await bounces.events(message_id)))


async def test_what_a_report_quotes_of_a_secret_that_is_still_there_is_not_recorded(bounces: Any, compose: Any) -> None:
    cipher = bounces.wiring.cipher
    message_id = await bounces.message(Status.IN_DOUBT, kind="code", secret=cipher.encipher({"code": "482913"}))
    outcome = await bounces.report(compose(status="5.7.1", diagnostic="550 5.7.1 spam: 482913"), message_id)
    facts = await bounces.facts(message_id)
    assert facts["diagnostic"] == "550 5.7.1 spam: [...]"
    assert "482913" not in repr((outcome["parsed"], facts, await bounces.events(message_id)))
