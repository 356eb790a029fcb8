"""A service that restarts with another calendar promises days on which it sends, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select, update

from core.jst import to_tokyo
from core.statuses import Status
from store.reading import EVERYTHING
from store.tables import events, messages
from tests.scheduler.conftest import Season, tokyo

CLOSED = '[closed]\n2027-01-15 = "急な閉庁"\n'
OPEN = "2027-01-18T09:00"
WEDNESDAY = "2027-01-13T10:00"
OTHERS = ("pre-check", "rejection", "existing-user-confirm", "address-changed")


@pytest.fixture
async def office(database_url: str, tmp_path: Any) -> Any:
    """A service on a Wednesday; the Friday is not closed yet."""
    made = Season(database_url, tmp_path, WEDNESDAY)
    await made.wiring.start()
    yield made
    await made.wiring.close()


def job(kind: str = "account-issue", **changes: Any) -> dict[str, Any]:
    data: Mapping[str, Mapping[str, str]] = {
        "account-issue": {"login_id": "h1", "setup_url": "https://www.g-mis.mhlw.go.jp/s/1"},
        "rejection": {"reason": "重複した申請のため"},
        "existing-user-confirm": {"login_id": "h1"},
        "address-changed": {"login_id": "h1"},
    }
    account = "unpermitted" if kind == "existing-user-confirm" else "none"
    return {
        "job_id": f"j-{kind}",
        "kind": kind,
        "application": {"id": f"A-{kind}", "route": "self", "account": account, "received_on": "2027-01-05"},
        "institution": {"code": "3510000001", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": {"email": "soumu@example.jp"},
        "data": data.get(kind, {}),
    } | changes


async def publish(office: Any, *jobs: dict[str, Any]) -> None:
    answers = await office.wiring.intake.accept(jobs, "test")
    assert [answer.status for answer in answers] == [202] * len(jobs), answers


async def restart(office: Any, closures: str) -> int:
    office.write("closures.toml", closures)
    await office.restart()
    return int(await office.wiring.rescheduler.reschedule())


async def planned(office: Any) -> dict[str, Any]:
    """When each kind of mail is due, and may be claimed."""
    async with office.wiring.db.read() as conn:
        rows = (await conn.execute(select(messages).order_by(messages.c.id))).all()
    shown = {}
    for row in rows:
        moments = [None if at is None else to_tokyo(at).isoformat()[:16] for at in (row.due_at, row.ready_at)]
        shown[row.kind] = moments[0] if moments[0] == moments[1] else tuple(moments)
    return shown


async def moves(office: Any) -> list[Any]:
    query = select(events.c.status, events.c.detail).where(events.c.type == "rescheduled").order_by(events.c.id)
    async with office.wiring.db.read() as conn:
        return [(row.status, dict(row.detail)) for row in await conn.execute(query)]


async def change(office: Any, kind: str, **values: Any) -> None:
    async with office.wiring.db.write() as conn:
        await conn.execute(update(messages).where(messages.c.kind == kind).values(**values))


@pytest.mark.parametrize("kind", ["account-issue", *OTHERS[1:], "reminder"])
async def test_what_waits_for_a_day_that_is_closed_since_waits_for_the_next_one(office: Any, kind: str) -> None:
    if kind == "reminder":
        await office.publish("j-reminder", not_before="2027-01-15T10:00:00+09:00")
    else:
        await publish(office, job(kind, not_before="2027-01-15T10:00:00+09:00"))
    mail = "pre-check" if kind == "account-issue" else kind
    assert (await planned(office))[mail] == "2027-01-15T10:00"
    assert await restart(office, CLOSED) == 1
    assert (await planned(office))[mail] == OPEN
    assert await moves(office) == [("scheduled", {"due_at": f"{OPEN}:00+09:00", "why": "calendar"})]
    assert await restart(office, CLOSED) == 0


async def test_callers_are_told_the_new_day(office: Any) -> None:
    await publish(office, job(not_before="2027-01-15T10:00:00+09:00"))
    await restart(office, CLOSED)
    view = await office.wiring.advisor.institution_view("3510000001", EVERYTHING, whole=False)
    assert view["summary"] == "事前確認メールを 1月18日（月）に送信する予定です。"


@pytest.mark.parametrize(("closures", "due"), [("", "2027-01-15T09:00"), (CLOSED, OPEN)])
async def test_a_guide_is_counted_anew_from_its_pre_check(office: Any, closures: str, due: str) -> None:
    await publish(office, job(not_before="2027-01-14T10:00:00+09:00"))
    office.leap("2027-01-14T10:00")
    await office.send()
    assert (await planned(office))["guide"] == "2027-01-15T09:00"
    assert await restart(office, closures) == (1 if closures else 0)
    assert (await planned(office))["guide"] == due
    assert await restart(office, "") == (1 if closures else 0)  # the day is open again
    assert (await planned(office))["guide"] == "2027-01-15T09:00"


async def test_every_business_day_of_a_guide_counts(office: Any) -> None:
    await office.restart(guide_business_days=2)
    await publish(office, job())
    await office.send()
    assert (await planned(office))["guide"] == "2027-01-15T09:00"
    assert await restart(office, '[closed]\n2027-01-14 = "急な閉庁"\n') == 1
    assert (await planned(office))["guide"] == OPEN


async def test_a_day_that_opens_is_used_from_the_moment_of_planning_on(office: Any) -> None:
    office.write("closures.toml", CLOSED)
    await office.restart()
    await publish(office, job("rejection", not_before="2027-01-15T10:00:00+09:00"))
    assert (await planned(office))["rejection"] == OPEN
    assert await restart(office, "") == 1
    assert (await planned(office))["rejection"] == "2027-01-15T10:00"


@pytest.mark.parametrize("not_before", ["2027-03-31T09:00", "2027-03-31T10:00"])
async def test_a_published_reminder_comes_back_to_its_day_too(office: Any, not_before: str) -> None:
    await office.publish("j-reminder", not_before=f"{not_before}:00+09:00")
    assert await restart(office, '[closed]\n2027-03-31 = "急な閉庁"\n') == 1
    assert (await planned(office))["reminder"] == "2027-04-01T09:00"
    assert await restart(office, "") == 1
    assert (await planned(office))["reminder"] == not_before
    office.leap(not_before)
    assert len(await office.send()) == 1


async def test_a_reminder_of_the_policy_keeps_its_place_among_the_others(office: Any) -> None:
    await office.told(office.word())
    later = tokyo("2027-02-02T11:00")  # spread to the day after its step's
    await change(office, "reminder", due_at=later, ready_at=later)
    assert await office.wiring.rescheduler.reschedule() == 0


async def test_what_is_held_back_today_is_not_brought_forward(office: Any) -> None:
    await publish(office, job("rejection"))
    later = tokyo("2027-01-14T11:00")
    await change(office, "rejection", due_at=later, ready_at=later)
    assert await restart(office, "") == 0
    assert (await planned(office))["rejection"] == "2027-01-14T11:00"


@pytest.mark.parametrize("status", [Status.DEFERRED, Status.IN_DOUBT])
async def test_the_next_try_is_moved_and_the_day_of_the_first_one_stays(office: Any, status: Status) -> None:
    await publish(office, job("rejection"))
    await change(office, "rejection", status=status.value, ready_at=tokyo("2027-01-15T09:30"))
    assert await restart(office, CLOSED) == 1
    assert (await planned(office))["rejection"] == ("2027-01-13T10:00", OPEN)
    assert await moves(office) == [(status.value, {"next_attempt_at": f"{OPEN}:00+09:00", "why": "calendar"})]


async def test_what_leaves_day_and_night_or_at_other_places_stays(office: Any) -> None:
    at_once = job("application-complete", not_before="2027-01-15T10:00:00+09:00")
    elsewhere = job("rejection", not_before="2027-01-15T10:00:00+09:00")
    elsewhere["institution"] |= {"code": "3310000001", "prefecture": "33"}
    await publish(office, at_once, elsewhere)
    before = await planned(office)
    assert await restart(office, '[prefectures.35.closed]\n2027-01-15 = "県の閉庁日"\n') == 0
    assert await planned(office) == before


async def test_every_page_is_gone_through(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.rescheduling._PAGE", 3)
    jobs = [job("rejection", job_id=f"j-{n}", not_before="2027-01-15T10:00:00+09:00") for n in range(7)]
    for number, one in enumerate(jobs):
        one["application"] = one["application"] | {"id": f"A-{number}"}
    await publish(office, *jobs)
    assert await restart(office, CLOSED) == 7
