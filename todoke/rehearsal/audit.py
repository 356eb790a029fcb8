"""What is on record at the end of a rehearsal, held against what the relay saw and what should have happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import String, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.kinds import SECRET_KINDS, Kind
from core.statuses import FINAL, Status
from store.reading import MessageFilter, Sight, message_page
from store.tables import events, jobs, messages
from todoke.rehearsal.applying import MARK
from todoke.rehearsal.cast import Player
from todoke.rehearsal.play import Stage
from todoke.rehearsal.promises import Promise

_PAGE = 250
_AT_THE_RELAY = frozenset({Status.SENT, Status.UNDELIVERED, Status.IN_DOUBT})
_WAITING = (Status.SCHEDULED, Status.DEFERRED, Status.SENDING)


async def audit(stage: Stage) -> None:
    """Put what is on record to the test."""
    async with stage.wiring.db.read() as conn:
        await audit_record(conn, stage)


async def audit_record(conn: AsyncConnection, stage: Stage) -> None:
    """The same, for the record as this transaction sees it."""
    await _nothing_waits_unnoticed(conn, stage)
    await _all_reminders_are_there(conn, stage)
    await _record_agrees(conn, stage)
    await _secrets_are_erased(conn, stage)
    for prefecture in sorted({player.prefecture for player in stage.players.values()}):
        await _failures_are_visible(conn, stage, prefecture)


async def _nothing_waits_unnoticed(conn: AsyncConnection, stage: Stage) -> None:
    """Whatever has not ended waits for a moment to come, for its pre-check, or for a person."""
    end = stage.season.end
    stuck = select(messages.c.id, messages.c.status).where(
        messages.c.status.in_(_WAITING), or_(messages.c.ready_at.is_(None), messages.c.ready_at < end)
    )
    overdue = list(await conn.execute(stuck))
    gate = messages.alias("gate")
    closed = (
        select(messages.c.id, messages.c.status)
        .join(gate, gate.c.id == messages.c.waits_for)
        .where(messages.c.status == Status.HELD, gate.c.status.in_(sorted(FINAL)))
    )
    forgotten = list(await conn.execute(closed))
    total = (await conn.execute(select(func.count()).select_from(messages))).scalar_one()
    stage.promises.count(Promise.NONE_LOST, total - len(overdue) - len(forgotten))
    for row in [*overdue, *forgotten]:
        stage.promises.test(Promise.NONE_LOST, False, f"{row.id} is still {row.status}")


async def _all_reminders_are_there(conn: AsyncConnection, stage: Stage) -> None:
    """One for each step of everybody who can be mailed: sent, or ended for a reason on record."""
    query = (
        select(messages.c.institution_code, func.count())
        .where(messages.c.kind == Kind.REMINDER, messages.c.step_key.is_not(None))
        .group_by(messages.c.institution_code)
    )
    planned: dict[str, int] = {row[0]: row[1] for row in await conn.execute(query)}
    for player in stage.players.values():
        steps = _steps(stage, player)
        found = planned.get(player.code, 0)
        stage.promises.test(Promise.NONE_LOST, found == steps, f"{player.code}: {found} reminders of {steps}")


def _steps(stage: Stage, player: Player) -> int:
    """How many steps an institution is due that was told of as not having reported when the season began."""
    if player.email is None or player.paper:
        return 0
    steps = stage.wiring.reminder_rules.steps(player.scheme, player.prefecture, stage.season.fiscal_year)
    return sum(step.day >= stage.season.first.date() for step in steps)


async def _record_agrees(conn: AsyncConnection, stage: Stage) -> None:
    """What the relay has is on record as sent, in doubt or 不達; and what is on record as sent, the relay has."""
    query = select(messages.c.id, messages.c.status).where(messages.c.status.in_(sorted(_AT_THE_RELAY)))
    recorded: dict[str, str] = {row.id: row.status for row in await conn.execute(query)}
    test = stage.promises.test
    for message_id in stage.watch.kept:
        test(Promise.TRUE_RECORD, message_id in recorded, f"{message_id}: the relay has it, the record does not")
    for message_id, status in recorded.items():
        if status == Status.SENT:
            test(Promise.TRUE_RECORD, message_id in stage.watch.kept, f"{message_id}: sent, but not at the relay")
    for message_id in stage.watch.failed:
        undelivered = recorded.get(message_id) == Status.UNDELIVERED
        test(Promise.TRUE_RECORD, undelivered, f"{message_id}: failed, on record as {recorded.get(message_id)}")


async def _secrets_are_erased(conn: AsyncConnection, stage: Stage) -> None:
    secretive = messages.c.kind.in_(sorted(SECRET_KINDS))
    final = messages.c.status.in_(sorted(FINAL))
    kept = (await conn.execute(select(messages.c.id).where(secretive, final, messages.c.secret.is_not(None)))).all()
    tested = (await conn.execute(select(func.count()).select_from(messages).where(secretive, final))).scalar_one()
    stage.promises.count(Promise.ERASED, tested - len(kept))
    for row in kept:
        stage.promises.test(Promise.ERASED, False, f"{row.id} is final and has its secret")
    async for where, identifier in _marks(conn):
        stage.promises.test(Promise.ERASED, False, f"a link or code stands in {where} of {identifier}")


async def _marks(conn: AsyncConnection) -> AsyncIterator[tuple[str, Any]]:
    """Places outside of `secret` in which a link or code stands in plain text."""
    of_secret = messages.c.kind.in_(sorted(SECRET_KINDS))
    places = {
        "data": select(messages.c.id).where(of_secret, _marked(messages.c.data)),
        "diagnostic": select(messages.c.id).where(of_secret, _marked(messages.c.diagnostic)),
        "events": select(events.c.message_id)
        .join(messages, messages.c.id == events.c.message_id)
        .where(of_secret, _marked(events.c.detail)),
        "the answer": select(jobs.c.job_id).where(_marked(jobs.c.answer)),
    }
    for name, query in places.items():
        for row in await conn.execute(query):
            yield name, row[0]


def _marked(column: Any) -> Any:
    return cast(column, String).contains(MARK)


async def _failures_are_visible(conn: AsyncConnection, stage: Stage, prefecture: str) -> None:
    """The prefecture's own list of 不達, page by page as its staff would read it."""
    listed: dict[str, str] = {}
    after, sight, wanted = None, Sight(prefecture), MessageFilter(status=Status.UNDELIVERED)
    while True:
        page = await message_page(conn, wanted, sight, after, _PAGE)
        listed |= {row.id: row.institution_code for row in page.rows}
        if (after := page.next) is None:
            break
    players, test = stage.players, stage.promises.test
    for message_id, code in stage.watch.failed.items():
        if code in players and players[code].prefecture == prefecture:
            test(Promise.VISIBLE, message_id in listed, f"{message_id} of {code} is not on the list of {prefecture}")
    for message_id, code in listed.items():
        test(Promise.VISIBLE, players[code].prefecture == prefecture, f"{prefecture} sees {message_id} of {code}")
