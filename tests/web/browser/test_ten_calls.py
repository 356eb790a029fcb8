"""The ten commonest calls of the source documents, acted out: from the search to the procedure in two interactions."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser.conftest import Served
from tests.web.browser.world import build


@dataclass(frozen=True)
class Call:
    """What the caller says first, which of the institutions found it is, the symptom, and what is to be read out."""

    typed: str
    symptom: str | None
    procedure: str
    heard: str
    chosen: str | None = None


CALLS = {
    "S2-1: the mail does not come, within the usual time": Call(
        "３５１００００００１", None, "wait", "1～2週間程度かかります"
    ),
    "S1, three weeks over: nothing has come": Call("萩しらなみ", None, "contact-prefecture", "083-933-2924"),
    "S1 対応方法5: the guide came back": Call("防府かえで薬局", None, "reapply", "「新規ユーザ登録申請」"),
    "S2-2: the guide was sent, it may be in the spam folder": Call(
        "soumu3510000004@example.jp", None, "check-spam-folder", "迷惑メール"
    ),
    "S1 対応方法1: the mailbox was full": Call("A-3510000005", "mailbox-full", "free-mailbox", "空き容量"),
    "S1 対応方法3: whoever was in charge has left": Call(
        "下関うみかぜ", "person-left", "change-address", "変更前メールアドレス"
    ),
    "S1-FAQ 3-1: the guide was lost": Call(
        "アカウント発行メール　下関", "lost-guide", "ask-login-id-and-reset-password", "再送できません"
    ),
    "S1-FAQ 3-7: the link shows the login page": Call(
        "3510000004", "url-shows-login", "check-url-access", "URLすべてをコピー"
    ),
    "S2-4: the password is not known": Call(
        "うみかぜ病院", "unknown-password", "reset-password", "パスワードをお忘れですか？"
    ),
    "S2-17: reminded though reported, of several that are found": Call(
        "病院", "reminded-though-reported", "press-report-button", "報告済", chosen="下関うみかぜ病院"
    ),
}


@pytest.fixture(scope="module", autouse=True)
def world(served: Served) -> dict[str, str]:
    return served.run(build(served.api))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_is_answered_in_two_interactions(helpdesk: Page, call: Call) -> None:
    helpdesk.goto("/")
    helpdesk.keyboard.type(call.typed)
    helpdesk.keyboard.press("Enter")
    interactions = 0
    if call.chosen is not None:
        helpdesk.get_by_role("link", name=call.chosen).click()
        interactions += 1
    if call.symptom is not None:
        helpdesk.click(f"#symptom-{call.symptom}")
        interactions += 1
    procedure = helpdesk.locator(f"#procedure [data-procedure={call.procedure}]")
    expect(procedure).to_contain_text(call.heard)
    expect(procedure.locator(".phone")).not_to_be_empty()
    assert interactions <= 2


def test_the_sentence_stands_first(helpdesk: Page) -> None:
    helpdesk.goto("/institutions/3510000003")
    expect(helpdesk.locator(".lead")).to_have_text("× G-MIS利用案内メールは 11月24日（火）に不達になりました。")
    order = helpdesk.evaluate(
        """() => ['.lead', '#procedure', '#story'].map(each => document.querySelector(each))
             .every((element, place, all) => place === 0
               || all[place - 1].compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING)"""
    )
    assert order


def test_the_picker_works_by_keyboard_and_says_what_it_did(helpdesk: Page) -> None:
    helpdesk.goto("/institutions/3510000004")
    helpdesk.focus("#symptom-lost-guide")
    helpdesk.keyboard.press("Enter")
    expect(helpdesk.locator("#announce")).to_contain_text("ログインID")
    expect(helpdesk.locator("#symptom-lost-guide")).to_have_attribute("aria-current", "true")
    expect(helpdesk.locator("#symptom-lost-guide")).to_be_focused()
    expect(helpdesk).to_have_url(re.compile(r"/institutions/3510000004\?symptom=lost-guide$"))
    helpdesk.reload()
    expect(helpdesk.locator("#procedure [data-procedure]")).to_have_attribute(
        "data-procedure", "ask-login-id-and-reset-password"
    )


def test_a_narrow_window_has_a_select_instead(helpdesk: Page) -> None:
    helpdesk.set_viewport_size({"width": 390, "height": 800})
    helpdesk.goto("/institutions/3510000004")
    expect(helpdesk.locator(".symptoms")).to_be_hidden()
    helpdesk.select_option("#symptom", "person-left")
    expect(helpdesk.locator("#procedure [data-procedure]")).to_have_attribute("data-procedure", "change-address")
    assert helpdesk.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_slash_key_goes_to_the_search(helpdesk: Page) -> None:
    helpdesk.goto("/institutions/3510000004")
    helpdesk.keyboard.press("/")
    expect(helpdesk.locator("#q")).to_be_focused()
    helpdesk.keyboard.press("/")
    expect(helpdesk.locator("#q")).to_have_value("/")


def test_nobody_found_leads_on(helpdesk: Page) -> None:
    helpdesk.goto("/search?q=どこにもない病院")
    expect(helpdesk.get_by_role("status")).to_contain_text("見つかりませんでした")
    helpdesk.get_by_role("link", name="報告機関を特定せずに").click()
    helpdesk.click("#symptom-unknown-institution-code")
    expect(helpdesk.locator("#procedure [data-procedure]")).to_have_attribute("data-procedure", "ask-institution-code")
    helpdesk.select_option("#prefecture", "35")
    helpdesk.get_by_role("button", name="表示").click()
    expect(helpdesk.locator("#prefecture")).to_have_value("35")
    helpdesk.click("#symptom-no-internet")
    expect(helpdesk.locator("#procedure [data-procedure]")).to_have_attribute("data-procedure", "report-on-paper")
    expect(helpdesk.locator("#procedure .phone")).to_have_text("083-933-2924")
    expect(helpdesk).to_have_url(re.compile(r"/advice\?prefecture=35&symptom=no-internet$"))


def test_an_open_page_hears_of_what_happens(helpdesk: Page, served: Served, world: dict[str, str]) -> None:
    helpdesk.goto("/institutions/3510000001")
    expect(helpdesk.locator(".lead")).to_contain_text("送信する予定です")
    served.run(served.api.send(world["pre-check-waiting"]))
    expect(helpdesk.locator(".lead")).to_contain_text("G-MIS利用案内メールは 11月25日（水）以降に送信する予定です。")
    expect(helpdesk.locator("#story")).to_contain_text("相手先のメールサーバーが受け取りました")


def test_what_happened_before_anybody_listened_is_told(helpdesk: Page) -> None:
    helpdesk.goto("/institutions/3510000004")
    told = helpdesk.evaluate(
        """() => new Promise(resolve => {
          const news = new EventSource('/live?institution_code=3510000004&seen=0');
          news.addEventListener('changed', event => { news.close(); resolve(event.type); });
        })"""
    )
    assert told == "changed"
