"""A database in trouble: requests are refused, the log says why once a minute, and whoever asks learns of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from store.people import Role
from store.writable import Writable

_FULL = """
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_RELID = 'jobs'::regclass OR pg_relation_size(TG_RELID) > 8192 THEN
            RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
        END IF;
        RETURN NULL;
    END $$
"""
_ROOM = "DROP TRIGGER full_disk ON jobs", "DROP TRIGGER full_disk ON guesses"


async def fill(db: Any) -> None:
    """No job finds room any more; what is small, and other tables have room for, does."""
    async with db.write() as conn:
        for statement in (_FULL, "TRUNCATE guesses"):
            await conn.exec_driver_sql(statement)
        for table in ("jobs", "guesses"):
            trigger = f"CREATE TRIGGER full_disk AFTER INSERT ON {table} EXECUTE FUNCTION full_disk()"
            await conn.exec_driver_sql(trigger)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked is looked at anew each time."""
    monkeypatch.setattr("store.writable._EVERY_SECONDS", 0.0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("at_once")
async def test_a_full_disk_is_told_once_and_where_readiness_is_asked(api: Any) -> None:
    state, db = api.wiring.app.state, api.wiring.db
    state.services = replace(state.services, writable=Writable(db, api.wiring.ids))

    async def ready() -> int:
        return int((await api.client.get("/readyz")).status_code)

    async def post() -> int:
        return int((await api.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=api.job())).status_code)

    assert await ready() == 200
    await fill(db)
    assert await ready() == 200  # nobody knows yet
    with capture_logs() as logs:
        assert [await post() for _ in range(3)] == [503] * 3
        await api.get("/v1/messages")
        assert [await ready() for _ in range(3)] == [503] * 3
    told = [entry for entry in logs if entry["log_level"] not in ("info", "debug")]
    assert [entry["event"] for entry in told] == [
        "could not use the database; trying again",
        "could not write to the database; trying again",
    ]
    assert {entry["why"] for entry in told} == {"could not extend file: No space left on device"}
    async with db.write() as conn:
        for statement in _ROOM:
            await conn.exec_driver_sql(statement)
    assert await ready() == 200
    assert await post() == 202


async def test_the_end_of_an_outage_is_told(sqlite_api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = sqlite_api.wiring.app.state.outage
    monkeypatch.setattr(outage, "_quiet", 0.0)
    await sqlite_api.token(Role.HELPDESK)
    with capture_logs() as logs:
        outage.met()
        for url in ("/livez", "/v1/nothing"):
            await sqlite_api.client.get(url)
        assert "uses the database again" not in [entry["event"] for entry in logs]
        await sqlite_api.get("/v1/messages")
    assert "uses the database again" in [entry["event"] for entry in logs]
