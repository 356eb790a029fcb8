"""Dates that no application can have: refused at the door; those on record from earlier are shown all the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import update

from helpdesk.vocabulary import Symptom
from store.people import Role
from store.tables import applications

CODE = "3510012345"
HTML = {"Accept": "text/html"}


@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "9999-12-31"])
async def test_they_are_refused_by_their_field(sqlite_api: Any, day: str) -> None:
    job = sqlite_api.job(application__approved_on=day)
    answer = await sqlite_api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=job)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "application.approved_on", "code": "range", "detail": "must lie between 2000-01-01 and 2099-12-31"}
    ]


@pytest.mark.parametrize("day", [date.min, date(1900, 1, 1), date(2026, 11, 20)])
@pytest.mark.parametrize("approved_on", [date.min, date.max, None])
@pytest.mark.parametrize("kind", ["account-issue", "application-complete"])
async def test_the_helpdesk_reads_what_is_on_record(
    sqlite_api: Any, day: date, approved_on: date | None, kind: str
) -> None:
    api = sqlite_api
    await api.publish(api.job() if kind == "account-issue" else api.plain_job(kind))
    async with api.wiring.db.write() as conn:
        await conn.execute(update(applications).values(received_on=day, approved_on=approved_on))
    shown = await api.get(f"/v1/institutions/{CODE}")
    assert shown["applications"][0]["received_on"] == day.isoformat()
    assert shown["summary"]
    for symptom in Symptom:
        assert (await api.get("/v1/advice", params={"institution_code": CODE, "symptom": symptom}))["steps"]
    page = await api.ask(Role.HELPDESK, "GET", f"/institutions/{CODE}", headers=HTML)
    assert page.status_code == 200
