"""Reports on their way back: made as mails, kept and applied by the service as if its listener had taken them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bounce_handler.applying import ReportApplier
from bounce_handler.reception import token_digest
from core.jst import TOKYO
from core.messages import Message
from core.reports import Arrival, ReportType
from core.return_path import ReturnPaths
from sink.archive import Mail
from sink.headers import header_block
from sink.reports import Report, compose
from store.reports import StoredReports
from todoke.rehearsal.relay import Reported

_HOST = "mx.rehearsal.example.jp"
_PEER = "192.0.2.25"
_KEPT_TOGETHER = 100
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Returned:
    """A report that has come back."""

    message: Message
    reported: Reported


@dataclass(order=True, frozen=True, slots=True)
class _Due:
    at: datetime
    number: int
    returned: Returned = field(compare=False)
    raw: bytes = field(compare=False)


class Returns:
    """Reports, in the order in which they come back."""

    def __init__(self, reports: StoredReports, applier: ReportApplier, return_paths: ReturnPaths) -> None:
        self._reports = reports
        self._applier = applier
        self._return_paths = return_paths
        self._due: list[_Due] = []
        self._number = 0

    def expect(self, message: Message, mail: bytes, reported: Reported, at: datetime) -> None:
        """A mail that was taken at this moment will be reported on; reports of one minute come together."""
        self._number += 1
        due = _full_minute_from(at + reported.after)
        raw = compose(_report(message, mail, reported, self._return_paths, at), hostname=_HOST, now=due)
        heapq.heappush(self._due, _Due(due, self._number, Returned(message, reported), raw))

    @property
    def next_at(self) -> datetime | None:
        """When the next one comes."""
        return self._due[0].at if self._due else None

    async def deliver(self, now: datetime) -> list[Returned]:
        """Have everything that has come by now kept and applied; what it was."""
        taken = list(self._take(now))
        for start in range(0, len(taken), _KEPT_TOGETHER):
            await self._reports.keep([self._arrival(one) for one in taken[start : start + _KEPT_TOGETHER]])
        while taken and await self._applier.apply_waiting():
            pass
        return [one.returned for one in taken]

    def _take(self, now: datetime) -> Iterator[_Due]:
        while self._due and self._due[0].at <= now:
            yield heapq.heappop(self._due)

    def _arrival(self, due: _Due) -> Arrival:
        local_part = self._return_paths.address(due.returned.message.id).rpartition("@")[0]
        return Arrival(_PEER, token_digest(local_part), self._return_paths.verify(local_part), due.raw)


def _full_minute_from(at: datetime) -> datetime:
    """The first full minute at or after a moment."""
    return datetime.fromtimestamp(-(-at.timestamp() // _MINUTE) * _MINUTE, TOKYO)


def _report(message: Message, mail: bytes, reported: Reported, paths: ReturnPaths, at: datetime) -> Report:
    recipients: Sequence[str] = (message.recipient.email,)
    captured = Mail(0, message.id, paths.address(message.id), tuple(recipients), "", message.kind, len(mail), at)
    return Report(reported.type, reported.status, captured, recipients[0], None, None, header_block(mail))


def is_failure(reported: Reported) -> bool:
    """Whether it makes its mail 不達."""
    return reported.type is ReportType.BOUNCE
