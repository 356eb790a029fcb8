"""A service that restarts with another season: nothing double, nothing missing, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from core.messages import Change
from core.statuses import Status
from scheduler.replanning import Replanned

CODE = "3510000001"
ADDRESS = f"s{CODE}@example.jp"
OTHER = "3310000001"

LONGER = "[medical-function.prefectures.35.years.2026]\nend = '04-07'"
AFTER_IT = {"L-10": "2027-03-24", "L-3": "2027-04-02", "L": "2027-04-07"}


@pytest.fixture
async def known(season: Any) -> Any:
    """Two institutions, of two prefectures, all of whose steps lie ahead."""
    await season.told(season.word(), season.word(OTHER, institution__prefecture="33"))
    return season


async def sent_steps(season: Any, code: str = CODE) -> list[str]:
    return [row.data["step"] for row in await season.reminders(code) if row.status == "sent"]


async def expiries(season: Any, code: str = CODE) -> set[str]:
    return {
        row.expires_at.isoformat() for row in await season.reminders(code) if row.status in ("scheduled", "deferred")
    }


async def play(season: Any, *mornings: str) -> list[tuple[str, list[str]]]:
    """Send on these days; who got something when."""
    seen = []
    for day in mornings:
        season.leap(f"{day}T09:00")
        seen.append((day[5:], await season.send()))
    return seen


async def test_a_restart_without_change_does_nothing(known: Any) -> None:
    assert await known.restart() == Replanned()
    known.leap("2027-03-16T10:00")
    await known.send()
    assert await known.restart() == Replanned()


async def test_a_longer_period_moves_what_is_to_come(known: Any) -> None:
    assert (await play(known, "2027-01-05"))[0][1] == [f"s{OTHER}@example.jp", ADDRESS]
    assert len((await play(known, "2027-03-16"))[0][1]) == 2
    known.leap("2027-03-20T10:00")
    known.write("periods.toml", LONGER)
    assert await known.restart() == Replanned(changed=2)
    assert await known.steps() == {"L-3": "2027-04-02", "L": "2027-04-07"}
    assert await known.steps(OTHER) == {"L-3": "2027-03-26", "L": "2027-03-31"}
    assert await expiries(known) == {"2027-04-07T15:00:00+00:00"}
    assert await known.restart() == Replanned()
    days = ("2027-03-24", "2027-03-26", "2027-03-31", "2027-04-02", "2027-04-07")
    assert await play(known, *days) == [
        ("03-24", []),
        ("03-26", [f"s{OTHER}@example.jp"]),
        ("03-31", [f"s{OTHER}@example.jp"]),
        ("04-02", [ADDRESS]),
        ("04-07", [ADDRESS]),
    ]
    assert await sent_steps(known) == ["start", "L-10", "L-3", "L"]


async def test_the_text_names_the_new_deadline(known: Any) -> None:
    known.leap("2027-03-20T10:00")
    known.write("periods.toml", LONGER)
    await known.restart()
    known.leap("2027-04-02T09:00")
    (message,) = [m for m in await known.claim() if m.recipient.email == ADDRESS and m.reminder.step == "L-3"]
    assert "令和9年4月7日（水）" in known.text(message)
    assert "3月31日" not in known.text(message)


async def test_every_move_is_in_the_story(known: Any) -> None:
    known.write("periods.toml", LONGER)
    await known.restart()
    *_, last = await known.reminders()
    assert await known.story(last.id) == [("planned", "scheduled"), ("replanned", "scheduled")]


async def test_an_extension_noticed_on_the_last_day_sends_nothing_twice(known: Any) -> None:
    await play(known, "2027-01-05", "2027-03-16", "2027-03-26", "2027-03-31")
    known.write("periods.toml", LONGER)
    await known.restart()
    assert await play(known, "2027-04-02", "2027-04-07") == [("04-02", []), ("04-07", [])]
    assert await sent_steps(known) == ["start", "L-10", "L-3", "L"]


async def test_an_extension_noticed_after_the_end_brings_back_what_never_left(known: Any) -> None:
    await play(known, "2027-01-05", "2027-03-16")  # no relay after that
    known.leap("2027-04-01T08:00")
    await known.tick()
    known.write("periods.toml", LONGER)
    assert await known.restart() == Replanned(planned=2)
    assert await known.steps() == {"L-3": "2027-04-02", "L": "2027-04-07"}
    assert await known.steps(OTHER) == {}
    assert await known.restart() == Replanned()
    assert await play(known, "2027-04-02", "2027-04-07") == [("04-02", [ADDRESS]), ("04-07", [ADDRESS])]


async def test_what_may_have_arrived_is_not_brought_back(known: Any) -> None:
    await play(known, "2027-01-05", "2027-03-16", "2027-03-26")
    known.leap("2027-03-31T09:00")
    found = await known.claim()
    await known.record(found, Status.IN_DOUBT)
    now = known.clock.now()
    again = [
        change
        for message in found
        for change in (
            Change(message.id, Status.SENDING, "claimed", now, {}, {"lease": "sender"}),
            Change(message.id, Status.DEFERRED, "deferred", now, {}, {"ready_at": None}),
        )
    ]
    assert all(await known.wiring.ledger.record(again))
    known.leap("2027-04-01T08:00")
    await known.tick()
    known.write("periods.toml", LONGER)
    assert await known.restart() == Replanned()


async def test_those_who_have_reported_since_stay_unreminded(known: Any) -> None:
    await known.told(known.word(status="reported"))
    known.write("periods.toml", LONGER)
    await known.restart()
    days = ("2027-01-05", "2027-03-24", "2027-04-02", "2027-04-07")
    assert all(ADDRESS not in who for _, who in await play(known, *days))
    assert {row.reason for row in await known.reminders()} == {"already-reported"}


async def test_one_who_reported_late_and_took_it_back_gets_the_moved_step(known: Any) -> None:
    await known.told(known.word(status="reported"))
    await play(known, "2027-03-31")
    known.write("periods.toml", LONGER)
    known.leap("2027-04-01T10:00")
    await known.restart()
    await known.told(known.word(status="in-progress"))
    assert await known.steps() == {"L-3": "2027-04-02", "L": "2027-04-07"}


async def test_a_shorter_period_moves_what_is_to_come_and_drops_what_has_passed(known: Any) -> None:
    await play(known, "2027-01-05")
    known.leap("2027-02-20T10:00")
    known.write("periods.toml", "[medical-function.prefectures.35]\nend = '02-28'")
    await known.restart()
    assert await known.steps() == {"L-3": "2027-02-22", "L": "2027-02-26"}
    dropped = {row.data["step"]: (row.status, row.reason) for row in await known.reminders()}
    assert dropped["L-10"] == ("cancelled", "outside-period")
    assert await expiries(known) == {"2027-02-28T15:00:00+00:00"}
    days = ("2027-02-22", "2027-02-26", "2027-03-16", "2027-03-31")
    assert [day for day, who in await play(known, *days) if ADDRESS in who] == ["02-22", "02-26"]


async def test_a_period_that_is_over_by_the_new_word_expires_what_is_left(known: Any) -> None:
    known.leap("2027-03-01T10:00")
    known.write("periods.toml", "[medical-function.prefectures.35]\nend = '02-26'")
    await known.restart()
    await known.tick()
    assert await known.steps() == {}
    assert all(status in ("cancelled", "expired") for status in [row.status for row in await known.reminders()])


async def test_a_later_start_moves_the_first_step(known: Any) -> None:
    known.write("periods.toml", "[medical-function.prefectures.35]\nstart = '01-12'")
    await known.restart()
    assert (await known.steps())["start"] == "2027-01-12"
    assert await play(known, "2027-01-05", "2027-01-12") == [
        ("01-05", [f"s{OTHER}@example.jp"]),
        ("01-12", [ADDRESS]),
    ]


async def test_a_sender_faster_than_the_replanning_loses_nothing(known: Any) -> None:
    """The start has moved from the 5th to the 12th, and on the 6th a sender asks before anybody has replanned."""
    known.leap("2027-01-06T10:00")
    known.write("periods.toml", "[medical-function.prefectures.35]\nstart = '01-12'")
    await known.wiring.close()
    known.wiring = type(known.wiring)(known.wiring.settings, known.clock)
    assert ADDRESS not in await known.send()
    await known.wiring.replanner.replan()
    assert (await known.steps())["start"] == "2027-01-12"
    assert await play(known, "2027-01-12") == [("01-12", [ADDRESS])]


async def test_another_policy_adds_and_withdraws_steps(known: Any) -> None:
    known.leap("2027-02-01T10:00")
    known.write("reminders.toml", "[medical-function.prefectures.35]\nsteps = ['start', 'L-5', 'L']")
    assert await known.restart() == Replanned(planned=1, withdrawn=2)
    assert await known.steps() == {"start": "2027-01-05", "L-5": "2027-03-24", "L": "2027-03-31"}
    assert {(r.data["step"], r.reason) for r in await known.reminders() if r.status == "cancelled"} == {
        ("L-10", "withdrawn"),
        ("L-3", "withdrawn"),
    }
    known.write("reminders.toml", "")
    assert await known.restart() == Replanned(planned=2, withdrawn=1)
    assert await known.steps() == {"start": "2027-01-05", "L-10": "2027-03-16", "L-3": "2027-03-26", "L": "2027-03-31"}


async def test_a_closure_moves_a_step(known: Any) -> None:
    known.write("closures.toml", "[prefectures.35.closed]\n2027-03-31 = '県の休日'")
    await known.restart()
    assert await known.steps() == {
        "start": "2027-01-05",
        "L-10": "2027-03-15",
        "L-3": "2027-03-25",
        "L": "2027-03-30",
    }


async def test_a_deferred_reminder_keeps_its_next_try_and_gets_the_new_expiry(known: Any) -> None:
    known.leap("2027-03-31T09:00")
    found = [message for message in await known.claim() if message.reminder.step == "L"]
    again = known.clock.now().replace(hour=3)
    await known.record(found, Status.DEFERRED, ready_at=again)
    known.write("periods.toml", LONGER)
    await known.restart()
    (row,) = [row for row in await known.reminders() if row.data["step"] == "L"]
    assert (row.status, row.ready_at, row.data["deadline"]) == ("deferred", again, "2027-04-07")
    assert row.expires_at.isoformat() == "2027-04-07T15:00:00+00:00"


async def test_one_on_its_way_is_left_alone(known: Any) -> None:
    known.leap("2027-03-31T09:00")
    await known.claim()
    known.write("periods.toml", LONGER)
    await known.restart()
    (row,) = [row for row in await known.reminders() if row.data["step"] == "L"]
    assert (row.status, row.data["deadline"]) == ("sending", "2027-03-31")


async def test_direct_reminders_get_the_new_expiry_and_keep_the_rest(known: Any) -> None:
    known.leap("2027-03-30T10:00")
    await known.publish("r-1", code="3510000009", not_before="2027-04-02T10:00:00+09:00")
    elsewhere = known.word("3310000009", institution__prefecture="33")["institution"]
    await known.publish("r-2", institution=elsewhere, not_before="2027-04-02T10:00:00+09:00")
    (before,) = await known.reminders("3510000009")
    known.write("periods.toml", LONGER)
    assert (await known.restart()).expiries == 1
    (row,) = await known.reminders("3510000009")
    assert row.expires_at.isoformat() == "2027-04-07T15:00:00+00:00"
    assert (row.due_at, row.data, row.status) == (before.due_at, before.data, "scheduled")
    known.leap("2027-04-02T10:00")
    assert "s3510000009@example.jp" in await known.send()
    assert (await known.restart()).expiries == 0


async def test_statuses_of_seasons_long_past_are_not_looked_at(known: Any) -> None:
    await known.told(known.word(fiscal_year=2020))
    known.leap("2028-04-02T10:00")
    assert await known.restart() == Replanned()


async def test_more_institutions_than_fit_a_page(season: Any) -> None:
    words = [season.word(f"35{number:08d}") for number in range(1_203)]
    await season.told(*words, season.word(words[-1]["institution"]["code"], scheme="primary-care"))
    season.write("reminders.toml", "[medical-function]\nsteps = ['start', 'L-10', 'L-4', 'L-3', 'L']")
    assert await season.restart() == Replanned(planned=1_203)
    season.write("periods.toml", LONGER)
    assert await season.restart() == Replanned(changed=1_203 * 5)
    assert await season.steps("3500001202") != {}
    assert await season.restart() == Replanned()
