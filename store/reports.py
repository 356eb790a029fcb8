"""Reports that came back: kept whole before the listener answers 250, settled once, unmatched ones never dropped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Row, case, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.clock import Clock
from core.ids import IdSource
from core.quoting import without_pages
from core.reports import Arrival, Judge, KeptReport, ReadReport, without_quotations
from core.retry import REPAIR_PAUSE
from store import settling
from store.cipher import Cipher, SecretUnreadable
from store.engine import Database
from store.fingerprints import fingerprint
from store.ledger import Ledger
from store.report_mails import IN_CLEAR, OCTETS, as_today, opened, replace_in_clear, sealed
from store.tables import messages, reports

log = structlog.get_logger("bounces")

_UNREADABLE = "no key of TODOKE_SECRET_KEYS deciphers a report; mend the set-up"

_MOST_OCTETS = 16 * 1024 * 1024
"""Of mails that are read from the database at once."""
_LARGE_OCTETS = 500_000
"""More is enciphered, and deciphered, beside the event loop."""
_SEALED_TOGETHER = 100


class StoredReports:
    """Reports on the database, their mails enciphered.

    Waits between tries run on real time, whatever the business clock does. Links to pages on `link_hosts` that reports
    quote are not recorded.
    """

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        cipher: Cipher,
        clock: Clock,
        ids: IdSource,
        link_hosts: Collection[str] = (),
    ) -> None:
        self._db = db
        self._cipher = cipher
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._link_hosts = link_hosts

    async def keep(self, arrivals: Sequence[Arrival]) -> list[str]:
        """Keep mails durably, all or none of them; their report ids."""
        rows = [self._new(arrival, mail) for arrival, mail in zip(arrivals, await self._sealed(arrivals), strict=True)]
        try:
            await self._insert(rows)
        except IntegrityError:
            # A return path of ours whose message is not on record: it was signed for another copy of the database.
            await self._insert(await self._without_unknown(rows))
        return [row["id"] for row in rows]

    async def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        async with self._db.write(wake=True) as conn:
            await conn.execute(insert(reports), rows)

    async def _without_unknown(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        signed = {row["message_id"] for row in rows} - {None}
        query = select(messages.c.id).where(messages.c.id.in_(signed))
        async with self._db.read() as conn:
            known = {None, *(await conn.execute(query)).scalars()}
        unknown = {"message_id": None, "reason": "unknown-message"}
        return [row if row["message_id"] in known else row | unknown for row in rows]

    async def _sealed(self, arrivals: Sequence[Arrival]) -> list[dict[str, Any]]:
        """Large ones beside the event loop, on which conversations go on meanwhile."""
        raws = [arrival.raw for arrival in arrivals]
        if sum(map(len, raws)) > _LARGE_OCTETS:
            return await asyncio.to_thread(self._seal, raws)
        return self._seal(raws)

    def _seal(self, raws: Sequence[bytes]) -> list[dict[str, Any]]:
        return [sealed(self._cipher, raw) for raw in raws]

    def _new(self, arrival: Arrival, mail: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **self._row(arrival.peer, arrival.token_digest),
            "message_id": arrival.message_id,
            "digest": fingerprint(arrival.raw),
            **mail,
            "state": "new",
            "reason": arrival.doubt,
        }

    async def refuse(self, peer: str, token_digest: str) -> None:
        """Note a return path that was refused at RCPT."""
        values = {"digest": b"", "state": "refused", "reason": "bad-token"}
        async with self._db.write() as conn:
            await conn.execute(insert(reports).values(**self._row(peer, token_digest), **values))

    def _row(self, peer: str, token_digest: str) -> dict[str, Any]:
        return {"id": self._ids(), "received_at": self._clock.now(), "peer": peer, "token_digest": token_digest}

    async def waiting(self, limit: int) -> Sequence[KeptReport]:
        """Kept mails that nothing was decided about and whose next try is due, oldest first; large ones fewer.

        One whose key is missing waits, with an alarm, until it is put back.
        """
        now = datetime.now(UTC)
        query = (
            select(reports.c.id, OCTETS.label("octets"))
            .where(reports.c.state == "new", or_(reports.c.next_try_at.is_(None), reports.c.next_try_at <= now))
            .order_by(reports.c.received_at, reports.c.id)
            .limit(limit)
        )
        async with self._db.read() as conn:
            chosen = _within(_MOST_OCTETS, (await conn.execute(query)).all())
            whole = select(reports).where(reports.c.id.in_(chosen)).order_by(reports.c.received_at, reports.c.id)
            rows = (await conn.execute(whole)).all() if chosen else []
        large = sum(len(row.raw) for row in rows) > _LARGE_OCTETS
        readable = await asyncio.to_thread(self._read, rows) if large else self._read(rows)
        await self._put_off({row.id for row in rows} - {kept.id for kept in readable})
        return readable

    def _read(self, rows: Sequence[Row[Any]]) -> list[KeptReport]:
        readable: list[KeptReport] = []
        for row in rows:
            raw = self._opened(row)
            if raw is None:
                log.error(_UNREADABLE, report=row.id, alarm=True)
                continue
            told = row.token_digest or "", row.reason, row.digest
            readable.append(KeptReport(row.id, row.message_id, *told, raw))
        return readable

    def _opened(self, row: Row[Any]) -> bytes | None:
        with contextlib.suppress(SecretUnreadable):
            return opened(self._cipher, row.raw, row.octets)
        return None

    async def _put_off(self, report_ids: Collection[str]) -> None:
        if not report_ids:
            return
        later = {"next_try_at": datetime.now(UTC) + REPAIR_PAUSE}
        async with self._db.write() as conn:
            waiting = reports.c.id.in_(report_ids), reports.c.state == "new"
            await conn.execute(update(reports).where(*waiting).values(later))

    async def seal_older(self) -> int:
        """Encipher some of the mails that an earlier version kept in clear; how many there were.

        Those tied to a message are cut down to their traces, as is done today when they are.
        """
        query = select(reports.c.id, OCTETS.label("octets")).where(IN_CLEAR).order_by(reports.c.id)
        async with self._db.read() as conn:
            chosen = _within(_MOST_OCTETS, (await conn.execute(query.limit(_SEALED_TOGETHER))).all())
            whole = select(reports.c.id, reports.c.state, reports.c.raw).where(reports.c.id.in_(chosen))
            rows = (await conn.execute(whole)).all() if chosen else []
        if rows:
            mails = await asyncio.to_thread(as_today, self._cipher, rows)
            async with self._db.write() as conn:
                await replace_in_clear(conn, mails)
        return len(rows)

    async def seconds_to_next(self) -> float | None:
        """Real seconds until the next try of a report is due; None when no report waits."""
        query = select(reports.c.next_try_at).where(reports.c.state == "new")
        query = query.order_by(reports.c.next_try_at.nulls_first()).limit(1)
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        if row is None:
            return None
        return 0.0 if row.next_try_at is None else max(0.0, (row.next_try_at - datetime.now(UTC)).total_seconds())

    async def settle(self, read: Sequence[ReadReport], judge: Judge, pause: float) -> int:
        """Decide about reports and record it, in one transaction; how many were decided.

        A report that `judge` lets wait is asked about again after `pause` real seconds.
        """
        again = datetime.now(UTC) + timedelta(seconds=pause)
        told = [without_quotations(report, partial(without_pages, hosts=self._link_hosts)) for report in read]
        async with self._db.write(wake=True) as conn:
            return await settling.settle(conn, self._ledger, self._cipher, self._ids, told, judge, again)

    async def failed(self, report_id: str, most: int, pause: float) -> None:
        """A report could not be processed: it is tried again, and set aside for a person after `most` tries."""
        last = reports.c.tries + 1 >= most
        values = {
            "tries": reports.c.tries + 1,
            "next_try_at": datetime.now(UTC) + timedelta(seconds=pause),
            "state": case((last, "unmatched"), else_=reports.c.state),
            "reason": case((last, "not-processed"), else_=reports.c.reason),
        }
        async with self._db.write() as conn:
            await conn.execute(
                update(reports).where(reports.c.id == report_id, reports.c.state == "new").values(values)
            )

    async def outcomes(self, report_ids: Sequence[str]) -> list[dict[str, Any]]:
        """What became of kept reports, in the order in which they came."""
        columns = (reports.c.id, reports.c.state, reports.c.reason, reports.c.type, reports.c.message_id)
        query = select(*columns).where(reports.c.id.in_(report_ids)).order_by(reports.c.received_at, reports.c.id)
        async with self._db.read() as conn:
            return [dict(row._mapping) for row in await conn.execute(query)]


def _within(octets: int, rows: Sequence[Any]) -> list[str]:
    """The first of these reports that together are no larger than this; at least one."""
    chosen: list[str] = []
    for row in rows:
        octets -= row.octets
        if chosen and octets < 0:
            break
        chosen.append(row.id)
    return chosen
