"""Jobs that are over before their mail can leave: accepted, and told so (contract section 3)."""

from __future__ import annotations

from typing import Any

import pytest

LINK = "https://www.g-mis.mhlw.go.jp/r/abc"
DATA = {"code": {"code": "123456"}, "password-reset": {"reset_url": LINK}}


def expiring(season: Any, kind: str, expires_at: str, not_before: str | None) -> dict[str, Any]:
    word = season.word()
    return {
        "job_id": "j-1",
        "kind": kind,
        "institution": word["institution"],
        "recipient": word["recipient"],
        "data": DATA[kind] | {"expires_at": expires_at},
        "not_before": not_before,
    }


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize(
    ("expires_at", "not_before", "note"),
    [
        ("2026-12-30T10:00:00+09:00", None, None),
        ("2026-12-30T10:00:00+09:00", "2026-11-01T00:00:00+09:00", None),
        ("2026-12-30T10:00:00+09:00", "2026-12-30T09:59:59+09:00", None),
        ("2026-12-30T10:00:00+09:00", "2026-12-30T10:00:00+09:00", "expires-first"),
        ("2026-12-30T10:00:00+09:00", "2027-01-30T10:00:00+09:00", "expires-first"),
    ],
)
async def test_a_mail_that_is_over_before_it_is_due_is_accepted_with_a_note(
    season: Any, kind: str, expires_at: str, not_before: str | None, note: str | None
) -> None:
    season.leap("2026-12-10T10:00")
    (answer,) = await season.wiring.intake.accept([expiring(season, kind, expires_at, not_before)], "test")
    assert (answer.status, answer.body["note"]) == (202, note)


@pytest.mark.parametrize(("expires", "note"), [("09:00", "expires-first"), ("09:01", None)])
async def test_the_hours_of_its_kind_count(season: Any, expires: str, note: str | None) -> None:
    season.write("timing.toml", "[kinds]\npassword-reset = 'business-hours'")
    await season.restart()
    season.leap("2026-12-10T18:00")
    raw = expiring(season, "password-reset", f"2026-12-11T{expires}:00+09:00", None)
    (answer,) = await season.wiring.intake.accept([raw], "test")
    assert (answer.status, answer.body["note"]) == (202, note)


async def test_the_expiry_of_a_link_that_is_not_sent_expires_no_other_mail(season: Any) -> None:
    word = season.word()
    raw = {
        "job_id": "j-1",
        "kind": "account-issue",
        "application": {"id": "A-1", "route": "self", "account": "unpermitted", "received_on": "2026-11-01"},
        "institution": word["institution"],
        "recipient": word["recipient"],
        "data": {"login_id": "h1", "setup_url": LINK, "expires_at": "2026-12-11T08:00:00+09:00"},
    }
    season.leap("2026-12-10T18:00")
    (answer,) = await season.wiring.intake.accept([raw], "test")
    assert (answer.body["messages"][0]["kind"], answer.body["note"]) == ("existing-user-confirm", None)
    season.leap("2026-12-11T09:00")
    assert await season.send() == [word["recipient"]["email"]]
