"""Every page under axe-core: no violation, wide and narrow; and what no tool sees: skip link, focus, print."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser.conftest import Served, SignIn, violations
from tests.web.browser.world import build, unreached
from web.pages.routers import PAGE_ROUTERS

PAGES = {
    "/": "/",
    "/search": "/search?q=病院",
    "/institutions/{code}": "/institutions/3510000003",
    "/advice": "/advice",
    "/messages/{message_id}": "/messages/{guide-bounced}",
    "/messages": "/messages?status=undelivered",
    "/dashboard": "/dashboard",
    "/undelivered": "/undelivered",
    "/to-reach": "/to-reach",
    "/in-doubt": "/in-doubt",
    "/address-changes": "/address-changes",
    "/address-changes/new": "/address-changes/new?institution_code=3510000004",
    "/address-changes/{change_id}": "/address-changes/{change}",
    "/suppressions": "/suppressions",
    "/suppressions/new": "/suppressions/new",
    "/unmatched": "/unmatched",
    "/plan": "/plan?kind=guide&at=2026-12-28T10:00",
    "/jobs": "/jobs?job_id=issue-3510000001",
    "/audit": "/audit",
    "/login": "/login",
}
"""Each page, and an example of it."""

NARROW = {"/institutions/{code}", "/messages/{message_id}", "/undelivered", "/to-reach", "/dashboard"}
"""Pages that look different on a telephone."""

PIECES = {"/institutions/{code}/now", "/institutions/{code}/story", "/messages/{message_id}/story"} | {
    "/advice/procedure",
    "/dashboard/figures",
    "/live",
    "/static/{name}",
}


@pytest.fixture(scope="module", autouse=True)
def world(served: Served) -> Mapping[str, str]:
    ids = served.run(build(served.api))
    body = {
        "institution_name": "下関うみかぜ病院",
        "institution_code": "3510000004",
        "old_email": "soumu3510000004@example.jp",
        "new_email": "kanri@example.jp",
    }
    asked = served.run(served.api.ask("helpdesk", "POST", "/v1/address-changes", json=body))
    served.run(unreached(served.api))
    served.run(served.api.report(state="unmatched", reason="no-token", type="bounce", raw=b"Subject: x\r\n\r\n"))
    return {**ids, "change": asked.json()["id"]}


def test_every_page_is_looked_at() -> None:
    paths = {route.path for router in PAGE_ROUTERS for route in router.routes if "GET" in route.methods}
    assert paths - PIECES - {path for path in paths if path.startswith("/login/")} == set(PAGES)


@pytest.fixture(scope="module")
def shown(world: Mapping[str, str]) -> Mapping[str, str]:
    return {path: _filled(example, world) for path, example in PAGES.items()}


def _filled(example: str, world: Mapping[str, str]) -> str:
    for name, value in world.items():
        example = example.replace(f"{{{name}}}", value)
    return example


def test_axe_finds_nothing(sign_in: SignIn, shown: Mapping[str, str]) -> None:
    page = sign_in("kanri").new_page()
    found = []
    for place in shown.values():
        page.goto(place)
        found += violations(page)
    assert found == []


def test_everything_fits_a_narrow_window(sign_in: SignIn, shown: Mapping[str, str]) -> None:
    page = sign_in("kanri").new_page()
    page.set_viewport_size({"width": 390, "height": 900})
    found = []
    for path, place in shown.items():
        page.goto(place)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append(place)
        if path in NARROW:
            found += violations(page)
    assert found == []


def test_what_is_refused_is_accessible_too(sign_in: SignIn, shown: Mapping[str, str]) -> None:
    page = sign_in("yamaguchi").new_page()
    page.goto("/institutions/1310000001")
    expect(page.locator("h1")).to_have_text("該当するものが見つかりません")
    found = violations(page)
    page.goto("/audit")
    expect(page.locator("h1")).to_have_text("この操作を行う権限がありません")
    found += violations(page)
    page.goto("/address-changes/new?institution_code=3510000003")
    page.fill("#old_email", "a@example.jp")
    page.fill("#new_email", "b@example.jp")
    page.click("main button[type=submit]")
    expect(page.locator(".procedure h2")).to_contain_text("新規ユーザ登録申請")
    assert found + violations(page) == []


def test_the_first_tab_leads_to_the_content(helpdesk: Page) -> None:
    helpdesk.goto("/dashboard")
    helpdesk.keyboard.press("Tab")
    skip = helpdesk.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    helpdesk.keyboard.press("Enter")
    expect(helpdesk.locator("main")).to_be_focused()


def test_states_are_told_without_colour(helpdesk: Page) -> None:
    helpdesk.goto("/institutions/3510000003")
    states = helpdesk.locator("#story .state").all_inner_texts()
    assert states == ["×不達", "○送信完了（確認中）"]


def test_paper_shows_the_answer_and_no_controls(helpdesk: Page) -> None:
    helpdesk.goto("/institutions/3510000003")
    helpdesk.emulate_media(media="print")
    expect(helpdesk.locator(".lead")).to_be_visible()
    expect(helpdesk.locator(".steps")).to_be_visible()
    for control in ("nav", "form", "button", ".searchband"):
        assert helpdesk.locator(f"{control}:visible").count() == 0


def test_a_list_to_telephone_by_has_room_for_a_note_on_paper(helpdesk: Page) -> None:
    helpdesk.goto("/to-reach")
    expect(helpdesk.locator("tbody tr")).to_have_count(3)
    assert helpdesk.locator("text=□ 電話").locator("visible=true").count() == 0
    helpdesk.emulate_media(media="print")
    assert helpdesk.locator("text=□ 電話").locator("visible=true").count() == 3
    for control in ("nav", "form", "button", ".no-print"):
        assert helpdesk.locator(f"{control}:visible").count() == 0
