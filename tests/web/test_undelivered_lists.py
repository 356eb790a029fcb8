"""The list of mails that came back holds what somebody can be told about, and its file the same, on both databases."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any

import pytest

from core.statuses import Status
from store.people import Role

HTML = {"Accept": "text/html"}
BOUNCED = {"bounce_class": "hard", "reason": "userunknown"}


@pytest.fixture
async def bounced(api: Any) -> Any:
    """不達 of two institutions here (35), and of a code, which has none."""
    beside = api.plain_job("application-complete", 2, institution__code="3510012346")
    mails = await api.publish(api.plain_job("application-complete"), beside, api.code_job())
    for mail in mails:
        await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, **BOUNCED)
    form = {"channel": "phone", "result": "settled"}
    place = f"/undelivered/{mails[1]['id']}/follow-ups"
    assert (await api.ask(Role.HELPDESK, "POST", place, data=form, headers=HTML)).status_code == 303
    return api


async def shown(api: Any, query: str, role: Role = Role.HELPDESK) -> str:
    answer = await api.ask(role, "GET", f"/undelivered{query}", headers=HTML)
    assert answer.status_code == 200, answer.text
    text: str = answer.text
    return text


async def file_of(api: Any, page: str, role: Role = Role.HELPDESK) -> list[dict[str, str]]:
    """What the page's link for Excel gives."""
    [link] = re.findall(r'href="(/v1/exports/[^"]*)"', page)
    answer = await api.ask(role, "GET", html.unescape(link))
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def listed(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/institutions/([^"]+)">', page)


@pytest.mark.parametrize(
    ("work", "codes"),
    [("open", ["3510012345"]), ("closed", ["3510012346"]), ("all", ["3510012346", "3510012345"])],
)
async def test_mails_of_no_institution_are_left_out_whatever_is_asked_for(
    bounced: Any, work: str, codes: list[str]
) -> None:
    page = await shown(bounced, f"?work={work}")
    assert sorted(listed(page)) == sorted(codes)
    assert "None" not in page
    assert sorted(row["機関コード"] for row in await file_of(bounced, page)) == sorted(codes)


async def test_mails_of_no_institution_stay_among_those_in_doubt(api: Any) -> None:
    [code] = await api.publish(api.code_job())
    await api.move(code["id"], Status.SENDING, Status.IN_DOUBT)
    page = (await api.ask(Role.HELPDESK, "GET", "/in-doubt", headers=HTML)).text
    assert f"/messages/{code['id']}" in page


async def test_the_file_is_narrowed_by_institution_as_the_page_is(bounced: Any) -> None:
    page = await shown(bounced, "?institution_code=3510012345&work=all")
    assert listed(page) == ["3510012345"]
    assert [row["機関コード"] for row in await file_of(bounced, page)] == ["3510012345"]
    line = (await bounced.audited())[-1]
    assert (line.action, line.detail["institution_code"]) == ("exported", "3510012345")


async def test_an_institution_elsewhere_is_no_institution_here(bounced: Any) -> None:
    query = "/v1/exports/undelivered?format=ndjson&institution_code="
    for code, length in (("1300000001", 0), ("３５１００１２３４５", 1)):
        answer = await bounced.ask(Role.PREFECTURE, "GET", query + code)
        assert (answer.status_code, len(answer.text.splitlines())) == (200, length)
