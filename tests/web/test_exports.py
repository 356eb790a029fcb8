"""Lists as files, on both databases: what is in them, who gets them, and that Excel takes nothing for a formula."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from core.statuses import Status
from store import reading_exports
from store.people import Role
from web.tabular import BOM, safe_cell


@pytest.fixture
async def both(api: Any) -> Any:
    """An institution here (35) and one in Tokyo (13) whose pre-checks came back."""
    there = api.job(
        job_id="theirs", application__id="A-2", institution__code="1300000001", institution__name="江東薬局"
    )
    there["institution"]["prefecture"] = "13"
    mails = await api.publish(api.job(institution__name="=HYPERLINK(周南病院)"), there)
    for mail in (mails[0], mails[2]):
        await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, bounce_class="hard", reason="userunknown")
    api.mails = mails
    return api


async def rows(api: Any, url: str, role: Role = Role.HELPDESK, **params: str) -> list[dict[str, str]]:
    answer = await api.ask(role, "GET", url, params=params)
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("utf-8")
    assert text.startswith(BOM)
    assert "\r\n" in text
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM))))


async def items(api: Any, url: str, role: Role = Role.HELPDESK, **params: str) -> list[dict[str, Any]]:
    answer = await api.ask(role, "GET", url, params={"format": "ndjson", **params})
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_list_of_messages_opens_in_excel(both: Any) -> None:
    found = await rows(both, "/v1/exports/messages", institution_code="3510012345", status="undelivered")
    [row] = found
    assert row["報告機関"] == "'=HYPERLINK(周南病院)"
    assert (row["都道府県"], row["メール"], row["状態"]) == ("山口県", "事前確認メール", "不達")
    assert (row["宛先"], row["受付日時"]) == ("soumu@example.jp", "2026-11-24 10:00:00")
    assert row["理由"] not in ("", "userunknown")


async def test_ndjson_has_what_the_list_has(both: Any) -> None:
    listed = (await both.get("/v1/messages"))["items"]
    exported = await items(both, "/v1/exports/messages")
    assert len(exported) == 4
    for one, other in zip(listed, exported, strict=True):
        assert one.items() <= other.items()
        assert set(other) - set(one) == {"institution_name", "prefecture"}


async def test_a_prefecture_gets_its_own(both: Any) -> None:
    for name in ("messages", "undelivered", "suppressions"):
        own = await items(both, f"/v1/exports/{name}", Role.PREFECTURE)
        assert {item["institution_code"] for item in own} == {"3510012345"}
        for params in ({"institution_code": "1300000001"}, {"prefecture": "13"}):
            answer = await both.ask(
                Role.PREFECTURE, "GET", f"/v1/exports/{name}", params={"format": "ndjson", **params}
            )
            assert answer.status_code == 422 or answer.text == ""
    assert (await both.ask(Role.PREFECTURE, "GET", "/v1/exports/audit")).status_code == 403


async def test_what_came_back_has_what_was_done_about_it(both: Any) -> None:
    from scheduler.following_up import FollowUp
    from store.follow_ups import Channel, Result
    from store.people import Principal
    from web.auth import actor

    told = FollowUp(Channel.PHONE, Result.TOLD, "総務課 田中様")
    who = Principal("office", Role.PREFECTURE, "35")
    await both.wiring.services.follow_ups.record(both.mails[0]["id"], told, actor(who))
    here, there = sorted(await rows(both, "/v1/exports/undelivered"), key=lambda row: row["都道府県"])
    assert (here["連絡"], here["連絡の記録"]) == ("済", "2026-11-24 電話 連絡済 総務課 田中様")
    assert (there["連絡"], there["連絡の記録"]) == ("未", "")
    assert there["不達となった日時"] == "2026-11-24 10:00:00"
    assert len(await rows(both, "/v1/exports/undelivered", work="open")) == 1
    assert len(await rows(both, "/v1/exports/undelivered", prefecture="13")) == 1


async def test_suppressions_and_the_trail_go_out_too(both: Any) -> None:
    assert [row["メールアドレス"] for row in await rows(both, "/v1/exports/suppressions")] == ["soumu@example.jp"] * 2
    trail = await rows(both, "/v1/exports/audit", Role.AUDITOR, action="exported")
    assert [row["操作コード"] for row in trail] == ["exported"] * 2  # its own as well


async def test_each_export_leaves_a_line_without_address(both: Any) -> None:
    before = len(await both.audited())
    await rows(both, "/v1/exports/messages", Role.PREFECTURE, email="soumu@example.jp", kind="guide")
    [line] = (await both.audited())[before:]
    assert (line.actor, line.action, line.subject) == ("prefecture", "exported", "/v1/exports/messages")
    assert line.detail == {"email": "s***@example.jp", "kind": "guide", "format": "csv"}


async def test_long_lists_go_out_page_by_page(both: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await both.publish(*(both.plain_job("application-complete", n) for n in range(20)))
    whole = await items(both, "/v1/exports/messages")
    monkeypatch.setattr("web.exports.ROWS_AT_ONCE", 3)
    asked = []
    real = reading_exports.messages_with_names

    async def counted(*arguments: Any) -> Any:
        asked.append(arguments[-1])
        return await real(*arguments)

    monkeypatch.setattr("web.exports.messages_with_names", counted)
    assert await items(both, "/v1/exports/messages") == whole
    assert asked == [3] * 8
    assert len(whole) == 24


async def test_the_file_has_a_name_and_is_not_kept(both: Any) -> None:
    answer = await both.ask(Role.HELPDESK, "GET", "/v1/exports/messages")
    assert answer.headers["content-disposition"] == 'attachment; filename="todoke-messages-20261124-100000.csv"'
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("query", ["format=xlsx", "kind=x", "cursor=x", "limit=5", "since=x", "format=csv&format=csv"])
async def test_an_export_is_asked_for_as_its_list_is(sqlite_api: Any, query: str) -> None:
    assert (await sqlite_api.ask(Role.HELPDESK, "GET", f"/v1/exports/messages?{query}")).status_code == 422


@pytest.mark.parametrize("text", ["=1+1", "+81", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", "\n=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "cell"), [(None, ""), (0, "0"), (550, "550"), ("a=b", "a=b"), ("", "")])
def test_other_cells_are_as_they_are(value: Any, cell: str) -> None:
    assert safe_cell(value) == cell


async def test_whom_no_mail_reaches_is_listed_for_telephone_and_letter(api: Any) -> None:
    word = {
        "fiscal_year": 2026,
        "institution": {"code": "3510012345", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": None,
        "status": "not-started",
    }
    there = {"code": "1300000001", "name": "江東薬局", "type": "pharmacy", "prefecture": "13"}
    posted = await api.ask(
        Role.PUBLISHER, "POST", "/v1/reports", json=[word, word | {"institution": there, "channel": "paper"}]
    )
    assert posted.status_code == 207, posted.text
    found = await rows(api, "/v1/exports/to-reach")
    assert {(row["機関コード"], row["連絡が必要な理由"]) for row in found} == {
        ("3510012345", "メールアドレスの登録がない"),
        ("1300000001", "紙で報告する機関"),
    }
    (own,) = await items(api, "/v1/exports/to-reach", Role.PREFECTURE)
    assert (own["institution_code"], own["why"], own["scheme"]) == ("3510012345", "no-address", "medical-function")
    assert await items(api, "/v1/exports/to-reach", fiscal_year="2025") == []
    assert len(await items(api, "/v1/exports/to-reach", scheme="pharmacy-function")) == 1
    assert (await api.ask(Role.PUBLISHER, "GET", "/v1/exports/to-reach")).status_code == 403
