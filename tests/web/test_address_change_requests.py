"""Which institution a request to change an address is about, and what is wrong with a bad one."""

from __future__ import annotations

from typing import Any

import pytest

from store.people import Role

URL = "/v1/address-changes"
ASKED = {
    "institution_name": "周南みなと病院",
    "institution_code": "3510012345",
    "old_email": "soumu@example.jp",
    "new_email": "jimu@example.jp",
}


async def ask(api: Any, role: Role = Role.HELPDESK, **changes: Any) -> Any:
    body = {key: value for key, value in (ASKED | changes).items() if value is not ...}
    return await api.ask(role, "POST", URL, json=body)


def problem(answer: Any) -> str:
    return str(answer.json()["type"].rpartition("/")[2])


def fields(answer: Any) -> list[tuple[str, str]]:
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


@pytest.mark.parametrize("typed", ["ＡＢＣ　クリニック", "abcｸﾘﾆｯｸ", "A B C クリニック"])
async def test_the_institution_is_found_by_its_name_in_any_width(api: Any, typed: str) -> None:
    own = {"institution__code": "3510000002", "institution__name": "ABCクリニック"}
    await api.publish(api.job(**own))
    named: Any = {"institution_name": typed, "institution_code": ...}
    told = (await ask(api, **named, prefecture="35")).json()
    assert (told["institution_code"], told["institution_name"]) == ("3510000002", typed)
    assert told["registered_name"] == "ABCクリニック"
    own_desk = await ask(api, Role.PREFECTURE, **named)
    assert own_desk.json()["id"] == told["id"]
    for blank in ("", " ", None):
        assert (await ask(api, institution_name=typed, institution_code=blank, prefecture="35")).status_code == 202


async def test_a_name_is_looked_up_in_its_prefecture_alone(known: Any) -> None:
    named: Any = {"institution_name": "江東薬局", "institution_code": ...}
    assert (await ask(known, **named, prefecture="13")).json()["institution_code"] == "1300000001"
    for answer in (await ask(known, **named, prefecture="35"), await ask(known, Role.PREFECTURE, **named)):
        assert (answer.status_code, fields(answer)) == (422, [("institution_name", "unknown")])
    nowhere = await ask(known, **named)
    assert (nowhere.status_code, fields(nowhere)) == (422, [("prefecture", "required")])
    abroad = await ask(known, Role.PREFECTURE, **named, prefecture="13")
    assert (abroad.status_code, fields(abroad)) == (422, [("prefecture", "not-yours")])


async def test_a_name_that_fits_several_brings_the_candidates(known: Any) -> None:
    twin = {"code": "3510099999", "name": "周南 みなと病院", "type": "clinic", "prefecture": "35"}
    await known.publish(known.job(job_id="twin", application__id="A-3", institution=twin))
    answer = await ask(known, institution_code=..., prefecture="35")
    assert (answer.status_code, problem(answer)) == (409, "ambiguous-institution")
    assert answer.json()["candidates"] == [known.job()["institution"], twin]
    assert (await known.get(URL))["items"] == []
    assert (await ask(known, institution_code="３５１００９９９９９")).json()["institution_code"] == twin["code"]


async def test_an_unknown_code_is_named(known: Any) -> None:
    answer = await ask(known, institution_code="9999999999")
    assert (answer.status_code, problem(answer)) == (404, "not-found")
    assert fields(answer) == [("institution_code", "unknown")]
    elsewhere = await ask(known, prefecture="13")
    assert (elsewhere.status_code, fields(elsewhere)) == (422, [("prefecture", "unknown")])


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"institution_name": ...}, "institution_name", "required"),
        ({"institution_name": " "}, "institution_name", "empty"),
        ({"institution_name": "あ\nい"}, "institution_name", "control-character"),
        ({"institution_code": "35_1"}, "institution_code", "format"),
        ({"institution_code": 35}, "institution_code", "type"),
        ({"prefecture": "48"}, "prefecture", "choice"),
        ({"old_email": ...}, "old_email", "required"),
        ({"old_email": "soumu"}, "old_email", "format"),
        ({"new_email": ...}, "new_email", "required"),
        ({"new_email": "総務@example.jp"}, "new_email", "local-part"),
        ({"new_email": "SOUMU@example.jp"}, "new_email", "same"),
        ({"email": "x"}, "email", "unknown-field"),
    ],
)
async def test_bad_fields_are_named_and_not_echoed(
    sqlite_api: Any, changes: dict[str, Any], field: str, code: str
) -> None:
    answer = await ask(sqlite_api, **changes)
    assert answer.status_code == 422
    assert fields(answer) == [(field, code)]
    assert "@example.jp" not in answer.text


async def test_a_body_that_is_no_json_is_unparsable(sqlite_api: Any) -> None:
    assert (await sqlite_api.ask(Role.HELPDESK, "POST", URL, content=b"{")).status_code == 400
