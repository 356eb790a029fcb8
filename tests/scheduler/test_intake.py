"""Intake on both databases: idempotent, once for an application, by the rule table, in the contract's order."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.kinds import Kind
from core.messages import Change
from core.statuses import Status
from scheduler.intake import Answer, Unparsable
from store import schema
from store.tables import applications, events, jobs, messages, suppressions
from todoke.wiring import Wiring

NOON = datetime(2026, 12, 28, 3, tzinfo=UTC)
"""Monday, 12:00 in Tokyo; the offices close after it until 4 January."""


def standing_clock() -> SimulatedClock:
    return SimulatedClock(Anchor(NOON, 0.0, 1), lambda: 0.0)


@pytest.fixture
async def wiring(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    made = Wiring(Settings(database_url=database_url, data_dir=tmp_path / "data"), standing_clock())
    await schema.upgrade(made.db)
    yield made
    await made.close()


def job(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An account-issue; `changes` are dotted with __."""
    raw: dict[str, Any] = {
        "job_id": f"job-{number}",
        "kind": "account-issue",
        "application": {"id": f"A-{number}", "route": "self", "account": "none", "received_on": "2026-12-01"},
        "institution": {"code": f"35{number:05d}", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": {"email": "soumu@example.jp"},
        "data": {"login_id": "h1", "setup_url": "https://www.g-mis.mhlw.go.jp/s/abc"},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = raw
        for key in parents:
            place = place[key]
        place[last] = value
    return copy.deepcopy(raw)


async def accept(wiring: Wiring, *raws: Any) -> list[Answer]:
    return await wiring.intake.accept(list(raws), "test")


async def accepted(wiring: Wiring, raw: Any) -> dict[str, Any]:
    (answer,) = await accept(wiring, raw)
    assert answer.status == 202, answer.body
    return answer.body


async def refusal(wiring: Wiring, raw: Any) -> tuple[int, str]:
    (answer,) = await accept(wiring, raw)
    return answer.status, answer.body["code"]


async def count(wiring: Wiring, table: Any) -> int:
    async with wiring.db.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(table))).scalar_one())


async def to_status(wiring: Wiring, message_id: str, *targets: Status, **values: Any) -> None:
    for target in targets:
        lease = {"lease": "test"} if target is Status.SENDING else {}
        change = Change(message_id, target, target.value, NOON, values={**lease, **values})
        assert await wiring.ledger.record([change]) == [True]


TABLE = [
    ("self", "none", ["pre-check", "guide"], None),
    ("self", "unpermitted", ["existing-user-confirm"], None),
    ("self", "permitted", [], "no-mail-permitted"),
    ("prefecture", "none", ["pre-check", "guide"], None),
    ("prefecture", "unpermitted", [], "no-mail-prefecture-tells"),
    ("prefecture", "permitted", [], "no-mail-prefecture-tells"),
]


@pytest.mark.parametrize(("route", "account", "kinds", "note"), TABLE)
async def test_the_rule_table(wiring: Wiring, route: str, account: str, kinds: list[str], note: str | None) -> None:
    body = await accepted(wiring, job(application__route=route, application__account=account))
    assert [message["kind"] for message in body["messages"]] == kinds
    assert body["note"] == note
    async with wiring.db.read() as conn:
        decision = (await conn.execute(select(applications.c.decision))).scalar_one()
    assert decision == (note or "mail")


async def test_the_answer_of_a_new_account(wiring: Wiring) -> None:
    body = await accepted(wiring, job())
    pre_check, guide = body["messages"]
    assert pre_check["status"] == "scheduled"
    assert pre_check["due_at"] == "2026-12-28T12:00:00+09:00"
    assert pre_check["rule"] == "business-hours"
    assert (guide["status"], guide["due_at"], guide["waits_for"]) == ("held", None, pre_check["id"])
    assert guide["rule"] == "next-business-day-after-pre-check"


async def test_the_same_again_is_answered_the_same(wiring: Wiring) -> None:
    first = await accepted(wiring, job())
    (again,) = await accept(wiring, job())
    assert (again.status, again.body) == (200, first)
    reordered = dict(reversed(job().items())) | {"not_before": None}
    (again,) = await accept(wiring, reordered)
    assert (again.status, again.body) == (200, first)
    assert (await count(wiring, jobs), await count(wiring, messages)) == (1, 2)


async def test_a_repetition_is_known_after_its_expiry_too(wiring: Wiring) -> None:
    raw = job(data__expires_at="2026-12-28T12:30:00+09:00")
    first = await accepted(wiring, raw)
    assert isinstance(wiring.clock, SimulatedClock)
    wiring.clock.leap_to(datetime(2026, 12, 29, tzinfo=UTC))
    (again,) = await accept(wiring, raw)
    assert (again.status, again.body) == (200, first)
    assert await refusal(wiring, job(2, data__expires_at="2026-12-28T12:30:00+09:00")) == (422, "invalid")


async def test_the_same_id_with_another_body_is_refused(wiring: Wiring) -> None:
    await accepted(wiring, job())
    assert await refusal(wiring, job(data__login_id="h2")) == (409, "job-id-reused")


async def test_a_refused_job_leaves_its_id_free(wiring: Wiring) -> None:
    assert (await refusal(wiring, job(institution__prefecture="00")))[0] == 422
    await accepted(wiring, job())


async def test_one_bad_job_loses_no_good_one(wiring: Wiring) -> None:
    answers = await accept(wiring, job(1), Unparsable("no JSON"), {"job_id": 5}, job(1), job(2), job(3, kind="x"))
    assert [answer.status for answer in answers] == [202, 400, 422, 200, 202, 422]
    assert await count(wiring, jobs) == 2


@pytest.mark.parametrize("kind", ["account-issue", "guide", "pre-check"])
async def test_an_application_is_issued_once(wiring: Wiring, kind: str) -> None:
    await accepted(wiring, job())
    data = {"pre-check": {}}.get(kind, job()["data"])
    raw = job(job_id="other", kind=kind, data=data)
    (answer,) = await accept(wiring, raw)
    assert (answer.status, answer.body["code"]) == (409, "already-issued")
    assert answer.body["procedure"]["steps"]
    assert answer.body["procedure"]["not_possible"] == [
        "G-MIS利用案内メールは、再送できません。",
        "送信前のメールの宛先を変更することはできません。",
    ]


async def test_a_decision_without_mail_counts_as_issued(wiring: Wiring) -> None:
    await accepted(wiring, job(application__account="permitted"))
    assert await refusal(wiring, job(job_id="other")) == (409, "already-issued")


async def test_once_holds_within_one_batch(wiring: Wiring) -> None:
    answers = await accept(wiring, job(), job(job_id="other"))
    assert [answer.status for answer in answers] == [202, 409]


async def test_an_application_keeps_its_institution(wiring: Wiring) -> None:
    await accepted(wiring, job())
    raw = job(job_id="other", institution__code="9999")
    assert await refusal(wiring, raw) == (422, "another-institution")


async def test_applying_again_is_accepted_with_a_note(wiring: Wiring) -> None:
    body = await accepted(wiring, job())
    pre_check, guide = (message["id"] for message in body["messages"])
    await to_status(wiring, pre_check, Status.SENDING, Status.SENT, sent_at=NOON)
    await to_status(wiring, guide, Status.SENDING, Status.SENT)
    again = await accepted(wiring, job(1, job_id="again", application__id="A-again"))
    assert again["note"] == "guide-already-sent"


@pytest.mark.parametrize(
    ("expires_at", "not_before", "note"),
    [
        ("2027-01-04T23:59:00+09:00", None, None),
        ("2027-01-04T09:01:00+09:00", None, None),
        ("2027-01-04T09:00:00+09:00", None, "guide-expires-first"),
        ("2026-12-31T23:59:00+09:00", None, "guide-expires-first"),
        ("2027-01-04T23:59:00+09:00", "2027-01-04T09:00:00+09:00", "guide-expires-first"),
        ("2027-01-05T09:01:00+09:00", "2027-01-04T09:00:00+09:00", None),
    ],
)
async def test_a_guide_that_will_be_over_before_it_can_leave_is_accepted_with_a_note(
    wiring: Wiring, expires_at: str, not_before: str | None, note: str | None
) -> None:
    body = await accepted(wiring, job(data__expires_at=expires_at, not_before=not_before))
    assert (body["note"], len(body["messages"])) == (note, 2)


async def test_a_lone_guide_is_told_so_too(wiring: Wiring) -> None:
    pre_check = job(kind="pre-check", job_id="first", data={})
    await accepted(wiring, pre_check)
    early = "2026-12-31T23:59:00+09:00"
    assert (await accepted(wiring, job(kind="guide", data__expires_at=early)))["note"] == "guide-expires-first"
    await accepted(wiring, pre_check | job(2, kind="pre-check", job_id="second", data={}))
    later = job(2, kind="guide", data__expires_at="2027-01-05T12:00:00+09:00")
    assert (await accepted(wiring, later | {"not_before": "2027-01-04T12:00:00+09:00"}))["note"] is None


async def test_a_long_link_is_accepted_with_a_note(wiring: Wiring) -> None:
    link = "https://www.g-mis.mhlw.go.jp/s/" + "x" * (75 - 31)
    assert (await accepted(wiring, job(data__setup_url=link)))["note"] == "long-link"
    assert (await accepted(wiring, job(2, data__setup_url=link[:-1])))["note"] is None


def lone(kind: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    data = {"guide": job()["data"], "existing-user-confirm": {"login_id": "h1"}, "rejection": {"reason": "重複"}}
    return job(number, job_id=f"{kind}-{number}", kind=kind, data=data.get(kind, {}), **changes)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (lone("pre-check", application__account="permitted"), "not-by-rule"),
        (lone("guide", application__account="unpermitted"), "not-by-rule"),
        (lone("existing-user-confirm"), "not-by-rule"),
        (
            lone("existing-user-confirm", application__route="prefecture", application__account="unpermitted"),
            "not-by-rule",
        ),
        (lone("application-complete", application__route="prefecture"), "not-for-this-route"),
        (lone("rejection", application__route="prefecture"), "not-for-this-route"),
        (lone("guide"), "no-pre-check"),
        (lone("application-complete", institution__prefecture="13"), "no-contact"),
        (job(institution__prefecture="13"), "no-contact"),
    ],
)
async def test_lone_mails_obey_the_table(wiring: Wiring, raw: dict[str, Any], code: str) -> None:
    assert await refusal(wiring, raw) == (422, code)
    assert await count(wiring, messages) == 0


async def test_a_decision_without_mail_needs_no_contact(wiring: Wiring) -> None:
    await accepted(wiring, job(institution__prefecture="13", application__account="permitted"))


async def test_a_lone_guide_follows_its_pre_check(wiring: Wiring) -> None:
    body = await accepted(wiring, lone("pre-check"))
    assert await refusal(wiring, lone("guide", recipient__email="other@example.jp")) == (422, "recipient-differs")
    guide = (await accepted(wiring, lone("guide")))["messages"][0]
    assert (guide["status"], guide["waits_for"]) == ("held", body["messages"][0]["id"])


async def test_a_lone_guide_of_a_sent_pre_check_is_due_on_the_next_business_day(wiring: Wiring) -> None:
    body = await accepted(wiring, lone("pre-check"))
    await to_status(wiring, body["messages"][0]["id"], Status.SENDING, Status.SENT, sent_at=NOON)
    guide = (await accepted(wiring, lone("guide")))["messages"][0]
    assert (guide["status"], guide["due_at"]) == ("scheduled", "2027-01-04T09:00:00+09:00")


@pytest.mark.parametrize("end", [Status.UNDELIVERED, Status.CANCELLED])
async def test_a_lone_guide_of_a_failed_pre_check_is_refused(wiring: Wiring, end: Status) -> None:
    body = await accepted(wiring, lone("pre-check"))
    way = [Status.SENDING, end] if end is Status.UNDELIVERED else [end]
    await to_status(wiring, body["messages"][0]["id"], *way)
    assert await refusal(wiring, lone("guide")) == (422, "pre-check-undelivered")


async def test_order_of_judging(wiring: Wiring) -> None:
    """422 fields, the known job_id, another institution, already issued, by rule."""
    await accepted(wiring, job())
    worst = job(
        institution__code="999", application__account="permitted", institution__prefecture="13", kind="guide",
        recipient__email="bad",
    )  # fmt: skip
    assert await refusal(wiring, worst) == (422, "invalid")
    worst["recipient"]["email"] = "good@example.jp"
    assert await refusal(wiring, worst) == (409, "job-id-reused")
    worst["job_id"] = "new"
    assert await refusal(wiring, worst) == (422, "another-institution")
    worst["institution"]["code"] = job()["institution"]["code"]
    assert await refusal(wiring, worst) == (409, "already-issued")
    worst["application"]["id"] = "A-new"
    assert await refusal(wiring, worst) == (422, "not-by-rule")


async def test_not_before_is_the_earliest_due_time(wiring: Wiring) -> None:
    body = await accepted(wiring, job(not_before="2027-01-06T20:00:00+09:00"))
    assert body["messages"][0]["due_at"] == "2027-01-07T09:00:00+09:00"
    past = await accepted(wiring, job(2, not_before="2020-01-06T20:00:00+09:00"))
    assert past["messages"][0]["due_at"] == "2026-12-28T12:00:00+09:00"


async def test_not_before_may_be_the_last_moment_that_the_calendar_knows(wiring: Wiring) -> None:
    body = await accepted(wiring, job(not_before="2099-12-31T23:00:00+09:00"))
    assert body["messages"][0]["due_at"] == "2100-01-04T09:00:00+09:00"


async def test_not_before_that_leads_beyond_the_calendar_is_refused(database_url: str, tmp_path: Path) -> None:
    closed = "".join(f'2100-01-{day:02} = "移転"\n' for day in range(4, 9))
    (tmp_path / "closures.toml").write_text(f"[closed]\n{closed}", "utf-8")
    settings = Settings(database_url=database_url, data_dir=tmp_path / "data", config_dir=tmp_path)
    wiring = Wiring(settings, standing_clock())
    await schema.upgrade(wiring.db)
    (answer,) = await accept(wiring, job(not_before="2099-12-31T23:00:00+09:00"))
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "not_before")
    assert await count(wiring, jobs) == 0
    await wiring.close()


async def test_suppression_shows_in_the_answer_and_a_new_probe_releases_it(wiring: Wiring) -> None:
    body = await accepted(wiring, job())
    await to_status(
        wiring, body["messages"][0]["id"], Status.SENDING, Status.UNDELIVERED, bounce_class="hard", reason="userunknown"
    )
    (stopped,) = (await accepted(wiring, lone("application-complete")))["messages"]
    assert stopped["status"] == "suppressed"
    other = await accepted(wiring, lone("application-complete", 2))
    assert other["messages"][0]["status"] == "scheduled"  # another institution with the same address
    again = await accepted(wiring, job(1, job_id="again", application__id="A-again"))
    assert [message["status"] for message in again["messages"]] == ["scheduled", "held"]
    async with wiring.db.read() as conn:
        (row,) = (await conn.execute(select(suppressions))).all()
    assert row.released_at is not None


async def test_nothing_secret_is_stored_readable(wiring: Wiring) -> None:
    code = {"code": "geheim-123456", "expires_at": "2026-12-28T13:00:00+09:00"}
    raw = {"job_id": "c", "kind": "code", "recipient": {"email": "a@example.jp"}, "data": code}
    await accepted(wiring, raw)
    await accepted(wiring, job(data__setup_url="https://www.g-mis.mhlw.go.jp/s/geheim-link"))
    async with wiring.db.read() as conn:
        for table in (jobs, messages, events, applications):
            for row in (await conn.execute(select(table))).all():
                assert "geheim" not in repr(tuple(row))


async def test_every_message_begins_its_story(wiring: Wiring) -> None:
    await accepted(wiring, job())
    async with wiring.db.read() as conn:
        rows = (await conn.execute(select(events.c.type, events.c.status))).all()
    assert sorted(map(tuple, rows)) == [("accepted", "held"), ("accepted", "scheduled")]


async def test_the_newest_word_on_an_institution_counts(wiring: Wiring) -> None:
    await accepted(wiring, job(application__approved_on="2026-12-10"))
    await accepted(wiring, lone("application-complete", institution__name="新名称病院", application__account=None))
    async with wiring.db.read() as conn:
        row = (await conn.execute(select(applications.c.account, applications.c.approved_on))).one()
    assert (row.account, str(row.approved_on)) == ("none", "2026-12-10")


async def test_many_at_once_are_accepted_once(wiring: Wiring) -> None:
    """The same job from several publishers at the same moment: one is new, the others are told the same."""
    answers = [answer for (answer,) in await asyncio.gather(*(accept(wiring, job()) for _ in range(8)))]
    assert sorted(answer.status for answer in answers) == [200] * 7 + [202]
    assert len({str(answer.body) for answer in answers}) == 1
    assert await count(wiring, messages) == 2


async def test_two_issues_of_one_application_at_once(wiring: Wiring) -> None:
    raws = [job(job_id=f"race-{number}") for number in range(6)]
    answers = [answer for (answer,) in await asyncio.gather(*(accept(wiring, raw) for raw in raws))]
    assert sorted(answer.status for answer in answers) == [202] + [409] * 5
    assert await count(wiring, messages) == 2


async def test_the_database_keeps_one_guide_an_application(wiring: Wiring) -> None:
    body = await accepted(wiring, job())
    async with wiring.db.write() as conn:
        query = select(func.count()).where(messages.c.kind == Kind.GUIDE)
        assert (await conn.execute(query)).scalar_one() == 1
        await conn.execute(update(messages).where(messages.c.id == body["messages"][1]["id"]).values(rule="x"))


async def test_jobs_posted_one_by_one_at_the_same_time_are_answered_each_for_itself(wiring: Wiring) -> None:
    """They share transactions; a bad one, a repeated one and another publisher's do not disturb the rest."""
    commits: list[Any] = []
    event.listen(wiring.db.engine.sync_engine, "commit", commits.append)
    raws = [job(number) for number in range(40)] + [job(7), job(8, recipient__email="nobody"), job(9, kind="guide")]
    publishers = ["a", "b"] * 20 + ["a"] * 3
    answers = await asyncio.gather(
        *(wiring.intake.accept_one(raw, publisher) for raw, publisher in zip(raws, publishers, strict=True))
    )
    assert [answer.status for answer in answers] == [202] * 40 + [200, 422, 409]
    assert answers[40].body == answers[7].body
    assert len(commits) < 10
    async with wiring.db.read() as conn:
        rows = (await conn.execute(select(jobs.c.job_id, jobs.c.publisher))).all()
    assert {tuple(row) for row in rows} == {(f"job-{number}", publishers[number]) for number in range(40)}
