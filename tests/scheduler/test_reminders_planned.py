"""Which reminders are planned when statuses arrive, for whom, and what becomes of them, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from core.kinds import InstitutionType
from core.mail import Institution
from core.messages import Change
from core.statuses import Status
from store import suppressions

CODE = "3510000001"
ADDRESS = f"s{CODE}@example.jp"
STEPS = {"start": "2027-01-05", "L-10": "2027-03-16", "L-3": "2027-03-26", "L": "2027-03-31"}
MORNINGS = [f"{day}T09:00" for day in STEPS.values()]


async def outcomes(season: Any, code: str = CODE) -> list[tuple[str, str, str | None]]:
    return [(row.data["step"], row.status, row.reason) for row in await season.reminders(code)]


async def test_every_step_of_the_season_is_planned(season: Any) -> None:
    await season.told(season.word())
    rows = await season.reminders()
    assert await season.steps() == STEPS
    for row in rows:
        assert row.status == "scheduled"
        assert row.due_at.hour == 0  # 09:00 in Tokyo
        assert row.ready_at == row.due_at
        assert (row.kind, row.rule, row.prefecture, row.job_id) == ("reminder", "business-hours", "35", None)
        assert row.expires_at.isoformat() == "2027-03-31T15:00:00+00:00"  # the end of the 31st in Tokyo
        assert (row.email, row.email_key, row.recipient) == (ADDRESS, ADDRESS, {"department": "総務課"})
        assert row.data["deadline"] == "2027-03-31"
        assert await season.story(row.id) == [("planned", "scheduled")]


@pytest.mark.parametrize(
    "changes",
    [{"status": "reported"}, {"channel": "paper"}, {"recipient": None}, {"fiscal_year": 2025}],
    ids=["reported", "paper", "no address", "a season that is over"],
)
async def test_nothing_is_planned_for_those_who_are_not_reminded(season: Any, changes: dict[str, Any]) -> None:
    await season.told(season.word(**changes))
    assert await season.reminders() == []


async def test_the_same_word_again_plans_nothing_again(season: Any) -> None:
    await season.told(season.word(), season.word())
    await season.told(season.word(status="in-progress"))
    assert await season.steps() == STEPS
    assert len(await season.reminders()) == 4


async def test_schemes_are_reminded_of_separately(season: Any) -> None:
    await season.told(season.word(), season.word(scheme="primary-care"))
    assert len(await season.reminders()) == 8
    schemes = {(row.data["scheme"], row.data["step"]) for row in await season.reminders()}
    assert len(schemes) == 8


@pytest.mark.parametrize(
    ("now", "steps"),
    [
        ("2027-01-05T08:59", ["start", "L-10", "L-3", "L"]),
        ("2027-01-05T16:59", ["start", "L-10", "L-3", "L"]),
        ("2027-01-05T17:00", ["L-10", "L-3", "L"]),
        ("2027-02-20T12:00", ["L-10", "L-3", "L"]),
        ("2027-03-26T17:00", ["L"]),
        ("2027-03-31T16:59", ["L"]),
        ("2027-03-31T17:00", []),
        ("2027-04-01T09:00", []),
    ],
)
async def test_an_institution_first_heard_of_in_the_season_gets_the_steps_to_come(
    season: Any, now: str, steps: list[str]
) -> None:
    season.leap(now)
    await season.told(season.word())
    assert list(await season.steps()) == steps


async def test_a_step_of_today_is_due_at_once_within_the_hours(season: Any) -> None:
    season.leap("2027-03-16T13:30")
    await season.told(season.word())
    assert (await season.reminders())[0].due_at == season.clock.now()
    assert await season.send() == [ADDRESS]


async def test_each_step_is_sent_once_on_its_day(season: Any) -> None:
    await season.told(season.word())
    for morning in MORNINGS:
        season.leap(morning.replace("T09:00", "T08:59"))
        assert await season.send() == []
        season.leap(morning)
        assert await season.send() == [ADDRESS]
        await season.told(season.word())
        assert await season.send() == []
    assert {status for _, status, _ in await outcomes(season)} == {"sent"}


async def test_nothing_is_sent_after_reported_however_it_was_planned(season: Any) -> None:
    await season.told(season.word())
    season.leap(MORNINGS[0])
    assert await season.send() == [ADDRESS]
    await season.told(season.word(status="reported"))
    for morning in MORNINGS[1:]:
        season.leap(morning)
        assert await season.send() == []
    assert await outcomes(season) == [
        ("start", "sent", None),
        ("L-10", "cancelled", "already-reported"),
        ("L-3", "cancelled", "already-reported"),
        ("L", "cancelled", "already-reported"),
    ]


async def test_the_status_counts_at_every_attempt(season: Any) -> None:
    await season.told(season.word())
    season.leap(MORNINGS[1])
    found = [message for message in await season.claim() if message.reminder.step == "L-10"]
    await season.record(found, Status.DEFERRED, ready_at=season.clock.now())
    await season.told(season.word(status="reported"))
    season.leap("2027-03-16T09:05")
    assert await season.claim() == []
    assert ("L-10", "cancelled", "already-reported") in await outcomes(season)


async def test_one_who_takes_the_report_back_is_reminded_again(season: Any) -> None:
    await season.told(season.word())
    season.leap(MORNINGS[1])
    await season.told(season.word(status="reported"))
    assert await season.send() == []
    season.leap("2027-03-16T11:00")
    await season.told(season.word(status="in-progress"))
    assert await season.steps() == {"L-10": "2027-03-16", "L-3": "2027-03-26", "L": "2027-03-31"}
    assert await season.send() == [ADDRESS]
    await season.told(season.word(status="reported"))
    season.leap("2027-03-17T11:00")
    await season.told(season.word(status="in-progress"))
    assert await season.steps() == {"L-3": "2027-03-26", "L": "2027-03-31"}


async def test_one_reported_first_and_taken_back_gets_the_steps_to_come(season: Any) -> None:
    season.leap("2027-02-01T10:00")
    await season.told(season.word(status="reported"))
    await season.told(season.word(status="in-progress"))
    assert list(await season.steps()) == ["L-10", "L-3", "L"]


async def test_on_paper_nothing_is_mailed(season: Any) -> None:
    await season.told(season.word())
    season.leap(MORNINGS[0])
    await season.told(season.word(channel="paper"))
    assert await season.send() == []
    assert (await outcomes(season))[0][1] == "cancelled"


async def test_a_stale_word_plans_nothing_and_withdraws_nothing(season: Any) -> None:
    await season.told(season.word(status="reported", as_of="2026-12-09T12:00:00+09:00"))
    await season.told(season.word(as_of="2026-12-08T12:00:00+09:00"))
    assert await season.reminders() == []
    await season.told(season.word(as_of="2026-12-09T13:00:00+09:00"))
    await season.told(season.word(as_of="2026-12-09T12:30:00+09:00", recipient=None))
    assert await season.steps() == STEPS


@pytest.mark.parametrize("restarts", [False, True])
async def test_what_has_not_left_when_the_period_ends_is_expired(season: Any, restarts: bool) -> None:
    await season.told(season.word())
    season.leap("2027-03-31T23:59")
    await season.tick()
    assert {status for _, status, _ in await outcomes(season)} == {"scheduled"}
    season.leap("2027-04-01T00:00")
    if restarts:
        await season.restart()
    await season.tick()
    assert {(status, reason) for _, status, reason in await outcomes(season)} == {("expired", None)}


async def test_on_the_last_evening_the_last_step_alone_is_left_to_expire(season: Any) -> None:
    await season.told(season.word())
    season.leap("2027-03-31T23:59")
    assert await season.claim() == []  # outside the hours
    season.leap("2027-04-01T00:00")
    await season.tick()
    superseded = [(step, "cancelled", "superseded") for step in ("start", "L-10", "L-3")]
    assert await outcomes(season) == [*superseded, ("L", "expired", None)]


@pytest.mark.parametrize("scope", ["all", "reminder"])
async def test_a_suppressed_address_is_not_reminded(season: Any, scope: str) -> None:
    await season.told(season.word(), season.word("3510000002", recipient__email=ADDRESS))
    row = (await season.reminders())[0]
    async with season.wiring.db.write() as conn:
        await suppressions.suppress(conn, "entry", row, scope, season.clock.now())
    season.leap(MORNINGS[0])
    assert await season.send() == [ADDRESS]  # the other institution of the same owner
    assert (await outcomes(season))[0] == ("start", "suppressed", "suppressed")


async def test_a_new_recipient_gets_what_is_still_to_leave(season: Any) -> None:
    await season.told(season.word())
    season.leap(MORNINGS[0])
    assert await season.send() == [ADDRESS]
    new = {"email": "New.Soumu@example.jp", "family_name": "田中", "given_name": "花子"}
    await season.told(season.word(status="in-progress", recipient=new))
    first, *others = await season.reminders()
    assert (first.email, first.recipient) == (ADDRESS, {"department": "総務課"})
    for row in others:
        assert (row.email, row.email_key) == ("New.Soumu@example.jp", "new.soumu@example.jp")
        assert row.recipient == {"family_name": "田中", "given_name": "花子"}
        assert await season.story(row.id) == [("planned", "scheduled"), ("redirected", "scheduled")]
    assert await season.steps() == {step: day for step, day in STEPS.items() if step != "start"}


async def test_a_deferred_reminder_is_redirected_and_keeps_its_next_try(season: Any) -> None:
    await season.told(season.word())
    season.leap(MORNINGS[0])
    again = season.clock.now().replace(hour=5)
    await season.record(await season.claim(), Status.DEFERRED, ready_at=again, attempts=1)
    await season.told(season.word(recipient__email="new@example.jp"))
    row = (await season.reminders())[0]
    assert (row.email, row.status, row.ready_at, row.attempts) == ("new@example.jp", "deferred", again, 1)


async def test_one_on_its_way_is_not_redirected(season: Any) -> None:
    await season.told(season.word())
    season.leap(MORNINGS[0])
    found = await season.claim()
    await season.told(season.word(recipient__email="new@example.jp"))
    await season.record(found, Status.SENT)
    assert (await season.reminders())[0].email == ADDRESS


async def test_without_an_address_reminders_are_withdrawn_until_there_is_one(season: Any) -> None:
    await season.told(season.word())
    await season.told(season.word(recipient=None))
    assert await outcomes(season) == [(step, "cancelled", "withdrawn") for step in STEPS]
    season.leap("2027-02-01T10:00")
    await season.told(season.word(recipient={"email": "new@example.jp"}))
    assert await season.steps() == {step: day for step, day in STEPS.items() if step != "start"}
    assert len(await season.reminders()) == 7


async def test_a_reminder_that_a_person_withdrew_is_not_planned_again(season: Any) -> None:
    await season.told(season.word())
    last = (await season.reminders())[-1]
    by_person = Change(last.id, Status.CANCELLED, "withdrawn", season.clock.now(), {}, {"reason": "withdrawn"})
    assert await season.wiring.ledger.record([by_person]) == [True]
    await season.told(season.word(status="in-progress"))
    assert "L" not in await season.steps()


async def test_the_text_says_what_applies(season: Any) -> None:
    await season.told(
        season.word("3510000001"),
        season.word("3510000002", status="in-progress"),
        season.word("3510000003", last_year_data=False),
    )
    season.leap(MORNINGS[3])
    found = [message for message in await season.claim() if message.reminder.step == "L"]
    said = {message.institution.code: season.text(message) for message in found}
    assert "報告状況\n　未報告" in said["3510000001"]
    assert "「報告」ボタンが押されていません" not in said["3510000001"]
    assert "報告状況\n　報告中" in said["3510000002"]
    assert "「報告」ボタンが押されていません" in said["3510000002"]
    assert "「新規報告」を選択" in said["3510000003"]
    assert all("令和9年3月31日（水）" in text for text in said.values())


async def test_the_text_is_of_the_moment_of_sending(season: Any) -> None:
    await season.told(season.word())
    season.leap(MORNINGS[0])
    await season.told(season.word(status="in-progress", last_year_data=False, institution__name="新しい名の病院"))
    (message,) = await season.claim()
    assert message.reminder_in_progress
    assert not message.reminder_last_year_data
    assert message.institution == Institution(CODE, "新しい名の病院", InstitutionType.HOSPITAL, "35")


async def test_another_prefecture_takes_its_reminders_along(season: Any) -> None:
    season.write("periods.toml", "[medical-function.prefectures.33]\nend = '02-26'")
    await season.restart()
    await season.told(season.word())
    await season.told(season.word(institution__prefecture="33"))
    rows = await season.reminders()
    assert {row.prefecture for row in rows} == {"33"}
    assert await season.steps() == {
        "start": "2027-01-05",
        "L-10": "2027-02-10",
        "L-3": "2027-02-22",
        "L": "2027-02-26",
    }
    assert {row.data["deadline"] for row in rows} == {"2027-02-26"}


async def test_prefectures_have_their_own_days(season: Any) -> None:
    season.write("periods.toml", "[medical-function.prefectures.33.years.2026]\nstart = '01-12'\nend = '02-21'")
    season.write("reminders.toml", "[medical-function.prefectures.33]\nsteps = ['start+2', 'L-1', 'L']")
    await season.restart()
    await season.told(season.word("3510000001"), season.word("3310000001", institution__prefecture="33"))
    assert await season.steps("3510000001") == STEPS
    # 11 January is a holiday; 20 and 21 February are a weekend.
    assert await season.steps("3310000001") == {"start+2": "2027-01-14", "L-1": "2027-02-18", "L": "2027-02-19"}


async def test_where_the_prefecture_reminds_by_itself_nothing_is_planned(season: Any) -> None:
    season.write("reminders.toml", "[medical-function.prefectures.33]\nsteps = []")
    await season.restart()
    await season.told(season.word("3310000001", institution__prefecture="33"))
    assert await season.reminders("3310000001") == []


@pytest.mark.parametrize("year", [1990, 2025, 2098])
async def test_any_fiscal_year_that_is_accepted_can_be_planned(season: Any, year: int) -> None:
    await season.told(season.word(fiscal_year=year))
    assert len(await season.reminders()) == (4 if year == 2098 else 0)
