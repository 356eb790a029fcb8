"""A page with several forms: the one that was refused says what is wrong, keeps what was typed, and the others rest."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core.statuses import Status
from store.people import Role

HTML = {"Accept": "text/html"}
BLANK = "\u3000"


@pytest.fixture
async def mails(api: Any) -> dict[str, str]:
    """One in doubt that may be cancelled as well as settled, one that waits and one that was sent."""
    made = await api.publish(*(api.plain_job("application-complete", number) for number in range(3)))
    doubtful, waiting, sent = (mail["id"] for mail in made)
    await api.move(doubtful, Status.SENDING, Status.IN_DOUBT)
    await api.send(sent)
    return {"resolve": doubtful, "cancel": waiting, "resend": sent, "address": waiting}


async def post(api: Any, place: str, role: Role = Role.HELPDESK, **form: str) -> str:
    answer = await api.ask(role, "POST", place, data=form, headers=HTML)
    assert answer.status_code == 422
    return answer.text


def faults(page: str) -> list[str]:
    return re.findall(r'class="wrong" id="([\w-]+)"', page)


def opened(page: str) -> list[str]:
    return re.findall(r"<details[^>]* open>\s*<summary>([^<]+)", page)


@pytest.mark.parametrize(
    ("form", "opens"),
    [
        ("resolve", []),
        ("resend", []),
        ("cancel", ["このメールを取り消す"]),
        ("address", ["メールアドレス全体を表示する"]),
    ],
)
async def test_no_other_form_is_marked(api: Any, mails: dict[str, str], form: str, opens: list[str]) -> None:
    page = await post(api, f"/messages/{mails[form]}/{form}", why=BLANK, outcome="sent")
    assert faults(page) == [f"why-{form}-wrong"]
    assert opened(page) == opens


@pytest.mark.parametrize("outcome", ["sent", "undelivered"])
async def test_the_outcome_stays_chosen(api: Any, mails: dict[str, str], outcome: str) -> None:
    page = await post(api, f"/messages/{mails['resolve']}/resolve", why=BLANK, outcome=outcome)
    assert re.findall(r'value="(\w+)" required checked', page) == [outcome]


async def test_an_outcome_is_chosen_and_the_reason_stays(api: Any, mails: dict[str, str]) -> None:
    page = await post(api, f"/messages/{mails['resolve']}/resolve", why="電話で<確認>\n総務課")
    assert faults(page) == ["outcome-wrong"]
    assert 'id="outcome-wrong">いずれかを選択してください。<' in page
    assert ">\n電話で&lt;確認&gt;\n総務課</textarea>" in page
    assert " checked" not in page


async def test_a_change_of_an_address_keeps_what_was_typed(api: Any) -> None:
    await api.publish(api.job())
    asked = {"institution_code": "3510012345", "institution_name": "周南みなと病院", "old_email": "soumu@example.jp"}
    form = {**asked, "new_email": "new@example.jp"}
    sent = await api.ask(Role.PREFECTURE, "POST", "/address-changes/new", data=form, headers=HTML)
    place = sent.headers["location"].partition("?")[0]
    page = await post(api, f"{place}/addresses", Role.PREFECTURE, why=BLANK)
    assert (faults(page), opened(page)) == (["why-addresses-wrong"], ["メールアドレス全体を表示する"])
    page = await post(api, f"{place}/reject", Role.PREFECTURE, why="x" * 1001)
    assert (faults(page), opened(page)) == (["why-reject-wrong"], ["この依頼を却下する"])
    assert "x" * 1001 in page
    await api.ask(Role.PREFECTURE, "POST", f"{place}/approve", headers=HTML)
    page = await post(api, f"{place}/done", Role.PREFECTURE, login_id="h" * 201)
    assert (faults(page), opened(page)) == (["login_id-wrong"], [])
    assert f'value="{"h" * 201}"' in page


async def test_a_new_suppression_keeps_its_reason(api: Any) -> None:
    form = {"institution_code": "3510012345", "scope": "reminder", "why": "本人の申出"}
    page = await post(api, "/suppressions/new", **form, email="")
    assert ">\n本人の申出</textarea>" in page
    assert faults(page) == ["email-wrong"]
    assert "いずれかを選択してください。" in await post(api, "/suppressions/new", **(form | {"scope": ""}))
