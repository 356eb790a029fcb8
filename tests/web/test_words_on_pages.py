"""Codes and words of ours as staff read them: in the trail, beside a mail that failed, and where they are refused."""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.errors import ExpiredTokenError, InvalidClaimError, InvalidTokenError, MissingClaimError

from core.kinds import Kind
from core.statuses import Status
from mailer import dialing, relay, transaction, wire
from store.people import Role
from store.users import Attempt
from web import oidc
from web.pages import signing_in_elsewhere
from web.pages.own_words import in_japanese
from web.pages.vocabulary import VALUES
from web.pages.words import edition, together

HTML = {"Accept": "text/html"}
TROUBLES = {"ConnectionGone", "ReplyOverdue", "ReplyGarbled", "Unreachable", "SMTPServerDisconnected"}


def sayings() -> Iterator[str]:
    """What the sender says of connections, read from where it says so; whatever is filled in is 421."""
    for module in (wire, dialing, relay, transaction):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text("utf-8"))):
            name = getattr(node, "func", None)
            if isinstance(node, ast.Call) and getattr(name, "attr", getattr(name, "id", "")) in TROUBLES:
                [said] = node.args
                yield from (filled(part) for part in branches(said))


def branches(said: ast.expr) -> list[ast.expr]:
    return [said.body, said.orelse] if isinstance(said, ast.IfExp) else [said]


def filled(said: ast.expr) -> str:
    if isinstance(said, ast.Constant):
        return str(said.value)
    assert isinstance(said, ast.JoinedStr)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "421" for part in said.values)


@pytest.mark.parametrize("text", sorted(set(sayings())))
def test_whatever_the_sender_says_of_a_connection_is_told_in_japanese(text: str) -> None:
    told = in_japanese(text, None)
    assert told is not None
    assert re.match("応答なし：|不正な応答：", told)
    assert in_japanese(text, 421) == text  # a server's word, if it has a code


def test_all_sayings_are_looked_at() -> None:
    assert len(set(sayings())) >= 10


def words_for_who_is_not_recognised() -> Iterator[str]:
    """Why a sign-in by another office came to nothing, read from where it is said; claims fail in their own ways."""
    for module in (oidc, signing_in_elsewhere):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "OidcFailed":
                why, *_ = node.args
                yield from (why.value,) if isinstance(why, ast.Constant) else ()
    errors = (ExpiredTokenError, InvalidClaimError, InvalidTokenError, MissingClaimError)
    yield from (f"claims-{error.error}".replace("_", "-") for error in errors)
    yield "claims-invalid"


@pytest.mark.parametrize("why", sorted(set(words_for_who_is_not_recognised())))
def test_why_somebody_was_not_recognised_is_told_in_japanese(why: str) -> None:
    assert re.search("[ぁ-ん]", VALUES["why"][why])


def test_all_these_words_are_looked_at() -> None:
    assert {"no-role", "bad-signature", "claims-expired-token"} <= set(words_for_who_is_not_recognised())


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (None, None, None),
        ("", None, ""),
        ("550 5.1.1 no such user", 550, "550 5.1.1 no such user"),
        ("host mx.example.jp said: no", None, "host mx.example.jp said: no"),
        ("no reply within 300 s", None, "応答なし：300秒以内に応答がありませんでした"),
        (
            "cannot connect to relay.example.jp port 25: 192.0.2.1: no answer, 192.0.2.2: Connection refused",
            None,
            "応答なし：relay.example.jp（ポート25）に接続できません（192.0.2.1: 応答なし, 192.0.2.2: 接続を拒否）",
        ),
        (
            "SSLCertVerificationError: expired",
            None,
            "応答なし：通信に失敗しました（SSLCertVerificationError: expired）",
        ),
        ("the relay refused our login: 5.7.8 no", 535, "メールサーバー（リレー）がログインを拒否しました（5.7.8 no）"),
    ],
)
def test_a_servers_words_stay_as_they_are(text: str | None, code: int | None, told: str | None) -> None:
    assert in_japanese(text, code) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("G-MIS事務局", '<span class="together">G-MIS</span>事務局'),
        (
            "山口県医療政策課 (083-933-2924、又はa11700@pref.yamaguchi.lg.jp) へ",
            '山口県医療政策課 (<span class="together">083-933-2924</span>、又は<span class="whole">'
            "a11700@pref.yamaguchi.lg.jp</span>) へ",
        ),
        ("https://www.g-mis.mhlw.go.jp/", '<span class="whole">https://www.g-mis.mhlw.go.jp/</span>'),
        ("<b>1-2週間</b>、令和8年", "&lt;b&gt;1-2週間&lt;/b&gt;、令和8年"),
        ("https://x.example/?a&b", '<span class="whole">https://x.example/?a&amp;b</span>'),
        ("", ""),
    ],
)
def test_names_and_numbers_stay_on_one_line(text: str, told: str) -> None:
    assert together(text) == told


@pytest.fixture
async def silent(api: Any) -> Any:
    """A mail whose connection broke, and one that a server refused with its address in many forms."""
    broken, refused = await api.publish(*(api.plain_job("application-complete", n) for n in range(2)))
    why = "the server closed the connection"
    await api.move(broken["id"], Status.SENDING, Status.DEFERRED, ready_at=api.clock.now(), diagnostic=why)
    words = "550 5.1.1 user%40example.jp and tanaka＠example.jp unknown"
    failure = {"bounce_class": "hard", "reason": "userunknown", "smtp_code": 550, "diagnostic": words}
    await api.move(refused["id"], Status.SENDING, Status.UNDELIVERED, **failure)
    api.broken, api.refused = broken["id"], refused["id"]
    return api


async def test_the_page_says_in_japanese_what_the_api_has_raw(silent: Any) -> None:
    page = (await silent.ask(Role.HELPDESK, "GET", f"/messages/{silent.broken}", headers=HTML)).text
    assert "応答なし：接続が切断されました" in page
    assert "the server closed" not in page
    raw = await silent.get(f"/v1/messages/{silent.broken}")
    assert raw["diagnostic"] == raw["delivery"]["diagnostic"] == "the server closed the connection"
    answer = await silent.ask(Role.HELPDESK, "GET", "/v1/exports/messages?status=deferred")
    [row] = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert row["応答"] == "応答なし：接続が切断されました"


async def test_an_address_is_masked_on_the_page_whatever_stands_for_its_at(silent: Any) -> None:
    page = (await silent.ask(Role.HELPDESK, "GET", f"/messages/{silent.refused}", headers=HTML)).text
    assert "u***@example.jp and t***@example.jp unknown" in page
    job = (await silent.get("/v1/jobs/application-complete-1", Role.PUBLISHER))["messages"][0]
    assert job["diagnostic"] == "550 5.1.1 u***@example.jp and t***@example.jp unknown"
    whole = await silent.get(f"/v1/messages/{silent.refused}")
    assert "tanaka＠example.jp" in whole["diagnostic"]


async def test_a_question_with_an_address_stands_masked_in_the_trail(api: Any) -> None:
    await api.publish(api.job())
    await api.get("/v1/search", params={"q": "soumu＠example.jp"})
    assert (await api.audited())[-1].detail["q"] == "s***@example.jp"


async def test_the_trail_speaks_japanese(api: Any) -> None:
    await api.publish(api.job())
    for place in (
        "to-reach?fiscal_year=2026&scheme=medical-function&prefecture=35",
        "suppressions?scope=reminder&state=active",
        "undelivered?work=closed&kind=guide",
        "messages?status=sent&settled=false&since=2026-11-01T00:00:00Z",
    ):
        assert (await api.ask(Role.HELPDESK, "GET", f"/v1/exports/{place}")).status_code == 200
    await api.wiring.users.sign_in(Attempt("somebody", "not-the-right-one", "192.0.2.1"))
    page = (await api.ask(Role.ADMIN, "GET", "/audit", headers=HTML)).text
    assert '<td data-label="対象"><span class="code">登録のないユーザー名</span></td>' in page
    assert "unknown user" not in page
    told = dict(re.findall(r'<div><span class="note">([^<]*)：</span>([^<]*)</div>', page))
    assert told.items() >= {
        ("年度", "2026"),
        ("報告の制度", "医療機能情報提供制度"),
        ("都道府県", "山口県"),
        ("連絡の状況", "連絡済・対応不要"),
        ("送信完了の確認", "確認中"),
        ("以前にログインした端末", "いいえ"),
        ("開始", "令和8年11月1日（日）9:00"),
    }
    assert "送信停止中" in page
    raw = [name for name in re.findall(r'<span class="note">([^<]*)：</span>', page) if re.search("[a-z]", name)]
    assert raw == []
    assert not re.search(r"</span>(active|all|closed|reminder|csv|sent|publisher|True|False|None)</div>", page)


async def test_free_text_is_no_code(api: Any) -> None:
    [mail] = await api.publish(api.plain_job("application-complete"))
    await api.ask(Role.HELPDESK, "POST", f"/messages/{mail['id']}/cancel", data={"why": "code"}, headers=HTML)
    page = (await api.ask(Role.ADMIN, "GET", "/audit", headers=HTML)).text
    assert '<div><span class="note">理由：</span>code</div>' in page
    assert VALUES["kind"]["code"] == Kind.CODE.label


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("/search?q=%00", "検索する語句：使用できない文字が含まれています。"),
        ("/search?q=" + "x" * 201, "検索する語句：長すぎます。短くしてください。"),
        ("/suppressions?institution_code=!!", "機関コード：形式が正しくありません。ご確認ください。"),
        ("/dashboard?days=0", "集計する期間：対応していない範囲です。"),
        ("/messages?since=gestern", "開始日：形式が正しくありません。ご確認ください。"),
        ("/messages?<script>=1", "URL：この画面では指定できません。"),
    ],
)
async def test_a_refusal_gives_its_reason(sqlite_api: Any, place: str, fault: str) -> None:
    answer = await sqlite_api.ask(Role.ADMIN, "GET", place, headers=HTML)
    assert answer.status_code == 422
    assert fault in answer.text
    assert "<script>=" not in answer.text


@pytest.mark.parametrize("typed", ["3510012345%09", "35-1001-2345", "35%201001%202345", "３５ー１００１ー２３４５"])
async def test_suppressions_are_found_by_a_code_as_people_write_it(api: Any, typed: str) -> None:
    [mail] = await api.publish(api.plain_job("application-complete"))
    failure = {"bounce_class": "hard", "reason": "userunknown"}
    await api.move(mail["id"], Status.SENDING, Status.UNDELIVERED, **failure)
    page = (await api.ask(Role.HELPDESK, "GET", f"/suppressions?institution_code={typed}", headers=HTML)).text
    assert "s***@example.jp" in page
    assert 'value="3510012345"' in page
    there = await api.ask(Role.PREFECTURE, "GET", f"/suppressions?institution_code={typed}", headers=HTML, who="13")
    assert "s***@example.jp" not in there.text


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2026-01-06", "令和8年1月6日時点"),
        ("2019-04-30", "平成31年4月30日時点"),
        ("第2版", "第2版"),
        ("2026-13-01", "2026-13-01"),
    ],
)
def test_the_edition_of_a_procedure_is_dated_as_offices_date_theirs(version: str, said: str) -> None:
    assert edition(version) == said


async def test_a_page_writes_all_its_years_by_their_era(api: Any) -> None:
    pre_check, _ = await api.publish(api.job())
    await api.send(pre_check["id"])
    for place in ("/institutions/3510012345", f"/messages/{pre_check['id']}", "/advice?symptom=not-arrived"):
        page = (await api.ask(Role.HELPDESK, "GET", place, headers=HTML)).text
        shown = re.sub(r"<[^>]*>", " ", page)
        assert re.search(r"令和\d+年", shown)
        assert not re.search(r"20\d\d年(?!度)|20\d\d-\d\d-\d\d", shown)
        assert "この機関コード（）" not in shown
