"""What has happened since: the events of all messages, told to whoever watches an institution or a prefecture."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import structlog
from sqlalchemy import func, null, select

from core.trouble import Trouble
from store.engine import Database
from store.reading import AnyRow
from store.tables import events, institutions, messages

log = structlog.get_logger("store")

_OVERLAP = 500
"""Ids looked at again: transactions that run side by side do not commit in the order of their ids."""

_MOST = 2000
"""Events read one by one. Of more, the database is asked for whom they concern."""


@dataclass(eq=False, slots=True)
class Watch:
    """What somebody watches: one institution, one prefecture's institutions, or everything.

    `changed` is set when something happened there; its user clears it.
    """

    institution_code: str | None = None
    prefecture: str | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def concerns(self, row: AnyRow) -> bool:
        """Whether an event belongs to what is watched."""
        if self.institution_code is not None and self.institution_code != row.institution_code:
            return False
        return self.prefecture in (None, row.prefecture)


class Happenings:
    """Looks for new events every `pause` real seconds, for all watchers of this process together."""

    def __init__(self, db: Database, pause: float = 1.0) -> None:
        self._db = db
        self._pause = pause
        self._watches: set[Watch] = set()
        self._looking: asyncio.Task[None] | None = None
        self._seen: set[int] = set()
        self._last = 0
        self.closed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def watching(self, watch: Watch) -> AsyncIterator[Watch]:
        """Have something watched."""
        if not self._watches:
            await self._begin()
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            if not self._watches and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def close(self) -> None:
        """Have all watchers go home: the process ends."""
        self.closed.set()
        for watch in self._watches:
            watch.changed.set()

    async def _begin(self) -> None:
        self._last = await self._newest()
        self._seen = set(range(self._last - _OVERLAP, self._last + 1))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def _newest(self) -> int:
        async with self._db.read() as conn:
            return (await conn.execute(select(func.max(events.c.id)))).scalar_one() or 0

    async def _look(self) -> None:
        trouble = Trouble(log, "could not look for news", "looks for news again")
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self._tell(await self._since())
            except Exception:
                trouble.met()
            else:
                trouble.passed()

    async def _since(self) -> list[AnyRow]:
        query = (
            select(events.c.id, messages.c.institution_code, institutions.c.prefecture)
            .join(messages, messages.c.id == events.c.message_id)
            .outerjoin(institutions, institutions.c.code == messages.c.institution_code)
            .where(events.c.id > self._last - _OVERLAP)
            .order_by(events.c.id)
            .limit(_MOST)
        )
        async with self._db.read() as conn:
            return [row for row in (await conn.execute(query)).all() if row.id not in self._seen]

    async def _tell(self, rows: list[AnyRow]) -> None:
        if not rows:
            return
        ids = {row.id for row in rows}
        if len(rows) >= _MOST - _OVERLAP:
            newest = await self._newest()
            rows = await self._concerned()
        else:
            newest = rows[-1].id
        self._last = max(self._last, newest)
        self._seen = {seen for seen in self._seen | ids if seen > self._last - _OVERLAP}
        for watch in self._watches:
            if any(watch.concerns(row) for row in rows):
                watch.changed.set()

    async def _concerned(self) -> list[AnyRow]:
        """The prefectures of all events not yet seen, and those of the watched institutions that have some."""
        codes = {watch.institution_code for watch in self._watches} - {None}
        happened = (
            select(messages.c.institution_code, institutions.c.prefecture)
            .join_from(events, messages, messages.c.id == events.c.message_id)
            .outerjoin(institutions, institutions.c.code == messages.c.institution_code)
            .where(events.c.id > self._last - _OVERLAP, events.c.id.not_in(self._seen))
        )
        places = happened.with_only_columns(null().label("institution_code"), institutions.c.prefecture).distinct()
        watched = happened.where(messages.c.institution_code.in_(codes)).distinct()
        async with self._db.read() as conn:
            return [*(await conn.execute(places)).all(), *(await conn.execute(watched)).all()]
