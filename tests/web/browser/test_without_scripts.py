"""Every page where no script runs: forms are posted, a page follows, and it says what was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import Browser, Page, expect

from core.statuses import Status
from tests.web.browser.conftest import PASSWORD, Served, SignIn
from tests.web.browser.world import build
from web.pages.routers import PAGE_ROUTERS


@pytest.fixture(scope="module", autouse=True)
def world(served: Served) -> Mapping[str, str]:
    ids = served.run(build(served.api))
    place = {"institution__code": "3510000004", "institution__name": "下関うみかぜ病院"}
    jobs = [served.api.plain_job("application-complete", number, **place) for number in (1, 2, 3)]
    mails = served.run(served.api.publish(*jobs))
    sent, waiting, doubtful = (mail["id"] for mail in mails)
    served.run(served.api.send(sent))
    served.run(served.api.move(doubtful, Status.SENDING, Status.IN_DOUBT))
    return {**ids, "complete": sent, "waiting": waiting, "doubtful": doubtful}


@pytest.fixture
def page(sign_in: SignIn) -> Page:
    """The secretariat's, without scripts."""
    return sign_in("jimukyoku", scripts=False).new_page()


def said(page: Page, words: str) -> None:
    """A notice stands on the page, and the address that names it is no form's."""
    expect(page.locator(".done")).to_contain_text(words)
    assert "done=" in page.url


def _address_of_a_mail(page: Page, world: Mapping[str, str]) -> None:
    page.goto(f"/messages/{world['guide-sent']}")
    page.get_by_text("メールアドレス全体を表示する").click()
    page.fill("#why-address", "照会")
    page.get_by_role("button", name="表示する").click()
    expect(page.locator("#address")).to_contain_text("soumu3510000004@example.jp")
    expect(page.locator("h1")).to_be_visible()


def _cancel(page: Page, world: Mapping[str, str]) -> None:
    page.goto(f"/messages/{world['waiting']}")
    page.get_by_text("このメールを取り消す").click()
    page.fill("#why-cancel", "申出")
    page.get_by_role("button", name="取り消す", exact=True).click()
    said(page, "メールを取り消しました")


def _resend(page: Page, world: Mapping[str, str]) -> None:
    page.goto(f"/messages/{world['complete']}")
    page.fill("#why-resend", "紛失")
    page.get_by_role("button", name="再送する").click()
    said(page, "再送を受け付けました")


def _resolve(page: Page, world: Mapping[str, str]) -> None:
    page.goto(f"/messages/{world['doubtful']}")
    page.get_by_label("届いている（送信完了とする）").check()
    page.fill("#why-resolve", "電話で確認")
    page.get_by_role("button", name="確定する").click()
    said(page, "送信結果を確定しました")


def _follow_up(page: Page, _: Mapping[str, str]) -> None:
    """Somebody goes through a list of their own: it stays narrowed."""
    page.goto("/undelivered?work=all&prefecture=35")
    row = page.locator("tr", has_text="防府かえで薬局")
    row.get_by_text("連絡を記録する").click()
    row.get_by_label("郵送").check()
    row.get_by_label("連絡済").check()
    row.get_by_label("内容（任意）").fill("簡易書留")
    row.get_by_role("button", name="記録する").click()
    said(page, "連絡の記録を登録しました")
    assert page.url.endswith("/undelivered?work=all&prefecture=35&done=followed-up")
    expect(page.locator("tr", has_text="防府かえで薬局")).to_contain_text("簡易書留")


def _new_change(page: Page, new_email: str) -> None:
    page.goto("/address-changes/new?institution_code=3510000004")
    page.fill("#old_email", "soumu3510000004@example.jp")
    page.fill("#new_email", new_email)
    page.get_by_role("button", name="登録する").click()
    said(page, "変更依頼を登録しました")


def _request_change(page: Page, _: Mapping[str, str]) -> None:
    _new_change(page, "first@example.jp")


def _addresses_of_a_change(page: Page, _: Mapping[str, str]) -> None:
    _new_change(page, "second@example.jp")
    page.get_by_text("メールアドレス全体を表示する").click()
    page.fill("#why-addresses", "照合")
    page.get_by_role("button", name="表示する").click()
    expect(page.locator(".facts")).to_contain_text("second@example.jp")


def _approve(page: Page, _: Mapping[str, str]) -> None:
    _new_change(page, "third@example.jp")
    page.get_by_role("button", name="承認する").click()
    said(page, "変更依頼を承認しました")


def _done(page: Page, _: Mapping[str, str]) -> None:
    _new_change(page, "fourth@example.jp")
    page.get_by_role("button", name="承認する").click()
    page.fill("#login_id", "h3510000004")
    page.get_by_role("button", name="完了を登録する").click()
    said(page, "変更の完了を登録しました")


def _reject(page: Page, _: Mapping[str, str]) -> None:
    _new_change(page, "fifth@example.jp")
    page.get_by_text("この依頼を却下する").click()
    page.fill("#why-reject", "依頼していないとのこと")
    page.get_by_role("button", name="却下する").click()
    said(page, "変更依頼を却下しました")
    expect(page.locator(".facts")).to_contain_text("依頼していないとのこと")


def _suppress(page: Page, email: str) -> None:
    page.goto("/suppressions/new?institution_code=3510000001")
    page.fill("#email", email)
    page.fill("#why-new", "申出")
    page.get_by_role("button", name="登録する").click()
    said(page, "送信停止を登録しました")


def _add_suppression(page: Page, _: Mapping[str, str]) -> None:
    _suppress(page, "one@example.jp")


def _release(page: Page, _: Mapping[str, str]) -> None:
    _suppress(page, "two@example.jp")
    row = page.locator("tr", has_text="t***@example.jp")
    row.get_by_text("解除する").first.click()
    row.get_by_label("解除する理由").fill("誤登録")
    row.get_by_role("button", name="解除する").click()
    said(page, "送信停止を解除しました")


ACTIONS: Mapping[str, Callable[[Page, Mapping[str, str]], None]] = {
    "/messages/{message_id}/address": _address_of_a_mail,
    "/messages/{message_id}/cancel": _cancel,
    "/messages/{message_id}/resend": _resend,
    "/messages/{message_id}/resolve": _resolve,
    "/undelivered/{message_id}/follow-ups": _follow_up,
    "/address-changes/new": _request_change,
    "/address-changes/{change_id}/addresses": _addresses_of_a_change,
    "/address-changes/{change_id}/approve": _approve,
    "/address-changes/{change_id}/done": _done,
    "/address-changes/{change_id}/reject": _reject,
    "/suppressions/new": _add_suppression,
    "/suppressions/{suppression_id}/release": _release,
}
SIGNING = {"/login", "/logout"}


def test_every_action_is_tried() -> None:
    posted = {route.path for router in PAGE_ROUTERS for route in router.routes if "POST" in route.methods}
    assert posted == set(ACTIONS) | SIGNING


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_done_and_said(page: Page, world: Mapping[str, str], action: str) -> None:
    ACTIONS[action](page, world)


def test_people_sign_in_and_out(served: Served, chromium: Browser) -> None:
    with chromium.new_context(base_url=served.url, java_script_enabled=False) as window:
        page = window.new_page()
        page.goto("/dashboard")
        page.fill("#name", "tokyo")
        page.fill("#password", PASSWORD)
        page.get_by_role("button", name="ログイン", exact=True).click()
        expect(page.locator("h1")).to_have_text("状況")
        page.get_by_role("button", name="ログアウト").click()
        expect(page.locator("h1")).to_have_text("ログイン")
        page.goto("/dashboard")
        expect(page.locator("h1")).to_have_text("ログイン")


def test_a_call_is_answered_by_search_and_symptom(page: Page) -> None:
    page.goto("/")
    page.fill("#q", "下関うみかぜ病院")
    page.get_by_role("button", name="検索").click()
    expect(page.locator("h1")).to_have_text("下関うみかぜ病院")
    page.get_by_role("link", name="利用案内メールを紛失した").click()
    expect(page.locator("[data-procedure]")).to_have_attribute("data-procedure", "ask-login-id-and-reset-password")
    expect(page.locator("[data-symptom='lost-guide']")).to_have_attribute("aria-current", "true")
    assert page.locator("button[data-print]:visible").count() == 0


@pytest.mark.parametrize("place", ["/institutions/3510000004", "/advice?prefecture=13"])
def test_on_a_telephone_the_symptom_is_chosen_and_sent(page: Page, place: str) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(place)
    page.select_option("#symptom", "no-internet")
    page.get_by_role("button", name="対応方法を表示").click()
    expect(page.locator("[data-procedure]")).to_have_attribute("data-procedure", "report-on-paper")
    if "prefecture" in place:
        expect(page.locator(".contact")).to_contain_text("架空の都窓口")


def test_lists_and_figures_are_narrowed(page: Page) -> None:
    page.goto("/dashboard")
    page.select_option("#days", "7")
    page.get_by_role("button", name="表示").click()
    expect(page.locator("#figures")).to_contain_text("直近7日")
    page.goto("/to-reach")
    page.select_option("#prefecture", "35")
    page.get_by_role("button", name="絞り込む").click()
    expect(page.locator("h1")).to_contain_text("山口県")
    page.goto("/plan")
    page.select_option("#kind", "reminder")
    page.get_by_role("button", name="試算する").click()
    expect(page.locator(".said")).to_contain_text("報告期間")
