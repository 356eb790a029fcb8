"""What people do on the pages, by hand: each leaves its line in the audit trail, and refusals say the way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from store.sessions import close_session
from tests.web.browser.conftest import Served, SignIn
from tests.web.browser.world import build


@pytest.fixture(scope="module", autouse=True)
def world(served: Served) -> Mapping[str, str]:
    ids = served.run(build(served.api))
    jobs = [served.api.plain_job("application-complete", number) for number in (1, 2)]
    complete, other = (mail["id"] for mail in served.run(served.api.publish(*jobs)))
    for message_id in (complete, other):
        served.run(served.api.send(message_id))
    return {**ids, "complete": complete, "other": other}


def last_audit(served: Served) -> tuple[str, str, dict[str, Any]]:
    line = served.run(served.api.audited())[-1]
    return line.actor, line.action, line.detail


def test_the_whole_address_needs_a_reason(helpdesk: Page, served: Served, world: Mapping[str, str]) -> None:
    helpdesk.goto(f"/messages/{world['guide-sent']}")
    expect(helpdesk.locator("#address")).to_contain_text("s***@example.jp")
    assert "soumu3510000004@example.jp" not in helpdesk.content()
    helpdesk.get_by_text("メールアドレス全体を表示する").click()
    helpdesk.fill("#why-address", "本人から照会があったため")
    helpdesk.get_by_role("button", name="表示する").click()
    expect(helpdesk.locator("#address")).to_contain_text("soumu3510000004@example.jp")
    expected = {"why": "本人から照会があったため", "addresses": 1}
    assert last_audit(served) == ("jimukyoku", "address-shown", expected)


def test_a_mail_is_sent_again_for_a_reason(helpdesk: Page, served: Served, world: Mapping[str, str]) -> None:
    helpdesk.goto(f"/messages/{world['complete']}")
    helpdesk.fill("#why-resend", "誤って削除したとのこと")
    helpdesk.get_by_role("button", name="再送する").click()
    expect(helpdesk.get_by_role("status").first).to_contain_text("再送を受け付けました")
    actor, action, detail = last_audit(served)
    assert (actor, action, detail["why"]) == ("jimukyoku", "message-resent", "誤って削除したとのこと")


def test_the_guide_has_no_button_but_the_way_out(helpdesk: Page, world: Mapping[str, str]) -> None:
    helpdesk.goto(f"/messages/{world['guide-sent']}")
    assert helpdesk.get_by_role("button", name="再送する").count() == 0
    expect(helpdesk.locator(".not-possible")).to_contain_text("G-MIS利用案内メールは、再送できません。")
    expect(helpdesk.locator("[data-procedure]")).to_have_attribute("data-procedure", "ask-login-id-and-reset-password")


def test_the_guide_is_refused_by_the_form_too(helpdesk: Page, world: Mapping[str, str]) -> None:
    """Somebody makes the form that is not offered."""
    helpdesk.goto(f"/messages/{world['other']}")
    helpdesk.evaluate(
        "place => { document.querySelector('form[action$=resend]').action = place; }",
        f"/messages/{world['guide-sent']}/resend",
    )
    helpdesk.fill("#why-resend", "試し")
    helpdesk.get_by_role("button", name="再送する").click()
    expect(helpdesk.locator("h1")).to_have_text("このメールは再送できません")
    expect(helpdesk.locator("[data-procedure]")).to_be_visible()


def test_a_mail_is_withdrawn(helpdesk: Page, served: Served, world: Mapping[str, str]) -> None:
    helpdesk.goto(f"/messages/{world['guide-waiting']}")
    helpdesk.get_by_text("このメールを取り消す").click()
    helpdesk.fill("#why-cancel", "申請の取下げ")
    helpdesk.get_by_role("button", name="取り消す", exact=True).click()
    expect(helpdesk.locator("#message-story .state")).to_contain_text("取消")
    assert last_audit(served) == ("jimukyoku", "message-cancelled", {"why": "申請の取下げ"})


def test_a_doubt_is_settled_from_the_queue(helpdesk: Page, served: Served) -> None:
    helpdesk.goto("/in-doubt")
    helpdesk.get_by_role("link", name="事前確認メール").click()
    helpdesk.get_by_label("届いている（送信完了とする）").check()
    helpdesk.fill("#why-resolve", "電話で確認した")
    helpdesk.get_by_role("button", name="確定する").click()
    expect(helpdesk.locator("#message-story .state")).to_contain_text("送信完了（確認中）")
    assert last_audit(served) == ("jimukyoku", "message-resolved", {"outcome": "sent", "why": "電話で確認した"})
    helpdesk.goto("/in-doubt")
    expect(helpdesk.locator("main")).to_contain_text("送信結果不明のメールはありません")


def test_an_address_change_lives_through_its_states(sign_in: SignIn, served: Served) -> None:
    page = sign_in("yamaguchi").new_page()
    page.goto("/institutions/3510000004")
    page.get_by_role("link", name="メールアドレスの変更依頼を登録").click()
    page.fill("#old_email", "soumu3510000004@example.jp")
    page.fill("#new_email", "ｋａｎｒｉ＠example.jp")
    page.get_by_role("button", name="登録する").click()
    expect(page.locator(".title-line .state")).to_contain_text("依頼受付")
    page.get_by_role("button", name="承認する").click()
    expect(page.locator(".title-line .state")).to_contain_text("承認済")
    page.fill("#login_id", "h3510000004")
    page.get_by_role("button", name="完了を登録する").click()
    expect(page.locator(".title-line .state")).to_contain_text("変更完了")
    page.get_by_role("link", name="メールアドレス変更完了のお知らせ").click()
    expect(page.locator("#message-story .state")).to_contain_text("送信予約")
    assert last_audit(served)[:2] == ("yamaguchi", "address-change-done")


def test_a_form_says_what_is_wrong_beside_the_field(helpdesk: Page) -> None:
    helpdesk.goto("/address-changes/new")
    helpdesk.fill("#institution_name", "どこにもない病院")
    helpdesk.select_option("#prefecture", "35")
    helpdesk.fill("#old_email", "ではない")
    helpdesk.fill("#new_email", "a@example.jp")
    helpdesk.get_by_role("button", name="登録する").click()
    expect(helpdesk.locator("#old_email-wrong")).to_contain_text("形式が正しくありません")
    expect(helpdesk.locator("#new_email")).to_have_value("a@example.jp")
    helpdesk.fill("#old_email", "b@example.jp")
    helpdesk.get_by_role("button", name="登録する").click()
    expect(helpdesk.locator("#institution_name-wrong")).to_contain_text("該当する報告機関が見つかりません")


def test_a_bounce_is_followed_up_and_leaves_the_list(sign_in: SignIn, served: Served) -> None:
    page = sign_in("yamaguchi").new_page()
    page.goto("/undelivered")
    row = page.locator("tr", has_text="防府かえで薬局")
    row.get_by_text("連絡を記録する").click()
    row.get_by_label("つながらず（再度連絡）").check()
    row.get_by_role("button", name="記録する").click()
    expect(row).to_contain_text("つながらず（再度連絡）")
    row.get_by_text("続けて記録する").click()
    row.get_by_label("郵送").check()
    row.get_by_label("内容（任意）").fill("簡易書留で送付")
    row.get_by_role("button", name="記録する").click()  # the browser wants a result first
    assert row.get_by_label("連絡済").evaluate("field => field.matches(':invalid')")
    row.get_by_label("連絡済").check()
    row.get_by_role("button", name="記録する").click()
    expect(row).to_contain_text("簡易書留で送付")
    page.goto("/undelivered")
    expect(page.locator("main")).not_to_contain_text("防府かえで薬局")
    page.goto("/undelivered?work=closed")
    expect(page.locator("tr", has_text="防府かえで薬局")).to_contain_text("郵送")
    actor, action, detail = last_audit(served)
    assert (actor, action, detail["channel"], detail["result"]) == ("yamaguchi", "follow-up-recorded", "letter", "told")


def test_a_suppression_is_added_and_released(helpdesk: Page, served: Served) -> None:
    helpdesk.goto("/suppressions/new?institution_code=3510000001")
    helpdesk.fill("#email", "nobody@example.jp")
    helpdesk.fill("#why-new", "本人の申出")
    helpdesk.get_by_role("button", name="登録する").click()
    row = helpdesk.locator("tr", has_text="担当者による登録")
    expect(row).to_contain_text("n***@example.jp")
    assert last_audit(served)[1:] == (
        "suppression-added",
        {"institution_code": "3510000001", "email": "n***@example.jp", "scope": "all", "why": "本人の申出"},
    )
    row.get_by_text("解除する").first.click()
    row.get_by_label("解除する理由").fill("誤登録")
    row.get_by_role("button", name="解除する").click()
    expect(helpdesk.get_by_role("status")).to_contain_text("送信停止を解除しました")
    assert last_audit(served)[1] == "suppression-released"


def test_on_a_telephone_the_procedure_follows_the_chosen_symptom(helpdesk: Page) -> None:
    helpdesk.set_viewport_size({"width": 390, "height": 900})
    helpdesk.goto("/advice?prefecture=13")
    helpdesk.select_option("#symptom", "no-internet")
    expect(helpdesk.locator("[data-procedure]")).to_have_attribute("data-procedure", "report-on-paper")
    expect(helpdesk.locator(".contact")).to_contain_text("架空の都窓口")
    helpdesk.goto("/institutions/3510000004")
    helpdesk.select_option("#symptom", "lost-guide")
    expect(helpdesk.locator("[data-procedure]")).to_have_attribute("data-procedure", "ask-login-id-and-reset-password")


def test_an_auditor_reads_and_does_nothing_else(sign_in: SignIn, served: Served) -> None:
    page = sign_in("kansa").new_page()
    page.goto("/audit")
    assert page.locator("nav a").all_inner_texts() == ["操作記録"]
    expect(page.locator("tbody tr").first).to_be_visible()
    assert page.locator("main form[method=post]").count() == 0
    answer = page.goto("/institutions/3510000004")
    assert answer is not None
    assert answer.status == 403


def test_a_page_ends_listening_when_its_session_ends(
    sign_in: SignIn, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.pages.live.HEARTBEAT_SECONDS", 0.2)
    window = sign_in("kanri")
    page = window.new_page()
    page.goto("/institutions/3510000004")
    token = next(each["value"] for each in window.cookies() if "session" in each["name"])
    told = page.evaluate(
        """async () => {
          const source = new EventSource('/live?institution_code=3510000004');
          await new Promise(resolve => source.addEventListener('open', resolve));
          window.ended = new Promise(resolve => source.addEventListener('ended', () => resolve('ended')));
          return 'open';
        }"""
    )
    assert told == "open"
    served.run(_sign_out(served, token))
    assert page.evaluate("window.ended") == "ended"


async def _sign_out(served: Served, token: str) -> None:
    async with served.wiring.db.write() as conn:
        await close_session(conn, token)
