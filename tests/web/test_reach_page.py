"""The page of those whom no mail reaches: for telephone and letter, on both databases."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from core.statuses import Status
from store.people import Role

HTML = {"Accept": "text/html"}
HERE = {"code": "3510012345", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"}
THERE = {"code": "1300000001", "name": "江東薬局", "type": "pharmacy", "prefecture": "13"}
ADDRESS = {"email": "soumu@example.jp"}


def word(**changes: Any) -> dict[str, Any]:
    """What is said of an institution."""
    return {"fiscal_year": 2026, "institution": HERE, "recipient": None, "status": "not-started"} | changes


async def say(api: Any, *words: Any) -> None:
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/reports", json=list(words))
    assert [result["http_status"] for result in answer.json()["results"]] == [200] * len(words), answer.text


async def shown(api: Any, query: str = "", role: Role = Role.HELPDESK) -> str:
    answer = await api.ask(role, "GET", f"/to-reach{query}", headers=HTML)
    assert answer.status_code == 200, answer.text
    text: str = answer.text
    return text


def listed(page: str) -> Sequence[str]:
    """The codes of the institutions on a page, in order."""
    return re.findall(r'<th scope="row"><a href="/institutions/([0-9]+)">', page)


async def test_each_is_listed_with_its_reason(api: Any) -> None:
    other = THERE | {"code": "1300000002"}
    bounced = word(institution=other, recipient=ADDRESS, status="in-progress")
    await say(api, word(), word(institution=THERE, recipient=ADDRESS, channel="paper"), bounced)
    [mail] = await api.publish(api.plain_job("application-complete", institution=other))
    failure = {"bounce_class": "hard", "reason": "userunknown"}
    await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, **failure)
    page = await shown(api)
    assert set(listed(page)) == {"3510012345", "1300000001", "1300000002"}
    for text in (
        "メールアドレスの登録がない",
        "紙で報告する機関",
        "メールが届かない（不達）",
        "メールアドレスが存在しない",
        "報告中",
    ):
        assert text in page
    assert "soumu@example.jp" not in page
    assert 'href="/v1/exports/to-reach?fiscal_year=2026&amp;format=csv"' in page


async def stop(api: Any, scope: str, why: str) -> None:
    """Somebody of the secretariat stops mails to the institution here."""
    form = {"institution_code": HERE["code"], "email": ADDRESS["email"], "scope": scope, "why": why}
    assert (await api.ask(Role.HELPDESK, "POST", "/suppressions/new", data=form, headers=HTML)).status_code == 303


@pytest.mark.parametrize("scope", ["all", "reminder"])
async def test_who_was_stopped_by_staff_is_told_so_with_their_reason(api: Any, scope: str) -> None:
    await say(api, word(recipient=ADDRESS))
    await stop(api, scope, "機関の希望 taro@example.jp 様より")
    page = await shown(api)
    assert listed(page) == ["3510012345"]
    assert "担当者が送信を停止" in page
    assert "機関の希望 t***@example.jp 様より" in page
    for false in ("不達）", "迷惑メール", "不達の連絡の記録"):
        assert false not in page
    [row] = await exported(api)
    assert (row["連絡が必要な理由"], row["不達の理由"]) == ("担当者が送信を停止", "")
    assert row["送信停止の理由"] == "機関の希望 taro@example.jp 様より"
    item = json.loads((await api.ask(Role.PREFECTURE, "GET", "/v1/exports/to-reach?format=ndjson")).text)
    assert (item["why"], item["reason"]) == ("by-hand", "by-hand")
    assert item["stated_why"] == "機関の希望 taro@example.jp 様より"


async def exported(api: Any) -> list[dict[str, str]]:
    """The rows of the file."""
    answer = await api.ask(Role.HELPDESK, "GET", "/v1/exports/to-reach")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def test_a_failure_of_the_address_comes_before_a_wish_for_no_reminders(api: Any) -> None:
    await say(api, word(recipient=ADDRESS))
    [mail] = await api.publish(api.plain_job("application-complete"))
    failure = {"bounce_class": "hard", "reason": "userunknown"}
    await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, **failure)
    await stop(api, "reminder", "機関の希望")
    [row] = await exported(api)
    told = [row[name] for name in ("連絡が必要な理由", "不達の理由", "送信停止の理由")]
    assert told == ["メールが届かない（不達）", "メールアドレスが存在しない", ""]


async def test_who_has_reported_or_can_be_mailed_is_not_listed(api: Any) -> None:
    await say(api, word(channel="paper", status="reported"), word(institution=THERE, recipient=ADDRESS))
    assert "該当する報告機関はありません" in await shown(api)


async def test_an_office_sees_its_own_whatever_it_asks_for(api: Any) -> None:
    await say(api, word(), word(institution=THERE))
    assert listed(await shown(api, role=Role.PREFECTURE)) == ["3510012345"]
    assert listed(await shown(api, "?prefecture=13", Role.PREFECTURE)) == []
    assert listed(await shown(api, "?prefecture=13")) == ["1300000001"]


async def test_it_is_narrowed_by_year_and_scheme(api: Any) -> None:
    await say(api, word(), word(institution=THERE, fiscal_year=2025))
    assert listed(await shown(api)) == ["3510012345"]
    assert listed(await shown(api, "?fiscal_year=2025")) == ["1300000001"]
    assert listed(await shown(api, "?scheme=pharmacy-function")) == []
    assert listed(await shown(api, "?scheme=medical-function")) == ["3510012345"]


async def test_it_goes_on_where_a_page_ends(api: Any) -> None:
    codes = [f"35{number:08}" for number in range(60)]
    await say(api, *(word(institution=HERE | {"code": code}) for code in codes))
    first = await shown(api, "?prefecture=35")
    [further] = re.findall(r'href="(\?[^"]*cursor=[^"]*)"', first)
    second = await shown(api, further.replace("&amp;", "&"))
    assert (len(listed(first)), len(listed(second))) == (50, 10)
    assert sorted([*listed(first), *listed(second)]) == codes


@pytest.mark.parametrize("query", ["fiscal_year=1", "scheme=x", "prefecture=48", "cursor=x", "why=paper"])
async def test_other_questions_are_refused(sqlite_api: Any, query: str) -> None:
    assert (await sqlite_api.ask(Role.HELPDESK, "GET", f"/to-reach?{query}", headers=HTML)).status_code == 422


async def test_in_april_the_list_is_still_that_of_the_season_that_has_just_ended(api: Any) -> None:
    await say(api, word(), word(fiscal_year=2027, institution=THERE, channel="paper"))
    api.later(days=129)  # 2 April 2027
    page = await shown(api)
    assert listed(page) == ["3510012345"]
    assert "令和9年度" in page  # may be chosen
    assert "3510012345" in (await api.ask(Role.HELPDESK, "GET", "/v1/exports/to-reach")).text
    assert listed(await shown(api, role=Role.PREFECTURE)) == ["3510012345"]
    api.later(days=29)  # 1 May
    assert listed(await shown(api)) == ["1300000001"]
    assert "1300000001" in (await api.ask(Role.HELPDESK, "GET", "/v1/exports/to-reach")).text
    assert listed(await shown(api, "?fiscal_year=2026")) == ["3510012345"]
