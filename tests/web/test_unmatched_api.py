"""Reports that no message was found for."""

from __future__ import annotations

from typing import Any

import pytest

from config.secret_keys import generate_key
from core.reports import Action, BounceClass, ParsedReport, Reason, RecipientReport, ReportType
from store.cipher import Cipher
from store.people import Role
from store.report_mails import sealed

RAW = b"From: MAILER-DAEMON@mx.example.jp\r\n\r\n<taro.yamada@example.com>: no such user \xff\r\n"


@pytest.fixture
async def kept(api: Any) -> Any:
    """One report that was tied to nothing, one refused return path, one report still waiting."""
    words = "550 <taro.yamada@example.com> no such user"
    told = RecipientReport(
        "taro.yamada@example.com", Action.FAILED, "5.1.1", 550, Reason.USERUNKNOWN, BounceClass.HARD, words
    )
    bounce = ParsedReport(ReportType.BOUNCE, (told,))
    api.report_id = await api.report(bounce, state="unmatched", reason="no-token", raw=RAW)
    api.later(minutes=1)
    await api.report(state="refused", reason="bad-token", peer="192.0.2.9", token_digest="e" * 64)
    api.later(minutes=1)
    await api.report(state="new", raw=b"later")
    return api


async def test_what_belongs_to_no_message_is_listed_masked(kept: Any) -> None:
    refused, unmatched = (await kept.get("/v1/bounces/unmatched"))["items"]
    assert (refused["state"], refused["reason"], refused["peer"]) == ("refused", "bad-token", "192.0.2.9")
    assert (refused["token_digest"], refused["size"], refused["recipients"]) == ("e" * 64, None, [])
    assert refused["received_at"] == "2026-11-24T10:01:00+09:00"
    assert (unmatched["id"], unmatched["state"], unmatched["type"]) == (kept.report_id, "unmatched", "bounce")
    assert (unmatched["reason"], unmatched["size"]) == ("no-token", len(RAW))
    [recipient] = unmatched["recipients"]
    assert recipient["address"] == "t***@example.com"
    assert recipient["diagnostic"] == "550 <t***@example.com> no such user"
    assert (recipient["action"], recipient["reason"]) == ("failed", "userunknown")
    assert await kept.audited() == []


async def test_a_report_that_names_nobody_has_no_address(api: Any) -> None:
    told = RecipientReport("", Action.FAILED, None, None, Reason.UNDEFINED, BounceClass.SOFT, None)
    await api.report(ParsedReport(ReportType.BOUNCE, (told,)), state="unmatched", reason="no-token", raw=RAW)
    (unmatched,) = (await api.get("/v1/bounces/unmatched"))["items"]
    assert [recipient["address"] for recipient in unmatched["recipients"]] == [None]


async def test_the_mail_itself_is_kept_whole(kept: Any) -> None:
    answer = await kept.ask(Role.HELPDESK, "GET", f"/v1/bounces/unmatched/{kept.report_id}/raw")
    assert answer.status_code == 200
    assert answer.content == RAW
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [(line.action, line.subject) for line in await kept.audited()] == [("report-shown", kept.report_id)]


async def test_where_there_was_no_mail_there_is_none(kept: Any) -> None:
    refused = (await kept.get("/v1/bounces/unmatched"))["items"][0]["id"]
    for report_id in (refused, "01a20b11-1a80-7001-baab-85f6d60193e4", "x", "%00"):
        answer = await kept.ask(Role.ADMIN, "GET", f"/v1/bounces/unmatched/{report_id}/raw")
        assert answer.status_code == 404


async def test_the_list_comes_in_pages(kept: Any) -> None:
    first = await kept.get("/v1/bounces/unmatched", params={"limit": 1})
    rest = await kept.get("/v1/bounces/unmatched", params={"limit": 1, "cursor": first["next"]})
    assert [item["state"] for item in first["items"] + rest["items"]] == ["refused", "unmatched"]
    assert rest["next"] is None


async def test_an_enciphered_mail_is_told_by_its_own_size_and_read(api: Any) -> None:
    report_id = await api.report(state="unmatched", reason="no-token", **sealed(api.wiring.cipher, RAW))
    [item] = (await api.get("/v1/bounces/unmatched"))["items"]
    assert item["size"] == len(RAW)
    answer = await api.ask(Role.HELPDESK, "GET", f"/v1/bounces/unmatched/{report_id}/raw")
    assert (answer.status_code, answer.content) == (200, RAW)


async def test_a_mail_whose_key_is_gone_is_told_so(api: Any) -> None:
    report_id = await api.report(state="unmatched", reason="no-token", **sealed(Cipher([generate_key()]), RAW))
    assert len((await api.get("/v1/bounces/unmatched"))["items"]) == 1
    answer = await api.ask(Role.HELPDESK, "GET", f"/v1/bounces/unmatched/{report_id}/raw")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/report-unreadable")
    assert await api.audited() == []
