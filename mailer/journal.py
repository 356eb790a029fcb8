"""Marks and outcomes on their way into the database, in the order in which they come up."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from core.messages import Change
from mailer.insisting import insist

_T = TypeVar("_T")

_GATHER_SECONDS = 0.001
_MOST = 200


class Records(Protocol):
    """What is written to."""

    async def record(self, changes: Sequence[Change]) -> Sequence[bool]:
        """Record outcomes durably, in order; False where the message was no longer under its lease."""

    async def note(
        self,
        lease: str,
        on_wire: Collection[str],
        marks: Sequence[str],
        sent: Sequence[Change],
    ) -> frozenset[str]:
        """Record durably which mails of a lease are on the wires, and outcomes from which nothing follows.

        Ids of those `marks`, which are among the mails on the wires, and of those `sent` that still were under the
        lease. A sender that is taken for dead while it has mails on the wires leaves those in doubt.
        """


@dataclass(slots=True)
class _Waiting:
    """A mark, or an outcome (`change`), and who is to be told of it."""

    message_id: str
    lease: str
    change: Change | None
    tell: Callable[[bool], None]


class Journal:
    """Writes in few transactions: what connections have to say while one is under way goes into the next.

    A connection waits for its mark, not for its outcomes; since both are written in order, its last outcome is
    durable whenever its next mark is.
    """

    def __init__(self, records: Records, trouble_pause: float) -> None:
        self._records = records
        self._trouble_pause = trouble_pause
        self._waiting: list[_Waiting] = []
        self._marks = 0
        self._busy = 0
        self._something = asyncio.Event()
        self._complete = asyncio.Event()
        self._on_wire: defaultdict[str, set[str]] = defaultdict(set)  # by lease, as it is on record

    def begin(self) -> None:
        """A connection turns to a message."""
        self._busy += 1

    def end(self) -> None:
        """It is done with it."""
        self._busy -= 1
        self._notice()

    def mark(self, message_id: str, lease: str) -> asyncio.Future[bool]:
        """Note that a mail's final dot is about to leave; False where the message is no longer under its lease."""
        marked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._marks += 1
        self._add(_Waiting(message_id, lease, None, partial(_settle, marked)))
        return marked

    def outcome(self, change: Change, lease: str, tell: Callable[[bool], None]) -> None:
        """Record an outcome, and tell once it is: False where the message was no longer under its lease."""
        self._add(_Waiting(change.message_id, lease, change, tell))

    def _add(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._something.set()
        self._notice()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._something.wait()
            await self._gather()
            await self._write(self._take())

    def _take(self) -> list[_Waiting]:
        batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        self._marks = sum(waiting.change is None for waiting in self._waiting)
        if not self._waiting:
            self._something.clear()
        return batch

    async def _gather(self) -> None:
        """A moment for busy connections that are about to ask for their marks; none where all have."""
        self._complete.clear()
        self._notice()
        if not self._complete.is_set():
            loop = asyncio.get_running_loop()
            enough = loop.call_later(_GATHER_SECONDS, self._complete.set)
            await self._complete.wait()
            enough.cancel()

    def _notice(self) -> None:
        if self._marks >= self._busy:
            self._complete.set()

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        """First what has consequences, then the rest with the marks: no mark is durable before an earlier outcome."""
        following = [waiting for waiting in batch if waiting.change is not None and not waiting.change.alone]
        if following:
            changes = [waiting.change for waiting in following if waiting.change is not None]
            results = await self._insist(lambda: self._records.record(changes))
            _tell(zip(following, results, strict=True))
        for lease in sorted({waiting.lease for waiting in batch}):
            await self._note(lease, [waiting for waiting in batch if waiting.lease == lease])

    async def _note(self, lease: str, batch: Sequence[_Waiting]) -> None:
        marks = [waiting.message_id for waiting in batch if waiting.change is None]
        ended = {waiting.message_id for waiting in batch if waiting.change is not None}
        sent = [waiting.change for waiting in batch if waiting.change is not None and waiting.change.alone]
        on_wire = (self._on_wire[lease] - ended) | set(marks)
        if sent or marks or on_wire != self._on_wire[lease]:
            held = await self._insist(lambda: self._records.note(lease, on_wire, marks, sent))
            self._on_wire[lease] = left = on_wire - (set(marks) - held)
            if left != on_wire:  # else whoever claims those under this lease later would seem to have sent them
                await self._insist(lambda: self._records.note(lease, left, [], []))
            rest = (waiting for waiting in batch if waiting.change is None or waiting.change.alone)
            _tell((waiting, waiting.message_id in held) for waiting in rest)
        if not self._on_wire[lease]:
            del self._on_wire[lease]

    async def _insist(self, write: Callable[[], Awaitable[_T]]) -> _T:
        """What happened on the wire must not be forgotten."""
        return await insist(write, "could not record", self._trouble_pause)


def _tell(results: Iterable[tuple[_Waiting, bool]]) -> None:
    for waiting, result in results:
        waiting.tell(result)


def _settle(marked: asyncio.Future[bool], result: bool) -> None:
    if not marked.done():
        marked.set_result(result)
