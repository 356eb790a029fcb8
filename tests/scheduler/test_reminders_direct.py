"""Reminders published as jobs, beside those of the policy: nobody is reminded twice for a step (contract section 5)."""

from __future__ import annotations

from typing import Any

import pytest

CODE = "3510000001"
ADDRESS = f"s{CODE}@example.jp"


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.body["code"]


async def outcome(season: Any) -> tuple[str, str | None]:
    (row,) = await season.reminders()
    return row.status, row.reason


async def test_one_never_heard_of_counts_as_not_started(season: Any) -> None:
    season.leap("2027-02-01T10:00")
    assert (await season.publish("r-1")).status == 202
    (message,) = await season.claim()
    assert not message.reminder_in_progress
    assert "報告状況\n　未報告" in season.text(message)
    (row,) = await season.reminders()
    assert row.expires_at.isoformat() == "2027-03-31T15:00:00+00:00"


@pytest.mark.parametrize(
    ("when", "deadline"),
    [
        ("2027-01-04T10:00", "2027-03-31"),
        ("2027-01-04T10:00", "2027-01-03"),
        ("2027-04-01T10:00", "2027-03-31"),
        ("2027-04-01T10:00", "2027-04-01"),
    ],
)
async def test_nothing_leaves_outside_the_period(season: Any, when: str, deadline: str) -> None:
    season.leap(when)
    answer = await season.publish("r-1", data={"fiscal_year": 2026, "deadline": deadline})
    assert (answer.status, answer.body["note"].split(",")[-1]) == (202, "outside-period")
    assert await season.send() == []
    assert await outcome(season) == ("cancelled", "outside-period")


async def test_the_period_is_that_of_the_prefecture(season: Any) -> None:
    season.write("periods.toml", "[medical-function.prefectures.35]\nend = '02-26'")
    await season.restart()
    season.leap("2027-03-01T10:00")
    await season.publish("r-1")
    assert await season.send() == []
    assert await outcome(season) == ("cancelled", "outside-period")


async def test_a_deadline_that_is_over_is_refused_and_a_repetition_is_known(season: Any) -> None:
    season.leap("2027-02-19T16:59")  # a Friday
    data = {"fiscal_year": 2026, "deadline": "2027-02-21"}
    first = await season.publish("r-1", data=data)
    assert first.status == 202
    season.leap("2027-02-19T17:00")
    assert (await season.publish("r-1", data=data)).status == 200
    answer = await season.publish("r-2", "3510000002", data=data)
    assert refusal(answer) == (422, "invalid")
    assert [(error["field"], error["code"]) for error in answer.body["errors"]] == [("data.deadline", "past")]


@pytest.mark.parametrize(
    ("deadline", "note"),
    [
        ("2027-02-22", None),
        ("2027-03-31", None),
        ("2027-04-01", "deadline-outside-period"),
        ("2027-12-01", "deadline-outside-period"),
    ],
)
async def test_a_deadline_outside_the_period_is_accepted_with_a_note(
    season: Any, deadline: str, note: str | None
) -> None:
    season.leap("2027-02-22T10:00")
    answer = await season.publish("r-1", data={"fiscal_year": 2026, "deadline": deadline})
    assert (answer.status, answer.body["note"]) == (202, note)


@pytest.mark.parametrize(
    ("fiscal_year", "deadline", "not_before", "note"),
    [
        (2025, "2026-03-31", None, "outside-period"),
        (2020, "2020-01-01", None, "deadline-outside-period,outside-period"),
        (2026, "2026-11-10", None, "deadline-outside-period,outside-period"),
        (2026, "2027-03-31", None, "outside-period"),
        (2026, "2027-03-31", "2027-01-04T23:59:59+09:00", None),  # in the evening before: it goes on the 5th
        (2026, "2027-03-31", "2027-01-04T12:00:00+09:00", "outside-period"),
        (2026, "2027-03-31", "2027-03-31T16:59:59+09:00", None),
        (2026, "2027-03-31", "2027-03-31T17:00:00+09:00", "outside-period"),
    ],
)
async def test_one_that_will_not_leave_is_accepted_with_a_note(
    season: Any, fiscal_year: int, deadline: str, not_before: str | None, note: str | None
) -> None:
    season.leap("2026-12-10T18:00")
    data = {"fiscal_year": fiscal_year, "deadline": deadline}
    answer = await season.publish("r-1", data=data, not_before=not_before)
    assert (answer.status, answer.body["note"]) == (202, note)


async def test_one_due_after_the_period_expires_with_it(season: Any) -> None:
    season.leap("2027-03-30T10:00")
    answer = await season.publish("r-1", not_before="2027-04-02T10:00:00+09:00")
    assert answer.body["note"] == "outside-period"
    season.leap("2027-04-01T00:00")
    await season.tick()
    assert await outcome(season) == ("expired", None)


async def test_nothing_leaves_for_one_reported(season: Any) -> None:
    season.leap("2027-02-01T10:00")
    await season.told(season.word(status="reported"))
    assert (await season.publish("r-1")).status == 202
    assert await season.send() == []
    assert await outcome(season) == ("cancelled", "already-reported")


async def test_the_status_of_another_scheme_or_year_does_not_count(season: Any) -> None:
    season.leap("2027-02-01T10:00")
    await season.told(
        season.word(status="reported", scheme="primary-care"), season.word(status="reported", fiscal_year=2025)
    )
    await season.publish("r-1")
    assert await season.send() == [ADDRESS]
    data = {"fiscal_year": 2026, "deadline": "2027-03-31", "scheme": "primary-care"}
    await season.publish("r-2", data=data)
    assert await season.send() == []


async def test_one_in_progress_is_told_of_the_button(season: Any) -> None:
    season.leap("2027-02-01T10:00")
    await season.told(season.word(status="in-progress"))
    await season.publish("r-1")
    (message,) = [message for message in await season.claim() if message.reminder.step == "direct"]
    assert "「報告」ボタンが押されていません" in season.text(message)


async def test_one_on_paper_is_refused_and_one_who_turns_to_paper_gets_nothing(season: Any) -> None:
    season.leap("2027-02-01T18:00")
    assert (await season.publish("r-1")).status == 202
    await season.told(season.word(channel="paper", recipient=None))
    assert refusal(await season.publish("r-2")) == (422, "paper-channel")
    season.leap("2027-02-02T09:00")
    assert await season.send() == []
    assert (await outcome(season))[0] == "cancelled"


async def test_a_step_of_the_policy_is_not_doubled(season: Any) -> None:
    season.leap("2027-03-16T08:00")
    await season.told(season.word())
    answer = await season.publish("r-1")
    assert refusal(answer) == (422, "already-reminded")
    assert answer.body["errors"][0]["field"] == "institution.code"
    season.leap("2027-03-16T09:00")
    assert await season.send() == [ADDRESS]
    assert refusal(await season.publish("r-1")) == (422, "already-reminded")
    season.leap("2027-03-17T09:00")
    assert (await season.publish("r-1")).status == 202  # the job id was left free
    assert await season.send() == [ADDRESS]


async def test_one_that_would_go_on_a_closed_day_counts_for_the_day_on_which_it_goes(season: Any) -> None:
    season.leap("2027-03-13T12:00")  # Saturday; Monday is 15 March, L-10 is the 16th
    await season.told(season.word())
    assert (await season.publish("r-1")).status == 202
    season.leap("2027-03-15T18:00")
    assert refusal(await season.publish("r-2")) == (422, "already-reminded")


async def test_a_direct_one_stands_for_the_step_of_its_day(season: Any) -> None:
    season.leap("2027-03-26T09:00")
    assert (await season.publish("r-1")).status == 202
    assert await season.send() == [ADDRESS]
    await season.told(season.word())
    assert await season.steps() == {"L": "2027-03-31"}
    assert await season.send() == []


async def test_two_of_one_day_are_one_too_many(season: Any) -> None:
    season.leap("2027-02-01T10:00")
    assert (await season.publish("r-1")).status == 202
    assert refusal(await season.publish("r-2")) == (422, "already-reminded")
    assert (await season.publish("r-1")).status == 200
    assert (await season.publish("r-3", not_before="2027-02-02T10:00:00+09:00")).status == 202
    assert await season.send() == [ADDRESS]


async def test_two_of_one_day_in_one_batch_are_one_too_many(season: Any) -> None:
    season.leap("2027-02-01T10:00")
    word = season.word()
    jobs = [
        {
            "job_id": f"r-{number}",
            "kind": "reminder",
            "institution": word["institution"],
            "recipient": word["recipient"],
            "data": {"fiscal_year": 2026, "deadline": "2027-03-31"},
        }
        for number in (1, 2)
    ]
    answers = await season.wiring.intake.accept(jobs, "test")
    assert [answer.status for answer in answers] == [202, 422]


async def test_a_direct_one_keeps_its_text_and_its_recipient(season: Any) -> None:
    season.leap("2027-02-01T18:00")
    data = {"fiscal_year": 2026, "deadline": "2027-02-15"}
    await season.publish("r-1", data=data)
    await season.told(season.word(recipient__email="new@example.jp"))
    season.leap("2027-02-02T09:00")
    (message,) = await season.claim()
    assert message.recipient.email == ADDRESS
    assert "令和9年2月15日（月）" in season.text(message)
