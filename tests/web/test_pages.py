"""The pages on both databases: every one is answered, every code has its word, and news reach whom they concern."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.jobs import Note
from core.kinds import Kind
from core.messages import CancelReason
from core.reports import Reason
from core.statuses import WITHDRAWN, Status
from helpdesk.vocabulary import Symptom
from store.follow_ups import Channel, Result
from store.happenings import Happenings, Watch
from store.people import Role
from web.pages.dashboard import Counting
from web.pages.symptoms import GROUPS
from web.pages.vocabulary import EVENTS, LOOKS, NOTES, REASONS

HTML = {"Accept": "text/html"}
PIECE = {"HX-Request": "true"}


@pytest.fixture
async def lively(known: Any) -> Any:
    """An institution with a bounced mail, one in doubt, one that waits, a suppression and an unmatched report."""
    mails = await known.publish(
        known.plain_job("application-complete"),
        known.plain_job("rejection", data={"reason": "重複"}),
        known.plain_job("pre-check", 3, application__account="none"),
        known.code_job(),
    )
    bounced = {"bounce_class": "hard", "reason": "userunknown", "smtp_code": 550, "diagnostic": "550 soumu@example.jp?"}
    await known.move(mails[0]["id"], Status.SENDING, Status.UNDELIVERED, **bounced)
    await known.move(mails[1]["id"], Status.SENDING, Status.IN_DOUBT)
    await known.report(state="unmatched", reason="no-token", type="bounce", raw=b"x")
    known.bounced, known.doubtful, known.waiting, known.code = (mail["id"] for mail in mails)
    return known


async def test_every_page_is_answered(lively: Any) -> None:
    places = [
        "/",
        "/search?q=周南",
        "/search?q=%00",
        "/institutions/3510012345",
        "/institutions/3510012345/now",
        "/institutions/3510012345/story",
        f"/messages/{lively.bounced}",
        f"/messages/{lively.doubtful}/story",
        f"/messages/{lively.code}",
        "/messages?kind=guide",
        "/dashboard",
        "/dashboard/figures?days=7",
        "/undelivered?prefecture=35&kind=application-complete",
        "/undelivered?work=closed",
        "/in-doubt",
        "/suppressions?state=all",
        "/unmatched",
        "/audit?action=institution-shown&since=2026-01-01&until=2026-12-31",
        "/jobs?job_id=reg-2026-000123",
        "/address-changes?state=done",
        "/plan?kind=reminder&at=2026-12-28T10:00&prefecture=35",
    ]
    for place in places:
        answer = await lively.ask(Role.ADMIN, "GET", place, headers=HTML)
        assert answer.status_code in (200, 303) or (place == "/search?q=%00" and answer.status_code == 422), place
        assert "soumu@example.jp" not in answer.text, place


async def test_bad_parameters_are_pages_of_their_own(sqlite_api: Any) -> None:
    for place in ("/undelivered?cursor=x", "/audit?since=gestern", "/dashboard?days=0", "/institutions/x?symptom=y"):
        answer = await sqlite_api.ask(Role.ADMIN, "GET", place, headers=HTML)
        assert answer.status_code == 422, place
        assert "入力内容に誤りがあります" in answer.text


async def test_what_is_not_settled_yet_stands_apart(known: Any) -> None:
    fresh = await known.ask(Role.HELPDESK, "GET", "/dashboard", headers=HTML)
    known.later(days=10)
    known.wiring.app.state.counting = Counting(known.wiring.db)
    settled = await known.ask(Role.HELPDESK, "GET", "/dashboard", headers=HTML)
    assert [_figures(page.text)[:2] for page in (fresh, settled)] == [["0", "2"], ["2", "0"]]


def _figures(page: str) -> list[str]:
    return re.findall(r'<span class="figure">([^<]*)</span>', page)


async def test_lists_go_on_where_they_end(lively: Any) -> None:
    for number in range(60):
        await lively.publish(lively.plain_job("application-complete", number + 10))
    first = await lively.ask(Role.HELPDESK, "GET", "/messages?kind=application-complete", headers=HTML)
    [rest] = [part for part in first.text.split('"') if part.startswith("?kind=") and "cursor=" in part]
    second = await lively.ask(Role.HELPDESK, "GET", "/messages" + rest.replace("&amp;", "&"), headers=HTML)
    assert (first.text.count("<tr>"), second.text.count("<tr>")) == (51, 12)


async def test_a_follow_up_is_recorded_once_it_is_undelivered(lively: Any) -> None:
    form = {"channel": "phone", "result": "settled", "note": "再申請済"}
    place = f"/undelivered/{lively.bounced}/follow-ups"
    done = await lively.ask(Role.PREFECTURE, "POST", place, data=form, headers=HTML)
    assert (done.status_code, done.headers["location"]) == (303, "/undelivered?done=followed-up")
    shown = await lively.ask(Role.PREFECTURE, "GET", "/undelivered?work=closed", headers=HTML)
    assert "再申請済" in shown.text
    assert "対応不要" in shown.text
    refused = await lively.ask(
        Role.PREFECTURE, "POST", f"/undelivered/{lively.doubtful}/follow-ups", data=form, headers=HTML
    )
    assert refused.status_code == 409
    assert "このメールは不達ではありません" in refused.text


async def test_nothing_is_done_without_a_reason(lively: Any) -> None:
    before = len(await lively.audited())
    for action, message_id, told in (
        ("resend", lively.bounced, "このままでは再送できません"),
        ("cancel", lively.waiting, "入力してください。"),
        ("resolve", lively.doubtful, "入力してください。"),
    ):
        form = {"why": " ", "outcome": "sent"}
        answer = await lively.ask(Role.HELPDESK, "POST", f"/messages/{message_id}/{action}", data=form, headers=HTML)
        assert (answer.status_code, told in answer.text) == (422, True), action
    assert len(await lively.audited()) == before


async def test_a_suppression_is_added_once(lively: Any) -> None:
    form = {"institution_code": "3510012345", "email": "x@example.jp", "scope": "reminder", "why": "申出"}
    assert (await lively.ask(Role.HELPDESK, "POST", "/suppressions/new", data=form, headers=HTML)).status_code == 303
    again = await lively.ask(Role.HELPDESK, "POST", "/suppressions/new", data=form, headers=HTML)
    assert (again.status_code, "既に送信停止となっています" in again.text) == (409, True)
    [entry] = (await lively.get("/v1/suppressions", params={"email": "x@example.jp"}))["items"]
    assert (entry["scope"], entry["reason"], entry["message_id"]) == ("reminder", "by-hand", None)


async def test_refusals_are_pieces_for_htmx(lively: Any) -> None:
    place = f"/undelivered/{lively.waiting}/follow-ups"
    form = {"channel": "phone", "result": "told"}
    answer = await lively.ask(Role.HELPDESK, "POST", place, data=form, headers=PIECE)
    assert (answer.status_code, answer.headers["x-piece"]) == (409, "1")
    assert "<html" not in answer.text


async def test_news_reach_whom_they_concern(known: Any) -> None:
    happenings = Happenings(known.wiring.db, pause=0.01)
    ours, other, here, there, everything = (
        Watch("3510012345"),
        Watch("1300000001"),
        Watch(prefecture="35"),
        Watch(prefecture="13"),
        Watch(),
    )
    async with (
        happenings.watching(ours),
        happenings.watching(other),
        happenings.watching(here),
        happenings.watching(there),
        happenings.watching(everything),
    ):
        await known.publish(known.plain_job("application-complete"))
        async with asyncio.timeout(10):
            for watch in (ours, here, everything):
                await watch.changed.wait()
        assert not other.changed.is_set()
        assert not there.changed.is_set()
        happenings.close()
        assert other.changed.is_set()


async def test_whatever_goes_wrong_news_go_on_and_it_is_told_once(known: Any) -> None:
    class Stumbling(Happenings):
        """Fails a few times, for a reason of its own."""

        stumbles = 3

        async def _since(self) -> list[Any]:
            if self.stumbles:
                self.stumbles -= 1
                raise RuntimeError
            return await super()._since()

    happenings, watch = Stumbling(known.wiring.db, pause=0.01), Watch()
    with capture_logs() as logs:
        async with happenings.watching(watch):
            await known.publish(known.plain_job("application-complete"))
            async with asyncio.timeout(10):
                await watch.changed.wait()
    told = [entry["event"] for entry in logs if entry["log_level"] == "error"]
    assert told == ["could not look for news; trying again"]


def test_every_symptom_can_be_picked_once() -> None:
    assert sorted(symptom for group in GROUPS for symptom in group.symptoms) == sorted(Symptom)


def test_every_status_and_reason_has_its_words() -> None:
    assert set(LOOKS) == set(Status)
    ended = (Status.UNDELIVERED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED)
    cancelled = {value for name, value in vars(CancelReason).items() if name.isupper()}
    assert set(REASONS) >= set(Reason) - {Reason.DELIVERED} | cancelled | {CancelReason.pre_check(s) for s in ended}
    assert set(REASONS) >= {CancelReason.guide(status) for status in WITHDRAWN}
    assert set(NOTES) >= {value for name, value in vars(Note).items() if name.isupper()}


def test_every_event_has_its_words() -> None:
    """The types stand in the code as they are written; the demo, which makes nearly all, shows them too."""
    from todoke.demo import words

    assert set(EVENTS) >= set(words.EVENTS)


def test_the_channels_and_results_have_labels() -> None:
    assert all(each.label for each in (*Channel, *Result, *Kind))


def test_htmx_is_what_the_licence_says() -> None:
    static = Path(__file__).parents[2] / "web" / "static"
    assert "htmx.org 2.0.11" in (static / "LICENSE.htmx.txt").read_text("utf-8")
    assert 'version:"2.0.11"' in (static / "htmx.min.js").read_text("utf-8")
