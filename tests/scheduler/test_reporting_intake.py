"""Reporting statuses in: what is on record afterwards, on both databases (contract section 5)."""

from __future__ import annotations

from datetime import timedelta
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.jst import rfc3339
from scheduler.intake import Unparsable
from store.tables import institutions

CODE = "3510000001"


def errors(answer: Any) -> list[tuple[str, str]]:
    assert answer.status == 422
    return [(error["field"], error["code"]) for error in answer.body["errors"]]


async def record(season: Any) -> Any:
    (row,) = await season.statuses()
    return row


async def test_a_status_is_on_record_with_its_defaults(season: Any) -> None:
    (answer,) = await season.tell(season.word())
    assert answer.status == 200
    assert answer.body == {
        "fiscal_year": 2026,
        "institution_code": CODE,
        "scheme": "medical-function",
        "status": "not-started",
        "as_of": "2026-12-10T10:00:00+09:00",
        "stale": False,
    }
    row = await record(season)
    assert (row.status, row.channel, row.last_year_data) == ("not-started", "online", True)
    assert row.recipient == {"email": f"s{CODE}@example.jp", "department": "総務課"}
    assert row.as_of == season.clock.now()


async def test_an_institution_unknown_so_far_is_entered_and_renamed_by_a_later_word(season: Any) -> None:
    await season.told(season.word())
    await season.told(season.word(institution__name="徳山みなと病院"))
    async with season.wiring.db.read() as conn:
        (row,) = await conn.execute(select(institutions))
    assert (row.code, row.name, row.type, row.prefecture) == (CODE, "徳山みなと病院", "hospital", "35")
    assert row.name_key == "徳山みなと病院"


async def test_a_stale_word_does_not_rename_the_institution(season: Any) -> None:
    await season.told(season.word(as_of="2026-12-09T12:00:00+09:00"))
    old = season.word(
        as_of="2026-12-08T12:00:00+09:00", institution__name="旧名", recipient={"email": "old@example.jp"}
    )
    (answer,) = await season.tell(old)
    assert answer.body["stale"] is True
    async with season.wiring.db.read() as conn:
        assert (await conn.execute(select(institutions.c.name))).scalar_one() == "周南みなと病院"
    assert (await record(season)).recipient["email"] == f"s{CODE}@example.jp"


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("hospital", "medical-function"),
        ("clinic", "medical-function"),
        ("dental", "medical-function"),
        ("maternity", "medical-function"),
        ("pharmacy", "pharmacy-function"),
    ],
)
async def test_the_scheme_follows_from_the_type(season: Any, kind: str, scheme: str) -> None:
    await season.told(season.word(institution__type=kind))
    assert (await record(season)).scheme == scheme


async def test_schemes_and_years_are_separate_reports(season: Any) -> None:
    await season.told(
        season.word(status="reported"),
        season.word(scheme="primary-care", status="in-progress"),
        season.word(fiscal_year=2027),
    )
    rows = {(row.fiscal_year, row.scheme): row.status for row in await season.statuses()}
    assert rows == {
        (2026, "medical-function"): "reported",
        (2026, "primary-care"): "in-progress",
        (2027, "medical-function"): "not-started",
    }


ORDERS = [
    # as_of of the second word, in hours after the first; whether it counts
    (1, True),
    (0, True),
    (-1, False),
]


@pytest.mark.parametrize(("hours", "counts"), ORDERS)
@pytest.mark.parametrize("together", [True, False])
async def test_an_older_word_never_overwrites_a_newer_one(
    season: Any, hours: int, counts: bool, together: bool
) -> None:
    at = season.clock.now() - timedelta(days=1)
    first = season.word(status="in-progress", as_of=rfc3339(at))
    second = season.word(status="reported", as_of=rfc3339(at + timedelta(hours=hours)))
    if together:
        answers = await season.tell(first, second)
    else:
        answers = [*await season.tell(first), *await season.tell(second)]
    assert [answer.body["stale"] for answer in answers] == [False, not counts]
    assert answers[1].body["status"] == ("reported" if counts else "in-progress")
    row = await record(season)
    assert row.status == ("reported" if counts else "in-progress")
    assert row.as_of == at + timedelta(hours=max(hours, 0))


async def test_without_as_of_a_word_is_of_now(season: Any) -> None:
    await season.told(season.word(status="reported", as_of="2026-12-10T10:30:00+09:00"))
    (early,) = await season.tell(season.word(status="in-progress"))
    assert early.body["stale"] is True
    season.leap("2026-12-10T10:30")
    (now,) = await season.tell(season.word(status="in-progress"))
    assert now.body["stale"] is False
    assert (await record(season)).status == "in-progress"


async def test_as_of_counts_to_the_microsecond_whatever_its_offset(season: Any) -> None:
    await season.told(season.word(status="in-progress", as_of="2026-12-09T12:00:00.000002+09:00"))
    (older,) = await season.tell(season.word(status="reported", as_of="2026-12-09T03:00:00.000001Z"))
    (equal,) = await season.tell(season.word(status="not-started", as_of="2026-12-08T22:00:00.000002-05:00"))
    assert (older.body["stale"], equal.body["stale"]) == (True, False)
    assert (older.body["status"], older.body["as_of"]) == ("in-progress", "2026-12-09T12:00:00+09:00")
    assert (await record(season)).status == "not-started"


async def test_a_word_from_the_future_would_keep_later_ones_out(season: Any) -> None:
    (answer,) = await season.tell(season.word(as_of="2026-12-12T10:00:00+09:00"))
    assert errors(answer) == [("as_of", "future")]
    await season.told(season.word(as_of="2026-12-10T18:00:00+09:00"))  # clocks differ


async def test_a_word_that_names_no_recipient_leaves_the_one_on_record(season: Any) -> None:
    await season.told(season.word())
    silent = season.word(status="in-progress")
    del silent["recipient"]
    await season.told(silent)
    row = await record(season)
    assert (row.status, row.recipient["email"]) == ("in-progress", f"s{CODE}@example.jp")


async def test_a_word_may_take_the_recipient_away(season: Any) -> None:
    await season.told(season.word())
    await season.told(season.word(recipient=None))
    silent = season.word()
    del silent["recipient"]
    await season.told(silent)
    assert not (await record(season)).recipient


async def test_recipients_in_one_upload_go_by_the_order_of_the_words(season: Any) -> None:
    silent = season.word(status="reported")
    del silent["recipient"]
    await season.told(season.word(), season.word(recipient={"email": "new@example.jp"}), silent)
    row = await record(season)
    assert (row.status, row.recipient) == ("reported", {"email": "new@example.jp"})


BAD: list[tuple[Any, list[tuple[str, str]]]] = [
    ([], [("", "type")]),
    ("reported", [("", "type")]),
    (None, [("", "type")]),
    ({}, [("fiscal_year", "required"), ("institution", "required"), ("status", "required")]),
]


@pytest.mark.parametrize(("raw", "expected"), BAD)
async def test_what_is_no_status_is_refused(season: Any, raw: Any, expected: list[tuple[str, str]]) -> None:
    (answer,) = await season.tell(raw)
    assert errors(answer) == expected


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"fiscal_year": "2026"}, "fiscal_year", "type"),
        ({"fiscal_year": True}, "fiscal_year", "type"),
        ({"fiscal_year": 2026.0}, "fiscal_year", "type"),
        ({"fiscal_year": 1989}, "fiscal_year", "range"),
        ({"fiscal_year": 2099}, "fiscal_year", "range"),
        ({"fiscal_year": 10**30}, "fiscal_year", "range"),
        ({"status": "done"}, "status", "choice"),
        ({"status": None}, "status", "required"),
        ({"channel": "fax"}, "channel", "choice"),
        ({"scheme": "dental"}, "scheme", "choice"),
        ({"last_year_data": "no"}, "last_year_data", "type"),
        ({"as_of": "2026-12-09"}, "as_of", "format"),
        ({"as_of": "2026-12-09T10:00:00"}, "as_of", "format"),
        ({"as_of": 5}, "as_of", "type"),
        ({"institution": "3510000001"}, "institution", "type"),
        ({"institution__prefecture": "48"}, "institution.prefecture", "choice"),
        ({"institution__prefecture": "1"}, "institution.prefecture", "choice"),
        ({"institution__type": "vet"}, "institution.type", "choice"),
        ({"institution__name": "a\nb"}, "institution.name", "control-character"),
        ({"institution__code": "35/1"}, "institution.code", "format"),
        ({"institution__colour": "red"}, "institution.colour", "unknown-field"),
        ({"recipient": []}, "recipient", "type"),
        ({"recipient": {}}, "recipient.email", "required"),
        ({"recipient__email": "no address"}, "recipient.email", "format"),
        ({"recipient__department": "a\0b"}, "recipient.department", "control-character"),
        ({"recipient__department": "　 "}, "recipient.department", "empty"),
        ({"recipient__family_name": ""}, "recipient.family_name", "empty"),
        ({"colour": "red"}, "colour", "unknown-field"),
    ],
)
async def test_each_fault_is_named_by_its_dotted_field(
    season: Any, changes: dict[str, Any], field: str, code: str
) -> None:
    (answer,) = await season.tell(season.word(**changes))
    assert errors(answer) == [(field, code)]
    assert await season.statuses() == []


async def test_all_faults_are_named_at_once_and_no_value_is_echoed(season: Any) -> None:
    bad = season.word(status="SECRET-1", institution__type="SECRET-2", as_of="SECRET-3", recipient__email="SECRET-4")
    (answer,) = await season.tell(bad | {"SECRET 5": 1})
    assert {field for field, _ in errors(answer)} == {"status", "institution.type", "as_of", "recipient.email", "?"}
    assert "SECRET" not in str(answer.body)


async def test_a_bad_status_loses_no_good_one(season: Any) -> None:
    words = [season.word(f"351{number:07d}") for number in range(30)]
    words[3] = {"nonsense": 1}
    words[11] = Unparsable("line 12: not JSON")
    words[29] = season.word("3510000029", status="?")
    answers = await season.tell(*words)
    assert [place for place, answer in enumerate(answers) if answer.status != 200] == [3, 11, 29]
    assert [answers[place].status for place in (3, 11, 29)] == [422, 400, 422]
    assert answers[11].body["detail"] == "line 12: not JSON"
    assert len(await season.statuses()) == 27
    assert [answer.body["institution_code"] for answer in answers[4:8]] == [f"351{n:07d}" for n in range(4, 8)]


async def test_an_upload_of_several_chunks_answers_in_order(season: Any) -> None:
    words = [season.word(f"351{number:07d}", status="reported", recipient=None) for number in range(2_500)]
    words[1_700] = {}
    answers = await season.tell(*words)
    assert [answer.status for answer in answers] == [200] * 1_700 + [422] + [200] * 799
    assert [answer.body["institution_code"] for answer in answers if answer.status == 200] == [
        word["institution"]["code"] for word in words if word
    ]
    assert await season.tell() == []


async def test_codes_in_full_width_are_the_same_institution(season: Any) -> None:
    await season.told(season.word(), season.word(status="in-progress", institution__code=" ３５１００００００１ "))
    assert (await record(season)).status == "in-progress"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2"]),  # institution
            st.integers(0, 4),  # hours
            st.sampled_from(["not-started", "in-progress", "reported"]),
            st.sampled_from(["absent", "null", "a@example.jp", "b@example.jp"]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 12),
)
async def test_any_order_of_words_comes_to_what_one_by_one_would(
    season: Any, told: list[tuple[str, int, str, str]], cut: int
) -> None:
    """However the words are cut into uploads, the newest of the last ones counts, and the recipients follow suit.

    Each answer tells what stood behind its word.
    """
    run = token_hex(3)  # examples share the database
    expected: dict[str, tuple[int, str, str | None]] = {}
    words, standing, answers = [], [], []
    for name, hour, status, address in told:
        code = f"{name}-{run}"
        word = season.word(code, status=status, as_of=f"2026-12-09T1{hour}:00:00+09:00")
        _, _, on_record = expected.get(code, (0, "", None))
        if address == "absent":
            del word["recipient"]
        else:
            word["recipient"] = None if address == "null" else {"email": address}
            on_record = None if address == "null" else address
        words.append(word)
        if code not in expected or hour >= expected[code][0]:
            expected[code] = (hour, status, on_record)
        standing.append((expected[code][1], f"2026-12-09T1{expected[code][0]}:00:00+09:00", hour < expected[code][0]))
    for start in range(0, len(words), cut):
        answers += await season.tell(*words[start : start + cut])
    assert [(each.body["status"], each.body["as_of"], each.body["stale"]) for each in answers] == standing
    rows = {row.institution_code: row for row in await season.statuses()}
    for code, (_, status, address) in expected.items():
        assert rows[code].status == status
        assert (rows[code].recipient or {}).get("email") == address
