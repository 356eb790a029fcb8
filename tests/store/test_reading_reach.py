"""The list of those whom no mail reaches and who have not reported, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.jst import TOKYO
from core.kinds import Scheme
from core.messages import Change
from core.statuses import Status
from scheduler.policies import LeavePolicy
from store import schema
from store.outbox import StoredOutbox
from store.reading import EVERYTHING, Sight
from store.reading_reach import ReachFilter, Why, reach_page
from todoke.wiring import Wiring

DESKS = '[prefectures]\n33.contact = {name = "試験県", phone = "050-0000-0000", email = "desk@example.jp"}\n'


class Place:
    """A season that has begun."""

    def __init__(self, url: str, folder: Path) -> None:
        (folder / "config").mkdir()
        (folder / "config" / "prefectures.toml").write_text(DESKS, encoding="utf-8")
        self.clock = SimulatedClock(Anchor(datetime(2027, 1, 4, 10, tzinfo=TOKYO), 0.0, 1.0), lambda: 0.0)
        settings = Settings(database_url=url, data_dir=folder / "data", config_dir=folder / "config")
        self.wiring = Wiring(settings, self.clock)

    async def tell(self, code: str, **changes: Any) -> None:
        word = {
            "fiscal_year": 2026,
            "institution": {"code": code, "name": f"第{code}", "type": "clinic", "prefecture": code[:2]},
            "recipient": {"email": f"S{code}@example.jp"},
            "status": "not-started",
        }
        (answer,) = await self.wiring.reporting.accept([word | changes], "test")
        assert answer.status == 200, answer

    async def send(self, **failed: dict[str, str]) -> None:
        """The first reminders go out; those to these institutions come back as said."""
        self.clock.leap_to(datetime(2027, 1, 5, 9, 0, tzinfo=TOKYO))
        wiring, now = self.wiring, self.clock.now()
        policy = LeavePolicy(wiring.timing, wiring.reminder_rules, lambda _: True, wiring.has_contact)
        outbox = StoredOutbox(wiring.db, wiring.ledger, wiring.cipher, policy, wiring.clock, wiring.spreading)
        for message in await outbox.claim("sender", 1000):
            assert message.institution is not None
            values = failed.get(f"c{message.institution.code}")
            target = Status.SENT if values is None else Status.UNDELIVERED
            change = Change(message.id, target, target.value, now, {}, values or {"sent_at": now}, "sender")
            assert await wiring.ledger.record([change]) == [True]

    async def listed(self, wanted: ReachFilter, sight: Sight = EVERYTHING) -> dict[str, tuple[str, str | None]]:
        found: dict[str, tuple[str, str | None]] = {}
        after = None
        async with self.wiring.db.read() as conn:
            while True:
                page = await reach_page(conn, wanted, sight, after, 2)
                found |= {row.institution_code: (row.why, row.reason) for row in page.rows}
                if (after := page.next) is None:
                    return found


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(database_url, tmp_path)
    await schema.upgrade(made.wiring.db)
    yield made
    await made.wiring.close()


YEAR = ReachFilter(2026)


async def test_whom_no_mail_reaches_is_listed_with_the_reason(place: Place) -> None:
    await place.tell("3500000001")
    await place.tell("3500000002", channel="paper")
    await place.tell("3500000003", recipient=None)
    await place.tell("3500000004")
    await place.tell("3500000005")
    await place.tell("3300000006", channel="paper")
    await place.tell("3500000007", channel="paper", status="reported")
    await place.send(
        c3500000004={"bounce_class": "hard", "reason": "userunknown"},
        c3500000005={"bounce_class": "soft", "reason": "mailboxfull"},
    )
    assert await place.listed(YEAR) == {
        "3500000002": (Why.PAPER, None),
        "3500000003": (Why.NO_ADDRESS, None),
        "3500000004": (Why.UNDELIVERED, "userunknown"),
        "3500000005": (Why.UNDELIVERED, "mailboxfull"),
        "3300000006": (Why.PAPER, None),
    }


async def test_who_has_reported_or_got_another_address_leaves_the_list(place: Place) -> None:
    for code in ("3500000004", "3500000005"):
        await place.tell(code)
    hard = {"bounce_class": "hard", "reason": "userunknown"}
    await place.send(c3500000004=hard, c3500000005=hard)
    assert set(await place.listed(YEAR)) == {"3500000004", "3500000005"}
    await place.tell("3500000004", status="reported")
    await place.tell("3500000005", recipient={"email": "new@example.jp"})
    assert await place.listed(YEAR) == {}


async def test_a_prefecture_sees_its_own_and_the_list_can_be_narrowed(place: Place) -> None:
    await place.tell("3500000001", channel="paper")
    await place.tell("3300000002", channel="paper")
    await place.tell("3500000003", channel="paper", scheme="primary-care")
    assert set(await place.listed(YEAR, Sight("35"))) == {"3500000001", "3500000003"}
    assert set(await place.listed(ReachFilter(2026, prefecture="33"))) == {"3300000002"}
    assert set(await place.listed(ReachFilter(2026, prefecture="33"), Sight("35"))) == set()
    assert set(await place.listed(ReachFilter(2026, Scheme.PRIMARY_CARE))) == {"3500000003"}
    assert await place.listed(ReachFilter(2025)) == {}
