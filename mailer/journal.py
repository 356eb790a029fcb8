"""Marks and outcomes on their way into the database, in the order in which they come up."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Protocol, TypeVar

import structlog

from core.messages import Change, Noted, Receipt, Result, Taken
from core.trouble import Trouble
from mailer.insisting import insist

log = structlog.get_logger("mailer")

_T = TypeVar("_T")

_GATHER_SECONDS = 0.001
_ENTER_SECONDS = 0.1
_MOST = 500
_MOST_TO_ENTER = 2000
"""Mails that are noted as taken and not entered yet: a sender waits where there are more."""

Tell = Callable[[bool], None]


class Records(Protocol):
    """What is written to."""

    async def record(self, changes: Sequence[Change]) -> Sequence[bool]:
        """Record outcomes durably, in order; False where the message was no longer under its lease."""

    async def note(self, lease: str, on_wire: Collection[str], marks: Sequence[str], receipt: Receipt | None) -> Noted:
        """Record durably which mails of a lease are on the wires, and which mails were taken.

        `marks` are among the mails on the wires. A sender that is taken for dead while it has mails on the wires
        leaves those in doubt; what it has a receipt of is entered for it. The same once more does no harm.
        """

    async def enter(self, lease: str, receipts: Sequence[Receipt]) -> frozenset[str]:
        """Record with their messages that mails were taken, which was noted before.

        Ids of those of which that is on record now, by whomever; the others were no longer under the lease.
        """


@dataclass(slots=True)
class _Waiting:
    """A mark, or an outcome (`result`), and who is to be told of it."""

    message_id: str
    lease: str
    result: Result | None
    tell: Tell


@dataclass(slots=True)
class _ToEnter:
    """A receipt that was noted, and who is to be told of its mails, in their order."""

    lease: str
    receipt: Receipt
    tells: Sequence[Tell]


class Journal:
    """Writes in few transactions: what connections have to say while one is under way goes into the next.

    A connection waits for its mark, not for its outcomes; since both are written in order, its last outcome is
    durable whenever its next mark is. That a mail was taken is durable once its receipt is noted, which is quick;
    receipts are entered with their messages behind that, many at a time.
    """

    def __init__(self, records: Records, trouble_pause: float) -> None:
        self._records = records
        self._trouble_pause = trouble_pause
        self._trouble = Trouble(log, "could not record", "records again")
        self._waiting: list[_Waiting] = []
        self._marks = 0
        self._busy = 0
        self._something = asyncio.Event()
        self._complete = asyncio.Event()
        self._on_wire: defaultdict[str, set[str]] = defaultdict(set)  # by lease, as it is on record
        self._numbers = count(1)
        self._to_enter: deque[_ToEnter] = deque()
        self._mails_to_enter = 0
        self._noted = asyncio.Event()
        self._entered = asyncio.Event()

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

    def outcome(self, result: Result, lease: str, tell: Tell) -> None:
        """Record an outcome, and tell once it is: False where the message was no longer under its lease."""
        self._add(_Waiting(result.message_id, lease, result, tell))

    def _add(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._something.set()
        self._notice()

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_on())
            tasks.create_task(self._enter_on())

    async def _write_on(self) -> None:
        while True:
            await self._something.wait()
            await self._gather()
            await self._room_to_enter()
            await self._write(self._take())

    def _take(self) -> list[_Waiting]:
        batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        self._marks = sum(waiting.result is None for waiting in self._waiting)
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
        following = [(waiting.result, waiting.tell) for waiting in batch if isinstance(waiting.result, Change)]
        if following:
            done = await self._insist(lambda: self._records.record([change for change, _ in following]))
            for (_, tell), recorded in zip(following, done, strict=True):
                tell(recorded)
        for lease in sorted({waiting.lease for waiting in batch}):
            await self._note(lease, [waiting for waiting in batch if waiting.lease == lease])

    async def _note(self, lease: str, batch: Sequence[_Waiting]) -> None:
        marks = [waiting for waiting in batch if waiting.result is None]
        marked = [waiting.message_id for waiting in marks]
        ended = {waiting.message_id for waiting in batch if waiting.result is not None}
        taken = [(waiting.result, waiting.tell) for waiting in batch if isinstance(waiting.result, Taken)]
        receipt = Receipt(next(self._numbers), [one for one, _ in taken]) if taken else None
        on_wire = (self._on_wire[lease] - ended) | set(marked)
        if receipt is not None or marks or on_wire != self._on_wire[lease]:
            noted = await self._insist(lambda: self._records.note(lease, on_wire, marked, receipt))
            self._on_wire[lease] = left = on_wire - (set(marked) - noted.held)
            if left != on_wire:  # else whoever claims those under this lease later would seem to have sent them
                await self._insist(lambda: self._records.note(lease, left, [], None))
            for waiting in marks:
                waiting.tell(waiting.message_id in noted.held)
            if receipt is not None:
                await self._see_noted(_ToEnter(lease, receipt, [tell for _, tell in taken]), noted)
        if not self._on_wire[lease]:
            del self._on_wire[lease]

    async def _see_noted(self, to_enter: _ToEnter, noted: Noted) -> None:
        if noted.noted:
            self._to_enter.append(to_enter)
            self._mails_to_enter += len(to_enter.tells)
            self._noted.set()
            return
        changes = [taken.change() for taken in to_enter.receipt.taken]
        done = await self._insist(lambda: self._records.record(changes))
        for tell, recorded in zip(to_enter.tells, done, strict=True):
            tell(recorded)

    async def _room_to_enter(self) -> None:
        while self._mails_to_enter > _MOST_TO_ENTER:
            self._entered.clear()
            await self._entered.wait()

    async def _enter_on(self) -> None:
        while True:
            await self._noted.wait()
            await asyncio.sleep(_ENTER_SECONDS)
            while self._to_enter:
                await self._enter(self._together())
            self._noted.clear()

    def _together(self) -> list[_ToEnter]:
        """Receipts of one lease, as many as go into one transaction."""
        together = [self._to_enter.popleft()]
        mails = len(together[0].tells)
        while self._to_enter and self._to_enter[0].lease == together[0].lease and mails < _MOST:
            together.append(self._to_enter.popleft())
            mails += len(together[-1].tells)
        return together

    async def _enter(self, together: Sequence[_ToEnter]) -> None:
        receipts = [one.receipt for one in together]
        entered = await self._insist(lambda: self._records.enter(together[0].lease, receipts))
        for one in together:
            self._mails_to_enter -= len(one.tells)
            for tell, taken in zip(one.tells, one.receipt.taken, strict=True):
                tell(taken.message_id in entered)
        self._entered.set()

    async def _insist(self, write: Callable[[], Awaitable[_T]]) -> _T:
        """What happened on the wire must not be forgotten."""
        return await insist(write, self._trouble, self._trouble_pause)


def _settle(marked: asyncio.Future[bool], result: bool) -> None:
    if not marked.done():
        marked.set_result(result)
