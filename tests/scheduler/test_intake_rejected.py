"""An application is approved or rejected, never both (rules 25, 60, 78), on both databases."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.messages import Change
from core.statuses import Status
from scheduler.commands import Actor, CommandRefused, Commands
from scheduler.intake import Answer
from store import schema
from store.people import Principal, Role
from store.reading import EVERYTHING
from store.tables import messages
from todoke.wiring import Wiring

NOON = datetime(2026, 12, 28, 3, tzinfo=UTC)
STAFF = Actor(Principal("staff", Role.HELPDESK), EVERYTHING)
LINK = {"setup_url": "https://www.g-mis.mhlw.go.jp/s/abc"}
DATA: dict[str, dict[str, str]] = {
    "account-issue": {"login_id": "h1"},
    "guide": {"login_id": "h1"} | LINK,
    "existing-user-confirm": {"login_id": "h1"},
    "rejection": {"reason": "機関コードの誤り"},
}
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
numbers = itertools.count()


def made(url: str, folder: Path) -> Wiring:
    clock = SimulatedClock(Anchor(NOON, 0.0, 1), lambda: 0.0)
    return Wiring(Settings(database_url=url, data_dir=folder / "data"), clock)


@pytest.fixture
async def wiring(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    wiring = made(database_url, tmp_path)
    await schema.upgrade(wiring.db)
    yield wiring
    await wiring.close()


@pytest.fixture
async def processes(postgres_url: str, tmp_path: Path) -> AsyncIterator[tuple[Wiring, Wiring]]:
    one, other = made(postgres_url, tmp_path), made(postgres_url, tmp_path)
    yield one, other
    await one.close()
    await other.close()


def job(kind: str, account: str | None = None, application: str = "A-1") -> dict[str, Any]:
    link = LINK if (kind, account) == ("account-issue", "none") else {}
    return {
        "job_id": f"job-{next(numbers)}",
        "kind": kind,
        "application": {"id": application, "route": "self", "account": account, "received_on": "2026-12-01"},
        "institution": {"code": "3510000001", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": {"email": "soumu@example.jp"},
        "data": DATA.get(kind, {}) | link,
    }


async def accept(wiring: Wiring, *raws: dict[str, Any]) -> list[Answer]:
    return await wiring.intake.accept(raws, "test")


async def accepted(wiring: Wiring, raw: dict[str, Any]) -> list[dict[str, Any]]:
    (answer,) = await accept(wiring, raw)
    assert answer.status == 202, answer.body
    mails: list[dict[str, Any]] = answer.body["messages"]
    return mails


def commands(wiring: Wiring) -> Commands:
    parts = wiring.ids, wiring.return_paths, wiring.timing, wiring.advisor
    return Commands(wiring.db, wiring.ledger, wiring.clock, *parts)


async def kinds(wiring: Wiring) -> list[str]:
    async with wiring.db.read() as conn:
        return sorted((await conn.execute(select(messages.c.kind))).scalars())


async def sent(wiring: Wiring, message_id: str) -> None:
    claimed = Change(message_id, Status.SENDING, "claimed", NOON, values={"lease": "test"})
    gone = Change(message_id, Status.SENT, "sent", NOON, values={"sent_at": NOON})
    assert await wiring.ledger.record([claimed, gone]) == [True, True]


def refused(answer: Answer, advice: str) -> bool:
    """Whether it was refused by rule, and told this way out."""
    if (answer.status, answer.body.get("code")) != (422, "not-by-rule"):
        return False
    (error,) = answer.body["errors"]
    return error["field"] == "application.id" and advice in error["detail"]


APPLY_ANEW = "under a new application id"
WITHDRAW = "withdraw"
APPROVALS = [
    ("account-issue", "none"),
    ("account-issue", "unpermitted"),
    ("account-issue", "permitted"),
    ("pre-check", "none"),
    ("guide", "none"),
    ("existing-user-confirm", "unpermitted"),
]
MAILING = [approval for approval in APPROVALS if approval[1] != "permitted" and approval[0] != "guide"]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("kind", "account"), APPROVALS)
async def test_what_was_rejected_is_not_approved(wiring: Wiring, kind: str, account: str, together: bool) -> None:
    batches = [[job("rejection"), job(kind, account)]] if together else [[job("rejection")], [job(kind, account)]]
    answers = [answer for batch in batches for answer in await accept(wiring, *batch)]
    assert answers[0].status == 202
    assert refused(answers[1], APPLY_ANEW), answers[1].body
    assert refused(answers[1], WITHDRAW)
    assert await kinds(wiring) == ["rejection"]
    assert await accepted(wiring, job("account-issue", "none", "A-2"))


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("kind", "account"), MAILING)
async def test_what_was_approved_is_not_rejected(wiring: Wiring, kind: str, account: str, together: bool) -> None:
    batches = [[job(kind, account), job("rejection")]] if together else [[job(kind, account)], [job("rejection")]]
    answers = [answer for batch in batches for answer in await accept(wiring, *batch)]
    assert answers[0].status == 202
    assert refused(answers[1], WITHDRAW), answers[1].body
    assert "rejection" not in await kinds(wiring)


@pytest.mark.parametrize("together", [False, True])
async def test_a_decision_without_mail_may_be_followed_by_a_rejection(wiring: Wiring, together: bool) -> None:
    """Rule 60: where the account was permitted already, the application may be rejected (rule 14)."""
    raws = [job("account-issue", "permitted"), job("rejection"), job("rejection")]
    answers = await accept(wiring, *raws) if together else [(await accept(wiring, raw))[0] for raw in raws]
    assert [answer.status for answer in answers] == [202, 202, 202]


@pytest.mark.parametrize("kind", ["application-complete", "password-reset"])
async def test_mails_that_decide_nothing_hinder_no_decision(wiring: Wiring, kind: str) -> None:
    reset = {"reset_url": "https://www.g-mis.mhlw.go.jp/r/abc", "expires_at": "2027-01-31T00:00:00+09:00"}
    other = job(kind) | ({"data": reset} if kind == "password-reset" else {})
    await accepted(wiring, other)
    await accepted(wiring, job("rejection"))
    await accepted(wiring, other | {"job_id": "again"})


@pytest.mark.parametrize(("kind", "account"), MAILING)
async def test_an_approval_that_was_withdrawn_may_be_followed_by_a_rejection(
    wiring: Wiring, kind: str, account: str
) -> None:
    approval = job(kind, account)
    await accepted(wiring, approval)
    await commands(wiring).cancel_job(approval["job_id"], STAFF)
    await accepted(wiring, job("rejection"))


async def test_withdrawing_the_guide_alone_is_not_enough(wiring: Wiring) -> None:
    approval = job("account-issue", "none")
    pre_check, _ = await accepted(wiring, approval)
    await sent(wiring, pre_check["id"])
    await commands(wiring).cancel_job(approval["job_id"], STAFF)
    (answer,) = await accept(wiring, job("rejection"))
    assert refused(answer, WITHDRAW)


@pytest.mark.parametrize(("kind", "account"), [approval for approval in APPROVALS if approval[0] != "guide"])
async def test_a_rejection_that_was_withdrawn_may_be_followed_by_an_approval(
    wiring: Wiring, kind: str, account: str
) -> None:
    rejection, second = job("rejection"), job("rejection")
    for raw in (rejection, second):
        await accepted(wiring, raw)
    await commands(wiring).cancel_job(rejection["job_id"], STAFF)
    (answer,) = await accept(wiring, job(kind, account))
    assert refused(answer, APPLY_ANEW)
    await commands(wiring).cancel_job(second["job_id"], STAFF)
    await accepted(wiring, job(kind, account))


async def test_a_rejection_that_left_stands(wiring: Wiring) -> None:
    (rejection,) = await accepted(wiring, job("rejection"))
    await sent(wiring, rejection["id"])
    (answer,) = await accept(wiring, job("account-issue", "none"))
    assert refused(answer, APPLY_ANEW)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("rejection", None), ("account-issue", "none")),
        (("existing-user-confirm", "unpermitted"), ("rejection", None)),
    ],
)
async def test_a_withdrawn_mail_is_not_sent_again_against_a_later_decision(
    wiring: Wiring, first: Any, then: Any
) -> None:
    withdrawn = job(*first)
    (mail,) = await accepted(wiring, withdrawn)
    await commands(wiring).cancel_job(withdrawn["job_id"], STAFF)
    await accepted(wiring, job(*then))
    with pytest.raises(CommandRefused) as caught:
        await commands(wiring).resend(mail["id"], STAFF)
    assert caught.value.problem.code == "resend-impossible"
    assert caught.value.problem.extra["procedure"]["steps"]
    assert "決定" in (caught.value.problem.detail or "")


async def test_a_withdrawn_mail_is_sent_again_where_nothing_else_was_decided(wiring: Wiring) -> None:
    rejection = job("rejection")
    (mail,) = await accepted(wiring, rejection)
    await commands(wiring).cancel_job(rejection["job_id"], STAFF)
    assert await commands(wiring).resend(mail["id"], STAFF)
    (answer,) = await accept(wiring, job("account-issue", "none"))
    assert refused(answer, APPLY_ANEW)


@pytest.mark.parametrize(("kind", "account"), MAILING)
async def test_of_two_processes_that_decide_otherwise_at_once_one_is_heard(
    processes: tuple[Wiring, Wiring], postgres_url: str, kind: str, account: str
) -> None:
    one, other = processes
    await accepted(one, job("application-complete"))
    dsn = postgres_url.replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as watch:
        async with await psycopg.AsyncConnection.connect(dsn) as holding:
            await holding.execute("SELECT FROM applications FOR UPDATE")  # both have read, and cannot write yet
            deciding = [
                asyncio.create_task(accept(one, job("rejection"))),
                asyncio.create_task(accept(other, job(kind, account))),
            ]
            await both_waiting(watch)
        answers = [answer for (answer,) in await asyncio.gather(*deciding)]
    assert sorted(answer.status for answer in answers) == [202, 422]
    assert ("rejection" in await kinds(one)) == (answers[0].status == 202)


async def both_waiting(watch: psycopg.AsyncConnection[Any]) -> None:
    async with asyncio.timeout(30):
        while True:
            row = await (await watch.execute(WAITING)).fetchone()
            if row is not None and row[0] >= 2:
                return
