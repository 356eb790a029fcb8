"""The suppression list: by address and institution, once, until it is released."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from core.kinds import Kind
from core.statuses import Status
from store import suppressions
from store.candidates import suppresses

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
PAIR = ("soumu@example.jp", "3510012345")
OTHER = ("soumu@example.jp", "1310000001")


async def enter(room: Any, scope: str = "all", **columns: Any) -> None:
    message = await room.add(status=Status.SENT, **columns)
    async with room.db.write() as conn:
        await suppressions.suppress(conn, room.ids(), await room.row(message), scope, NOW, "userunknown")


async def active(room: Any, *pairs: suppressions.Pair) -> dict[suppressions.Pair, frozenset[str]]:
    async with room.db.read() as conn:
        return await suppressions.active(conn, pairs)


async def test_an_entry_is_of_an_address_and_an_institution(room: Any) -> None:
    await enter(room, email="Soumu@example.jp")
    assert await active(room, PAIR, OTHER) == {PAIR: frozenset({"all"})}
    assert await active(room) == {}


async def test_scopes_stand_beside_each_other(room: Any) -> None:
    for scope in ("all", "reminder", "all"):
        await enter(room, scope)
    assert await active(room, PAIR) == {PAIR: frozenset({"all", "reminder"})}
    assert len(await room.suppressed()) == 2


async def test_a_released_entry_stays_on_record_and_can_be_made_anew(room: Any) -> None:
    await enter(room)
    async with room.db.write() as conn:
        assert await suppressions.release(conn, PAIR, NOW, "helpdesk", "回復を確認") == 1
        assert await suppressions.release(conn, PAIR, NOW, "helpdesk", "回復を確認") == 0
    assert await active(room, PAIR) == {}
    await enter(room)
    assert await active(room, PAIR) == {PAIR: frozenset({"all"})}
    released, anew = sorted(await room.suppressed(), key=lambda entry: entry.released_at is None)
    assert (released.released_by, released.released_why, anew.released_at) == ("helpdesk", "回復を確認", None)


def test_which_kinds_a_scope_stops() -> None:
    everything, reminders = frozenset({"all"}), frozenset({"reminder"})
    assert [kind for kind in Kind if not suppresses(kind, everything)] == [Kind.CODE]
    assert [kind for kind in Kind if suppresses(kind, reminders)] == [Kind.REMINDER]
    assert not any(suppresses(kind, frozenset()) for kind in Kind)
