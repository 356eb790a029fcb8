"""What has to be done when time passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.kinds import Kind
from core.statuses import Status
from store.chores import StoredChores

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
PAST = NOW - timedelta(seconds=1)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def chores(room: Any) -> StoredChores:
    return StoredChores(room.db, room.ledger)


async def test_what_was_not_sent_in_time_expires(room: Any, chores: StoredChores) -> None:
    waiting = [
        await room.add(Kind.GUIDE, status, expires_at=NOW)
        for status in (Status.HELD, Status.SCHEDULED, Status.DEFERRED)
    ]
    assert await chores.expire_due(NOW) == 3
    for message in waiting:
        row = await room.row(message)
        assert (row.status, row.secret, row.ready_at) == (Status.EXPIRED, None, None)
        assert await room.told(message) == ["expired"]


async def test_what_expires_keeps_why_its_last_try_failed(room: Any, chores: StoredChores) -> None:
    message = await room.add(Kind.REMINDER, Status.DEFERRED, expires_at=NOW, reason="mailboxfull")
    assert await chores.expire_due(NOW) == 1
    assert (await room.row(message)).reason == "mailboxfull"


async def test_what_is_on_its_way_or_over_does_not_expire(room: Any, chores: StoredChores) -> None:
    others = [status for status in Status if status not in (Status.HELD, Status.SCHEDULED, Status.DEFERRED)]
    messages = {await room.add(Kind.CODE, status, expires_at=PAST): status for status in others}
    assert await chores.expire_due(NOW) == 0
    assert {message: await room.status(message) for message in messages} == messages


async def test_what_has_time_left_does_not_expire(room: Any, chores: StoredChores) -> None:
    await room.add(Kind.CODE, expires_at=LATER)
    await room.add(Kind.CODE)
    assert await chores.expire_due(NOW) == 0


async def test_more_than_one_batch(room: Any, chores: StoredChores, monkeypatch: pytest.MonkeyPatch) -> None:
    await room.add_rows([room.row_of(Kind.CODE, expires_at=PAST) for _ in range(700)])
    assert await chores.expire_due(NOW) == 700


async def test_when_the_next_message_expires(room: Any, chores: StoredChores) -> None:
    assert await chores.next_expiry() is None
    await room.add(Kind.CODE, Status.SENT, expires_at=PAST)
    await room.add(Kind.CODE, Status.SENDING, expires_at=PAST)
    assert await chores.next_expiry() is None
    await room.add(Kind.CODE, Status.SCHEDULED, expires_at=LATER)
    await room.add(Kind.GUIDE, Status.HELD, expires_at=LATER + timedelta(hours=1))
    assert await chores.next_expiry() == LATER
