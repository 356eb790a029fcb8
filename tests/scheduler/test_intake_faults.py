"""A job that brings out a fault of ours is answered 500 by itself; the others of its request and strangers' are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.jobs import Job
from scheduler.intake import Answer, Intake
from scheduler.job_parsing import InputRules
from scheduler.planning import Planned, Planner
from store.engine import OUTAGE
from store.intake import Known
from store.tables import applications, jobs
from todoke.wiring import Wiring

NOON = datetime(2026, 12, 28, 3, tzinfo=UTC)
UNLUCKY = "unlucky"


class FaultyPlanner(Planner):
    """Fails for the unlucky job."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def plan(self, job: Job, found: Known, now: datetime) -> Planned:
        planned = self._planner.plan(job, found, now)
        if job.job_id == UNLUCKY:
            raise RuntimeError("the words of this error quote soumu@example.jp")
        return planned


class FaultyDomains(list[str]):
    """Fails when it is asked for a domain, as it is for addresses with odd dots alone."""

    def __contains__(self, domain: object) -> bool:
        raise RuntimeError(f"never heard of {domain}")


@pytest.fixture
async def wiring(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    made = wiring_over(database_url, tmp_path)
    yield made
    await made.close()


def wiring_over(database_url: str, folder: Path) -> Wiring:
    settings = Settings(database_url=database_url, data_dir=folder / "data")
    return Wiring(settings, SimulatedClock(Anchor(NOON, 0.0, 1), lambda: 0.0))


def faulty(wiring: Wiring) -> Intake:
    """The service's intake, with a planner and a list of carriers that fail."""
    rules = InputRules(wiring.settings.link_hosts, FaultyDomains())
    planner = FaultyPlanner(wiring.intake._planner)
    return Intake(wiring.db, wiring.clock, wiring.cipher, planner, rules, wiring.advisor.issued)


def job(job_id: str, application: str | None = None, **recipient: str) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "kind": "account-issue",
        "application": {"id": application or job_id, "route": "self", "account": "none", "received_on": "2026-12-01"},
        "institution": {"code": "3500001", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": {"email": "soumu@example.jp"} | recipient,
        "data": {"login_id": "h1", "setup_url": "https://www.g-mis.mhlw.go.jp/s/abc"},
    }


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status for answer in answers]


async def on_record(wiring: Wiring) -> int:
    async with wiring.db.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(jobs))).scalar_one())


async def unreadable(wiring: Wiring, application: str) -> None:
    """An application that was issued, of an institution of which the helpdesk cannot make anything."""
    answers = await wiring.intake.accept([job(application), job("odd")], "test")
    assert statuses(answers) == [202, 202]
    async with wiring.db.write() as conn:
        odd = update(applications).where(applications.c.id == "odd").values(route="by-balloon")
        await conn.execute(odd)


BATCH = [job("1"), job("odd-dots", email="a..b@example.jp"), job(UNLUCKY), job("2"), job("1"), job("3", email="nobody")]
ANSWERED = [202, 500, 500, 202, 200, 422]


async def test_a_fault_of_one_job_is_its_own_in_an_array(wiring: Wiring) -> None:
    with capture_logs() as logs:
        answers = await faulty(wiring).accept(BATCH, "test")
    assert statuses(answers) == ANSWERED
    assert await on_record(wiring) == 2
    assert answers[2].body["code"] == "internal"
    told = [line for line in logs if line["log_level"] == "error"]
    assert [line["event"] for line in told] == ["failed to read a job", "failed to take in a job"]
    assert any("FaultyDomains" not in frame and "__contains__" in frame for frame in told[0]["where"])
    assert "soumu@example.jp" not in str(logs)


async def test_a_fault_of_one_job_is_its_own_among_jobs_that_come_at_once(wiring: Wiring) -> None:
    intake = faulty(wiring)
    answers = await asyncio.gather(*(intake.accept_one(raw, "test") for raw in BATCH))
    assert statuses(answers) == ANSWERED
    assert statuses(await intake.accept([job("1"), job("2")], "test")) == [200, 200]


async def test_the_id_of_a_job_that_failed_stays_free(wiring: Wiring) -> None:
    await faulty(wiring).accept([job(UNLUCKY), job("1")], "test")
    assert statuses(await wiring.intake.accept([job(UNLUCKY)], "test")) == [202]


async def test_a_refusal_stands_without_the_procedure_that_cannot_be_told(wiring: Wiring) -> None:
    await unreadable(wiring, "A-1")
    again = [job("x", "A-2"), job("y", "A-1"), job("z", "A-3")]
    with capture_logs() as logs:
        answers = await wiring.intake.accept(again, "test")
    assert statuses(answers) == [202, 409, 202]
    assert answers[1].body["code"] == "already-issued"
    assert "procedure" not in answers[1].body
    assert [line["event"] for line in logs] == ["failed to advise on a job that was issued before"]
    assert "by-balloon" not in str(logs)


async def test_strangers_do_not_pay_for_the_procedure_that_cannot_be_told(wiring: Wiring) -> None:
    await unreadable(wiring, "A-1")
    raws = [job(f"s-{number}", "A-1" if number % 5 == 0 else None) for number in range(40)]
    answers = await asyncio.gather(*(wiring.intake.accept_one(raw, "test") for raw in raws))
    assert statuses(answers) == [409 if number % 5 == 0 else 202 for number in range(40)]


async def test_trouble_of_the_database_is_nobodys_own(tmp_path: Path) -> None:
    wiring = wiring_over("postgresql+psycopg://postgres@127.0.0.1:1/nowhere", tmp_path)
    with pytest.raises(OUTAGE):
        await wiring.intake.accept([job("1"), job("2")], "test")
    await wiring.close()
