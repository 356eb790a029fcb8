"""One search for whatever a caller can tell, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, update

from core.kinds import Kind
from scheduler.mail_names import mail_meant, unnumbered
from store.people import Role
from store.search import search_key
from store.tables import messages, search_terms

PLACES = (
    ("3510012345", "周南みなと病院", "35", "soumu@minato-hp.example.jp"),
    ("3510012346", "みなと薬局　下松店", "35", "store12@chain.example.co.jp"),
    ("1310012345", "渡邊デンタルクリニック", "13", "info@watanabe-dental.example.jp"),
    ("1310099999", "Blue Sky メディカルセンター", "13", "owner@chain.example.co.jp"),
)


@pytest.fixture
async def towns(api: Any) -> Any:
    """Two institutions here (35) and two in Tokyo (13), each with a pre-check and a guide."""
    jobs = []
    for number, (code, name, prefecture, email) in enumerate(PLACES):
        made = api.job(job_id=f"j-{number}", application__id=f"App-2026-{number}", recipient__email=email)
        made["institution"] |= {"code": code, "name": name, "prefecture": prefecture}
        made["data"] |= {"login_id": f"H{code}"}
        jobs.append(made)
    api.mails = await api.publish(*jobs)
    return api


async def find(api: Any, text: str, role: Role = Role.HELPDESK, **more: Any) -> Any:
    return await api.get("/v1/search", role, params={"q": text}, **more)


async def codes(api: Any, text: str, role: Role = Role.HELPDESK, **more: Any) -> list[str]:
    return [hit["code"] for hit in (await find(api, text, role, **more))["institutions"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3510012345", [0]),
        ("３５１００１２３４５", [0]),
        (" 3510012345 ", [0]),
        ("3510012345\t", [0]),
        ("\u202a3510012345\u202c", [0]),
        ("\t3510012345\r\n", [0]),
        ("3510012345\t周南みなと病院", []),
        ("35-1001-2345", [0]),
        ("３５－１００１－２３４５", [0]),
        ("35ー1001ー2345", [0]),
        ("35 1001 2345", [0]),
        ("35 1001-2346\t", [1]),
        ("35-100", [0, 1]),
        ("H3510-012345", [0]),
        ("App - 2026 - 1", [1]),
        ("35100", [0, 1]),
        ("周南みなと病院", [0]),
        ("ミナト", [0, 1]),
        ("みなと　病院", [0]),
        ("病院 みなと", [0]),
        ("ﾐﾅﾄ", [0, 1]),
        ("渡辺", [2]),
        ("渡邉デンタル", [2]),
        ("ブルー", []),
        ("ｂｌｕｅ ｓｋｙ", [3]),
        ("blue", [3]),
        ("めでぃかるせんた", [3]),
        ("soumu@minato-hp.example.jp", [0]),
        ("SOUMU@Minato-HP.example.jp", [0]),
        ("ｓｏｕｍｕ＠ｍｉｎａｔｏ－ｈｐ．ｅｘａｍｐｌｅ．ｊｐ", [0]),
        ("soumu@", [0]),
        ("@chain.example", [3, 1]),
        ("minato-hp", [0]),
        ("App-2026-1", [1]),
        ("app-2026", [0, 1, 2, 3]),
        ("h1310012345", [2]),
        ("Ｈ13100", [2, 3]),
        ("大阪", []),
        ("港", []),
        ("%", []),
        ("_", []),
        ("'; DROP TABLE messages; --", []),
        ("みなと\\", [0, 1]),
    ],
)
async def test_it_is_found_by_whatever_the_caller_can_tell(towns: Any, text: str, found: list[int]) -> None:
    assert sorted(await codes(towns, text)) == sorted(PLACES[number][0] for number in found)


async def test_a_code_with_hyphens_is_found_as_it_is(towns: Any) -> None:
    apart = towns.plain_job("application-complete", 9, institution__code="35-1001-2345", institution__name="光医院")
    await towns.publish(apart)
    assert await codes(towns, "35-1001-2345") == ["35-1001-2345"]
    assert await codes(towns, "3510012345") == ["3510012345"]


async def test_it_says_by_what(towns: Any) -> None:
    [hit] = (await find(towns, "soumu@minato-hp.example.jp"))["institutions"]
    assert hit == {
        "code": "3510012345",
        "name": "周南みなと病院",
        "type": "hospital",
        "prefecture": "35",
        "matched": [{"by": "email", "value": "soumu@minato-hp.example.jp"}],
    }


async def test_what_begins_so_and_what_is_shorter_comes_first(towns: Any) -> None:
    assert await codes(towns, "みなと") == ["3510012346", "3510012345"]


@pytest.mark.parametrize("text", ["App-2026-0", "soumu@minato-hp.example.jp"])
async def test_a_whole_address_or_application_brings_its_mails(towns: Any, text: str) -> None:
    found = (await find(towns, text))["messages"]
    assert {mail["kind"] for mail in found} == {"pre-check", "guide"}
    assert {mail["institution_code"] for mail in found} == {"3510012345"}


async def test_a_message_is_found_by_its_id(towns: Any) -> None:
    wanted = towns.mails[0]["id"]
    for text in (wanted, wanted.upper()):
        found = await find(towns, text)
        assert [mail["id"] for mail in found["messages"]] == [wanted]
    assert (await find(towns, "00000000-0000-7000-8000-000000000000"))["messages"] == []


@pytest.mark.parametrize(
    ("text", "kind", "count"),
    [
        ("アカウント発行メール", "guide", 4),
        ("周南みなと アカウント発行メール", "guide", 1),
        ("周南みなと病院のアカウント発行メールが届かない", "guide", 1),
        ("3510012345 事前確認メール", "pre-check", 1),
        ("①事前確認メール", "pre-check", 4),
        ("「②G-MIS利用案内メール」", "guide", 4),
        ("② G-MIS利用案内メールが届かない", "guide", 4),
        ("③G-MIS利用案内既存のご利用者確認依頼メール", "existing-user-confirm", 0),
        ("周南みなと病院の②G-MIS利用案内メール", "guide", 1),
        ("周南みなと ①事前確認メール", "pre-check", 1),
        ("確認コード", "code", 0),
        ("soumu@minato-hp.example.jp 利用案内", "guide", 1),
        ("みなと アカウント発行メール", "guide", 0),  # two institutions: which one?
    ],
)
async def test_a_mail_may_be_called_what_callers_call_it(towns: Any, text: str, kind: str, count: int) -> None:
    found = await find(towns, text)
    assert found["kind"] == kind
    assert len(found["messages"]) == count
    assert {mail["kind"] for mail in found["messages"]} <= {kind}


@pytest.mark.parametrize("text", ["第①病院", "第①病院 事前確認", "①", "① 山田医院", "A①B"])
def test_a_circled_number_that_is_no_mails_stays(text: str) -> None:
    assert unnumbered(text) == text


async def test_a_prefecture_finds_its_own(towns: Any) -> None:
    for place in PLACES[2:]:
        code, name, _, email = place
        for text in (code, name, name[:3], email, email[:6], f"h{code}", "App-2026-2", "app-2026-3"):
            found = await find(towns, text, Role.PREFECTURE)
            assert {hit["prefecture"] for hit in found["institutions"]} <= {"35"}
            assert {mail["institution_code"] for mail in found["messages"]} <= {"3510012345", "3510012346"}
    for mail in towns.mails[4:]:
        assert (await find(towns, mail["id"], Role.PREFECTURE))["messages"] == []
    assert await codes(towns, "@chain.example", Role.PREFECTURE) == ["3510012346"]
    assert await codes(towns, "@chain.example", Role.PREFECTURE, who="13") == ["1310099999"]
    assert len((await find(towns, "利用案内", Role.PREFECTURE))["messages"]) == 2


async def test_an_institution_is_found_by_the_address_that_it_has_now_as_well(towns: Any) -> None:
    async with towns.wiring.db.write() as conn:
        await conn.execute(
            update(messages).where(messages.c.id == towns.mails[0]["id"]).values(email_key="new@minato.example.jp")
        )
    assert await codes(towns, "new@minato.example.jp") == ["3510012345"]
    assert await codes(towns, "soumu@minato-hp.example.jp") == ["3510012345"]


async def test_a_code_mail_without_institution_is_found_by_its_address(towns: Any) -> None:
    await towns.publish(towns.code_job())
    found = await find(towns, "soumu@example.jp")
    assert [mail["kind"] for mail in found["messages"]] == ["code"]
    assert (await find(towns, "soumu@example.jp", Role.PREFECTURE))["messages"] == []


@pytest.mark.parametrize("text", ["Somu@病院.example.jp", "ｓｏｍｕ＠病院.example.jp", "somu@xn--0rys90e.example.jp"])
async def test_an_address_of_a_japanese_domain_is_found_in_each_of_its_forms(towns: Any, text: str) -> None:
    code = towns.code_job(7)
    code["recipient"] = {"email": "Somu@病院.example.jp"}
    await towns.publish(code)
    assert len((await find(towns, text))["messages"]) == 1


async def test_another_name_is_found_from_the_moment_it_is_told(towns: Any) -> None:
    renamed = towns.plain_job("application-complete", institution__name="周南うみかぜ病院")
    await towns.publish(renamed)
    assert await codes(towns, "うみかぜ") == ["3510012345"]
    assert await codes(towns, "周南みなと") == []


async def test_terms_are_kept_once(towns: Any) -> None:
    await towns.publish(*(towns.plain_job("rejection", n, {"reason": "x"}) for n in range(3)))
    async with towns.wiring.db.read() as conn:
        query = select(search_terms.c.kind, func.count()).where(search_terms.c.institution_code == "3510012345")
        counted = {row[0]: row[1] for row in await conn.execute(query.group_by(search_terms.c.kind))}
    assert counted == {"code": 1, "email": 2, "login-id": 1, "application": 4}


async def test_many_are_cut_and_said_to_be_more(api: Any) -> None:
    jobs = [api.plain_job("application-complete", n) for n in range(25)]
    for number, made in enumerate(jobs):
        made["institution"] |= {"code": f"35{number:08}", "name": f"同名薬局{number}"}
    await api.publish(*jobs)
    found = await find(api, "同名薬局")
    assert (len(found["institutions"]), found["more"]) == (20, True)
    assert found["institutions"][0]["name"] == "同名薬局0"


async def test_what_was_shown_is_recorded_without_the_address(towns: Any) -> None:
    await find(towns, "soumu@minato-hp.example.jp")
    line = (await towns.audited())[-1]
    assert (line.action, line.detail) == ("searched", {"q": "s***@minato-hp.example.jp", "addresses": 3})
    count = len(await towns.audited())
    await find(towns, "周南みなと")
    assert len(await towns.audited()) == count


@pytest.mark.parametrize("params", [{}, {"q": ""}, {"q": "x" * 201}, {"q": "a\nb"}, {"q": "\t"}, {"q": "a", "x": "1"}])
async def test_a_question_that_is_none_is_refused(sqlite_api: Any, params: dict[str, str]) -> None:
    assert (await sqlite_api.ask(Role.HELPDESK, "GET", "/v1/search", params=params)).status_code == 422


@pytest.mark.parametrize("name", ["𠮷野", "吉野"])
@pytest.mark.parametrize("asked", ["𠮷野", "吉野"])
async def test_a_name_is_found_by_each_form_of_its_kanji(api: Any, name: str, asked: str) -> None:
    await api.publish(api.job(institution__name=f"{name}齒科医院"))
    assert await codes(api, f"{asked}歯科") == ["3510012345"]


@pytest.mark.parametrize(
    "forms", ["齋齊斎斉", "邉邊辺", "濵濱浜", "桒桑", "𠮷吉", "嵜﨑崎", "槗橋", "冨富", "內内", "藪籔薮"]
)
def test_forms_of_a_kanji_have_one_key(forms: str) -> None:
    assert len({search_key(f"小{form}") for form in forms}) == 1


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("03", True),
        ("㈱", True),
        ("(株)", True),
        ("m", True),
        ("a@", True),
        ("港", True),
        ("%", True),
        ("大阪", False),
        ("999", False),
        ("a@b", False),
    ],
)
async def test_a_term_that_is_too_short_is_said_to_be(api: Any, text: str, short: bool) -> None:
    await api.publish(api.job())
    answer = await api.ask(Role.HELPDESK, "GET", "/search", params={"q": text}, headers={"Accept": "text/html"})
    told = (
        "一部の一致では検索できません" in answer.text,
        "3文字以上" in answer.text,
        "見つかりませんでした" in answer.text,
    )
    assert told == (short, short, not short)


@pytest.mark.parametrize("kind", Kind)
def test_every_mail_has_a_name(kind: Kind) -> None:
    assert mail_meant([kind.label]) == (kind, [])
    assert mail_meant([kind.value.upper()]) == (kind, [])
    assert mail_meant([f"山田医院の{kind.label}が届かない"]) == (kind, [search_key("山田医院")])
