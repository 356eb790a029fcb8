"""The whole HTTP application over a real database, and clients of every role."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher
from sqlalchemy import insert, select

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.messages import Change
from core.reports import ParsedReport
from core.statuses import Status
from store.passwords import Passwords
from store.people import Role
from store.sessions import SessionLimits
from store.tables import audit, reports
from store.users import Users
from todoke.wiring import Wiring

LOCAL_TOKEN = "local-token-of-the-tests"
START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # Tuesday, 10:00 in Tokyo

TOKYO_DESK = """
[prefectures.13]
contact = { name = "架空の都窓口", phone = "03-0000-0000", email = "desk@example.jp" }
"""

JOB: Mapping[str, Any] = {
    "job_id": "reg-2026-000123",
    "kind": "account-issue",
    "application": {
        "id": "A-1001",
        "route": "self",
        "account": "none",
        "received_on": "2026-11-02",
        "approved_on": "2026-11-10",
    },
    "institution": {"code": "3510012345", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
    "recipient": {"email": "soumu@example.jp", "department": "総務課", "family_name": "田中", "given_name": "花子"},
    "data": {"login_id": "h3510012345", "setup_url": "https://www.g-mis.mhlw.go.jp/s/7Q2m", "expires_at": None},
    "not_before": None,
}


def job(**changes: Any) -> dict[str, Any]:
    """The example with changes by dotted key (dots as double underscores); an Ellipsis takes a key away."""
    made: dict[str, Any] = copy.deepcopy(dict(JOB))
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = made
        for parent in parents:
            place = place[parent]
        if value is ...:
            del place[key]
        else:
            place[key] = value
    return made


def plain_job(kind: str, number: int = 1, data: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A job of one kind of mail, with an application of its own."""
    return job(job_id=f"{kind}-{number}", kind=kind, application__id=f"A-{kind}-{number}", data=data or {}, **changes)


def code_job(number: int = 1) -> dict[str, Any]:
    """A code: no institution, no application."""
    return {
        "job_id": f"code-{number}",
        "kind": "code",
        "recipient": {"email": "soumu@example.jp"},
        "data": {"code": "123456", "expires_at": "2026-11-24T11:00:00+09:00"},
    }


class Api:
    """The service and everything a test wants of it."""

    def __init__(self, wiring: Wiring, clock: SimulatedClock) -> None:
        self.wiring = wiring
        self.clock = clock
        transport = httpx2.ASGITransport(app=wiring.app)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://todoke")
        self._tokens: dict[tuple[Role, str], str] = {}

    job = staticmethod(job)
    plain_job = staticmethod(plain_job)
    code_job = staticmethod(code_job)

    async def ask(self, role: Role, method: str, url: str, *, who: str = "", **more: Any) -> httpx2.Response:
        """One request under the token of a role; `who` tells several of one role apart."""
        headers = {"Authorization": f"Bearer {await self.token(role, who)}", **more.pop("headers", {})}
        return await self.client.request(method, url, headers=headers, **more)

    async def token(self, role: Role, who: str = "") -> str:
        """A token of this role; for a prefecture, `who` is its number."""
        if (role, who) not in self._tokens:
            prefecture = (who or "35") if role is Role.PREFECTURE else None
            name = f"{role}{who}"
            self._tokens[role, who] = await self.wiring.people.create(name, role, prefecture)
        return self._tokens[role, who]

    async def get(self, url: str, role: Role = Role.HELPDESK, **more: Any) -> Any:
        """The answer's data; it must be good."""
        answer = await self.ask(role, "GET", url, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def publish(self, *jobs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The messages that jobs come to."""
        answer = await self.ask(Role.PUBLISHER, "POST", "/v1/jobs", json=list(jobs))
        assert answer.status_code == 207, answer.text
        results = answer.json()["results"]
        assert [result["http_status"] for result in results] == [202] * len(jobs), results
        return [message for result in results for message in result["messages"]]

    async def move(self, message_id: str, *targets: Status, **values: Any) -> None:
        """Change a message as a sender would, one status after the other; `values` go with the last one."""
        for number, target in enumerate(targets, 1):
            now = self.clock.now()
            own = {"lease": "a sender", "ready_at": None} if target is Status.SENDING else {}
            own |= {"sent_at": now} if target is Status.SENT else {}
            own |= values if number == len(targets) else {}
            change = Change(message_id, target, target.value, now, {}, own)
            assert await self.wiring.ledger.record([change]) == [True]

    async def send(self, message_id: str) -> None:
        """Let a scheduled message become sent."""
        await self.move(message_id, Status.SENDING, Status.SENT)

    async def report(self, parsed: ParsedReport | None = None, **columns: Any) -> str:
        """A report on record, as the bounce listener leaves it; its id."""
        told = {} if parsed is None else {"type": parsed.type, "parsed": asdict(parsed)}
        values = {
            "id": self.wiring.ids(),
            "received_at": self.clock.now(),
            "peer": "192.0.2.1",
            "token_digest": "d" * 64,
            "digest": b"",
        }
        async with self.wiring.db.write() as conn:
            await conn.execute(insert(reports).values(values | told | columns))
        return values["id"]

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.clock.leap_to(self.clock.now() + timedelta(**span))

    async def audited(self) -> list[Any]:
        """The audit trail, oldest first, but for the tokens of the tests themselves."""
        query = select(audit).where(audit.c.action != "token-created").order_by(audit.c.id)
        async with self.wiring.db.read() as conn:
            return list((await conn.execute(query)).all())


@pytest.fixture
def clock() -> SimulatedClock:
    """Time that stands still until a test lets it pass."""
    return SimulatedClock(Anchor(START, 0.0, 1.0), real=lambda: 0.0)


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    """Data files in which Tokyo has a desk too."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "prefectures.toml").write_text(TOKYO_DESK, "utf-8")
    return folder


@pytest.fixture
async def api(database_url: str, clock: SimulatedClock, config_dir: Path) -> AsyncIterator[Api]:
    """The service on each database."""
    async for made in _serve(database_url, clock, config_dir):
        yield made


@pytest.fixture
async def sqlite_api(sqlite_url: str, clock: SimulatedClock, config_dir: Path) -> AsyncIterator[Api]:
    """The service on SQLite alone, for what does not depend on the database."""
    async for made in _serve(sqlite_url, clock, config_dir):
        yield made


async def _serve(url: str, clock: SimulatedClock, config_dir: Path) -> AsyncIterator[Api]:
    settings = Settings(database_url=url, config_dir=config_dir, api_token=LOCAL_TOKEN, max_body_bytes=200_000)
    wiring = Wiring(settings, clock)
    quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    wiring.users = Users(wiring.db, wiring.ids, quick, SessionLimits(timedelta(hours=1), timedelta(hours=12)))
    made = Api(wiring, clock)
    yield made
    await made.client.aclose()
    await wiring.close()


@pytest.fixture
async def known(api: Api) -> Api:
    """An institution in Yamaguchi (35) whose guide was sent, and one in Tokyo (13)."""
    there = api.job(
        job_id="theirs",
        application__id="A-2",
        institution={"code": "1300000001", "name": "江東薬局", "type": "pharmacy", "prefecture": "13"},
    )
    pre_check, guide, *_ = await api.publish(api.job(), there)
    await api.send(pre_check["id"])
    await api.send(guide["id"])
    return api
