"""Jobs that come again after the keys have changed, and what `todoke doctor` says of mails that wait meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from bounce_handler.applying import ReportApplier
from config.secret_keys import generate_key
from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.reports import Arrival
from store.tables import jobs
from todoke.cli.doctor import Failed, Warned, _secrets
from todoke.wiring import Wiring

OLD, NEW = generate_key(), generate_key()
FIRST_KEY = "dG9kb2tlLWZpeGVkLXRlc3Qta2V5LW9mLTMyLW9jdHM="
FIRST_DIGEST = "bbfff720ab11092792ff60fcfbc0804d1b3f5f8fc4f6d2f15dd60e9be4d7be9c"
"""What the first versions stored of the job of their test, under that key."""
JOB: dict[str, Any] = {
    "job_id": "c-1",
    "kind": "code",
    "recipient": {"email": "soumu@example.jp"},
    "data": {"code": "123456", "expires_at": "2026-12-29T12:00:00+09:00"},
}


@pytest.fixture
async def under(database_url: str, tmp_path: Path) -> AsyncIterator[Callable[..., Wiring]]:
    """The service over one database, under the keys given, newest first."""
    clock = SimulatedClock(Anchor(datetime(2026, 12, 28, 3, tzinfo=UTC), 0.0, 1), lambda: 0.0)
    async with AsyncExitStack() as stack:

        def made(*keys: str) -> Wiring:
            wiring = Wiring(Settings(database_url=database_url, data_dir=tmp_path, secret_keys=keys), clock)
            stack.push_async_callback(wiring.close)
            return wiring

        yield made


async def answered(wiring: Wiring, job: dict[str, Any]) -> tuple[int, str | None]:
    (answer,) = await wiring.intake.accept([job], "test")
    return answer.status, answer.body.get("code")


async def test_a_job_that_comes_again_is_known_as_long_as_its_key_is(under: Callable[..., Wiring]) -> None:
    another = JOB | {"data": JOB["data"] | {"code": "654321"}}
    assert await answered(under(OLD), JOB) == (202, None)
    assert await answered(under(NEW, OLD), JOB) == (200, None)
    assert await answered(under(NEW, OLD), another) == (409, "job-id-reused")
    for job in (JOB, another):
        assert await answered(under(NEW), job) == (409, "job-id-unverifiable")


async def test_a_job_of_the_first_versions_is_known_when_it_comes_again(under: Callable[..., Wiring]) -> None:
    job = JOB | {"recipient": {**JOB["recipient"], "department": "総務課", "family_name": "𠮷田", "given_name": None}}
    another = job | {"recipient": job["recipient"] | {"department": "総務部"}}
    (first,) = await under(FIRST_KEY).intake.accept([job], "test")
    async with under(FIRST_KEY).db.write() as conn:
        await conn.execute(update(jobs).values(digest=bytes.fromhex(FIRST_DIGEST)))
    for keys in (FIRST_KEY,), (NEW, FIRST_KEY):
        (again,) = await under(*keys).intake.accept([job], "test")
        assert (again.status, again.body) == (200, first.body)
        assert await answered(under(*keys), another) == (409, "job-id-reused")


async def test_doctor_says_which_keys_are_needed(under: Callable[..., Wiring]) -> None:
    assert await _secrets(under(OLD)) == "the newest key reads them all"
    await answered(under(OLD), JOB)
    assert await _secrets(under(NEW, OLD)) == (
        "1 mail(s) that have not left need an older key: keep it in TODOKE_SECRET_KEYS"
    )
    assert (await _secrets(under(OLD, NEW))).startswith("the newest key reads them all; the older ones are for")
    with pytest.raises(Failed, match=r"no key reads the link or code of 1 mail\(s\)"):
        await _secrets(under(NEW))


async def reported(wiring: Wiring, number: int = 1) -> None:
    """So many failure reports came in."""
    raws = [f"Subject: {one}\r\n\r\nno".encode() for one in range(number)]
    await wiring.reports.keep([Arrival("192.0.2.1", "digest", None, raw) for raw in raws])


async def applied(wiring: Wiring) -> None:
    """Nothing waits any more: what belongs to no message is unmatched."""
    while await ReportApplier(wiring.reports, wiring.clock).apply_waiting():
        pass


async def test_doctor_says_which_keys_failure_reports_need(under: Callable[..., Wiring]) -> None:
    await reported(under(OLD), number=2)
    assert await _secrets(under(NEW, OLD)) == (
        "2 failure report(s) that wait to be applied need an older key: keep it in TODOKE_SECRET_KEYS"
    )
    with pytest.raises(Failed, match=r"no key reads 2 failure report\(s\) that wait to be applied; put back the key"):
        await _secrets(under(NEW))
    await applied(under(OLD))
    await answered(under(OLD), JOB)
    assert await _secrets(under(NEW, OLD)) == (
        "1 mail(s) that have not left, 2 unmatched failure report(s) need an older key: keep it in TODOKE_SECRET_KEYS"
    )
    assert await _secrets(under(OLD)) == "the newest key reads them all"


async def test_doctor_warns_of_unmatched_reports_that_no_key_reads(under: Callable[..., Wiring]) -> None:
    await reported(under(OLD))
    await applied(under(OLD))
    with pytest.raises(Warned, match=r"no key reads 1 unmatched failure report\(s\); put back the key .* newest$"):
        await _secrets(under(NEW))
    older = generate_key()
    await answered(under(older), JOB)
    with pytest.raises(Warned, match=r"unmatched .* 1 mail\(s\) that have not left need an older key: keep it in"):
        await _secrets(under(NEW, older))


async def test_doctor_looks_for_no_secrets_where_there_are_no_tables(tmp_path: Path) -> None:
    wiring = Wiring(Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/new.sqlite3", data_dir=tmp_path))
    assert await _secrets(wiring) == "none yet"
    await wiring.close()


async def test_doctor_does_not_pass_secrets_that_it_cannot_look_at(under: Callable[..., Wiring]) -> None:
    await answered(under(OLD), JOB)
    async with under(OLD).db.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '0016'"))
    for key in OLD, NEW:
        with pytest.raises(Failed, match="not looked at: the schema is not the one that this version needs"):
            await _secrets(under(key))
