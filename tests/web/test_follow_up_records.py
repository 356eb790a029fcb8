"""What was done about a mail that came back: the newest record counts, and a slip can be put right."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core.statuses import Status
from store.people import Role
from store.reading import EVERYTHING
from store.reading_queues import open_by_prefecture

HTML = {"Accept": "text/html"}
PIECE = {"HX-Request": "true"}
NOTHING = "連絡が済んでいない不達はありません。"


@pytest.fixture
async def bounced(api: Any) -> Any:
    """A mail that came back."""
    [api.mail] = [mail["id"] for mail in await api.publish(api.plain_job("application-complete"))]
    await api.move(api.mail, Status.SENDING, Status.UNDELIVERED, bounce_class="hard", reason="userunknown")
    return api


async def record(api: Any, result: str | None, headers: Any = HTML, **more: Any) -> Any:
    api.later(minutes=1)
    form = {"channel": "phone"} | ({} if result is None else {"result": result})
    place = f"/undelivered/{api.mail}/follow-ups"
    return await api.ask(Role.PREFECTURE, "POST", place, data=form, headers=headers | more)


async def shown(api: Any, place: str) -> str:
    answer = await api.ask(Role.PREFECTURE, "GET", place, headers=HTML)
    assert answer.status_code == 200
    return str(answer.text)


async def counted(api: Any) -> dict[str, int]:
    async with api.wiring.db.read() as conn:
        return dict(await open_by_prefecture(conn, EVERYTHING))


async def exported(api: Any, work: str) -> list[str]:
    params = {"work": work, "format": "ndjson"}
    answer = await api.ask(Role.HELPDESK, "GET", "/v1/exports/undelivered", params=params)
    return re.findall(r'"closed":\s*(true|false)', answer.text)


@pytest.mark.parametrize(
    ("results", "closed"),
    [
        ([], False),
        (["again"], False),
        (["told"], True),
        (["settled"], True),
        (["told", "again"], False),
        (["again", "told"], True),
        (["told", "again", "settled"], True),
    ],
)
async def test_the_newest_record_says_whether_anything_is_left_to_do(
    bounced: Any, results: list[str], closed: bool
) -> None:
    for result in results:
        assert (await record(bounced, result)).status_code == 303
    assert (NOTHING in await shown(bounced, "/undelivered")) is closed
    assert ("該当する不達はありません。" in await shown(bounced, "/undelivered?work=closed")) is not closed
    assert await counted(bounced) == ({} if closed else {"35": 1})
    assert await exported(bounced, "closed") == (["true"] if closed else [])
    assert await exported(bounced, "all") == ["true" if closed else "false"]


async def test_of_two_at_the_same_moment_the_later_one_counts(bounced: Any) -> None:
    await record(bounced, "told")
    bounced.later(minutes=-1)
    await record(bounced, "again")
    assert await counted(bounced) == {"35": 1}


async def test_nothing_is_chosen_for_the_result(bounced: Any) -> None:
    page = await shown(bounced, "/undelivered")
    results = re.findall(r'<input type="radio" name="result"[^>]*>', page)
    assert len(results) == 3
    assert all("required" in field and "checked" not in field for field in results)


@pytest.mark.parametrize("headers", [HTML, PIECE])
async def test_a_record_without_a_result_is_refused_in_plain_words(bounced: Any, headers: dict[str, str]) -> None:
    answer = await record(bounced, None, headers)
    assert answer.status_code == 422
    assert "連絡の結果（連絡済、つながらず（再度連絡）、対応不要のいずれか）を選択してください。" in answer.text
    assert await counted(bounced) == {"35": 1}


async def test_what_is_closed_can_be_gone_on_with(bounced: Any) -> None:
    await record(bounced, "told")
    for place in ("/undelivered?work=all", "/undelivered?work=closed", f"/messages/{bounced.mail}"):
        page = await shown(bounced, place)
        assert '<details class="no-print"><summary>続けて記録する</summary>' in page, place
        assert f'action="/undelivered/{bounced.mail}/follow-ups"' in page, place


async def test_the_page_of_a_mail_tells_what_was_done_and_takes_more(bounced: Any) -> None:
    place = f"/messages/{bounced.mail}"
    assert "連絡を記録する" in await shown(bounced, place)
    done = await record(bounced, "again", referer=f"http://todoke{place}?done=resent")
    assert (done.status_code, done.headers["location"]) == (303, f"{place}?done=followed-up")
    page = await shown(bounced, done.headers["location"])
    assert "連絡の記録を登録しました。" in page
    assert "<strong>つながらず（再度連絡）</strong>" in page


async def test_a_mail_that_did_not_come_back_has_no_record(api: Any) -> None:
    [mail] = await api.publish(api.plain_job("application-complete"))
    assert "不達の連絡の記録" not in await shown(api, f"/messages/{mail['id']}")
