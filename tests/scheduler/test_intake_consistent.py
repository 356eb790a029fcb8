"""What was decided of an application is held against its later jobs, on both databases (contract section 3)."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from scheduler.intake import Answer
from store import schema
from todoke.wiring import Wiring

NOON = datetime(2026, 12, 28, 3, tzinfo=UTC)
DATA = {
    "account-issue": {"login_id": "h1", "setup_url": "https://www.g-mis.mhlw.go.jp/s/abc"},
    "guide": {"login_id": "h1", "setup_url": "https://www.g-mis.mhlw.go.jp/s/abc"},
    "existing-user-confirm": {"login_id": "h1"},
    "rejection": {"reason": "重複のため"},
}
numbers = itertools.count()


@pytest.fixture
async def wiring(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    clock = SimulatedClock(Anchor(NOON, 0.0, 1), lambda: 0.0)
    made = Wiring(Settings(database_url=database_url, data_dir=tmp_path / "data"), clock)
    await schema.upgrade(made.db)
    yield made
    await made.close()


def job(kind: str, route: str = "self", account: str | None = None) -> dict[str, Any]:
    """A job of the one application."""
    return {
        "job_id": f"job-{next(numbers)}",
        "kind": kind,
        "application": {"id": "A-1", "route": route, "account": account, "received_on": "2026-12-01"},
        "institution": {"code": "3510000001", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
        "recipient": {"email": "soumu@example.jp"},
        "data": DATA.get(kind, {}),
    }


def refusal(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.body["code"], answer.body["errors"][0]["field"]


NOT_BY_RULE = (422, "not-by-rule", "application.account")
CONTRADICTIONS = [
    (("account-issue", "self", "permitted"), ("existing-user-confirm", "self", "unpermitted"), NOT_BY_RULE),
    (("account-issue", "self", "none"), ("existing-user-confirm", "self", "unpermitted"), NOT_BY_RULE),
    (
        ("account-issue", "prefecture", "unpermitted"),
        ("existing-user-confirm", "self", "unpermitted"),
        (422, "not-by-rule", "application.route"),
    ),
    (("pre-check", "self", "none"), ("existing-user-confirm", "self", "unpermitted"), NOT_BY_RULE),
    (("existing-user-confirm", "self", "unpermitted"), ("pre-check", "self", "none"), NOT_BY_RULE),
    (("existing-user-confirm", "self", "unpermitted"), ("account-issue", "self", "none"), NOT_BY_RULE),
    (
        ("account-issue", "prefecture", "none"),
        ("rejection", "self", None),
        (422, "not-for-this-route", "application.route"),
    ),
    (
        ("account-issue", "prefecture", "permitted"),
        ("application-complete", "self", None),
        (422, "not-for-this-route", "application.route"),
    ),
    (
        ("pre-check", "prefecture", "none"),
        ("rejection", "self", None),
        (422, "not-for-this-route", "application.route"),
    ),
]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("first", "later", "refused"), CONTRADICTIONS)
async def test_a_later_job_that_says_otherwise_is_refused(
    wiring: Wiring, first: Any, later: Any, refused: tuple[int, str, str], together: bool
) -> None:
    raws = [job(*first), job(*later)]
    if together:
        answers = await wiring.intake.accept(raws, "test")
    else:
        answers = [(await wiring.intake.accept([raw], "test"))[0] for raw in raws]
    assert answers[0].status == 202
    assert refusal(answers[1]) == refused


CONSISTENT = [
    (("application-complete", "self", None), ("account-issue", "prefecture", "none")),
    (("application-complete", "self", "permitted"), ("account-issue", "self", "unpermitted")),
    (("pre-check", "self", "none"), ("guide", "self", "none")),
    (("account-issue", "self", "unpermitted"), ("existing-user-confirm", "self", "unpermitted")),
    (("account-issue", "self", "permitted"), ("rejection", "self", None)),
    (("existing-user-confirm", "self", "unpermitted"), ("existing-user-confirm", "self", "unpermitted")),
]


@pytest.mark.parametrize(("first", "later"), CONSISTENT)
async def test_one_that_does_not_is_accepted(wiring: Wiring, first: Any, later: Any) -> None:
    for said in (first, later):
        (answer,) = await wiring.intake.accept([job(*said)], "test")
        assert answer.status == 202, answer.body
