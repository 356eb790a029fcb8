"""Sends the reports that simulator addresses asked for to the listener named by `--bounces-to`."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import aiosmtplib

from sink.activity import Activity, EventType, mask_all
from sink.reports import Report, compose

RETRY_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
MAX_CONNECTIONS = 8
_TIMEOUT_SECONDS = 30.0
_REMEMBERED_DELIVERIES = 2_000

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Promise:
    """A report that leaves `delay` seconds after the acceptance, or after the report before it."""

    report: Report
    delay: float


class DeliveryState(StrEnum):
    """What became of a report."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # refused for good, or tries ran out
    NOT_SENT = "not-sent"  # no --bounces-to


@dataclass(slots=True)
class Delivery:
    """A report on its way. `raw` is None until it is due; `answer` is the listener's last reply or the trouble."""

    report: Report
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    answer: str | None = None
    raw: bytes | None = None


class _Refused(Exception):
    """The listener said 5xx."""


class Reporter:
    """Sends reports over a few connections that live as long as there is something to send."""

    def __init__(
        self,
        activity: Activity,
        *,
        hostname: str,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        bounces_to: Address | None = None,
        retry_pauses: Sequence[float] = RETRY_PAUSES_SECONDS,
    ) -> None:
        self.bounces_to = bounces_to
        self._activity = activity
        self._hostname = hostname
        self._now = now
        self._sleep = sleep
        self._retry_pauses = tuple(retry_pauses)
        self._tasks: set[asyncio.Task[None]] = set()
        self._deliveries: deque[Delivery] = deque(maxlen=_REMEMBERED_DELIVERIES)
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._waiting = 0  # how many wait for a slot
        self._connections: list[tuple[Address, aiosmtplib.SMTP]] = []

    def promise(self, promises: Sequence[Promise]) -> None:
        """Send these reports in the background, one after the other."""
        deliveries = [(Delivery(promise.report), promise.delay) for promise in promises]
        self._deliveries.extend(delivery for delivery, _ in deliveries)
        task = asyncio.create_task(self._send_all(deliveries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Return when no report is waiting to leave."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Give up what has not left, and hang up."""
        for task in self._tasks:
            task.cancel()
        await self.idle()
        while self._connections:
            await _hang_up(self._connections.pop()[1])

    def deliveries_for(self, mail_id: str) -> list[Delivery]:
        """The reports on one mail, oldest first, as far as they are remembered."""
        return [delivery for delivery in self._deliveries if delivery.report.mail.id == mail_id]

    async def _send_all(self, deliveries: Iterable[tuple[Delivery, float]]) -> None:
        for delivery, delay in deliveries:
            await self._sleep(delay)
            delivery.raw = compose(delivery.report, hostname=self._hostname, now=self._now())
            state, answer = await self._send(delivery)
            delivery.state = state
            self._note(_EVENTS[state], delivery, answer)

    async def _send(self, delivery: Delivery) -> tuple[DeliveryState, str]:
        for pause in (*self._retry_pauses, None):
            if self.bounces_to is None:
                return DeliveryState.NOT_SENT, "the sink was started without --bounces-to"
            delivery.attempts += 1
            try:
                return DeliveryState.SENT, await self._attempt(delivery, self.bounces_to)
            except _Refused as refusal:
                return DeliveryState.FAILED, str(refusal)
            except (aiosmtplib.SMTPException, OSError) as trouble:
                answer = _describe(trouble)
            if pause is not None:
                self._note(EventType.REPORT_RETRIED, delivery, answer)
                await self._sleep(pause)
        return DeliveryState.FAILED, answer

    async def _attempt(self, delivery: Delivery, target: Address) -> str:
        """One try; returns the listener's reply to the final dot."""
        self._waiting += 1
        await self._slots.acquire()
        self._waiting -= 1
        try:
            connection = await self._connection(target)
            try:
                answer = await _transmit(connection, delivery)
            except BaseException:
                connection.close()
                raise
            await self._give_back(target, connection)
        finally:
            self._slots.release()
        return answer

    async def _connection(self, target: Address) -> aiosmtplib.SMTP:
        while self._connections:
            connected_to, connection = self._connections.pop()
            if connected_to == target and connection.is_connected:
                return connection
            await _hang_up(connection)
        connection = aiosmtplib.SMTP(
            hostname=target[0],
            port=target[1],
            local_hostname=self._hostname,
            use_tls=False,
            start_tls=False,
            timeout=_TIMEOUT_SECONDS,
        )
        await connection.connect()
        with contextlib.suppress(aiosmtplib.SMTPHeloError):  # sendmail falls back to HELO by itself
            await connection.ehlo()
        return connection

    async def _give_back(self, target: Address, connection: aiosmtplib.SMTP) -> None:
        """Keep the connection for those who wait for one; without any, hang up."""
        if self._waiting > len(self._connections):
            self._connections.append((target, connection))
        else:
            await _hang_up(connection)

    def _note(self, event: EventType, delivery: Delivery, answer: str) -> None:
        delivery.answer = answer
        report = delivery.report
        self._activity.record(event, report.recipient, f"{report.type} report: {answer}", report.mail.id)


_EVENTS = {
    DeliveryState.SENT: EventType.REPORT_SENT,
    DeliveryState.FAILED: EventType.REPORT_FAILED,
    DeliveryState.NOT_SENT: EventType.REPORT_NOT_SENT,
}


async def _transmit(connection: aiosmtplib.SMTP, delivery: Delivery) -> str:
    assert delivery.raw is not None
    options = [] if delivery.raw.isascii() or not connection.supports_extension("8bitmime") else ["BODY=8BITMIME"]
    if not delivery.report.to.isascii():
        options.append("SMTPUTF8")
    try:
        _, answer = await connection.sendmail("", [delivery.report.to], delivery.raw, mail_options=options)
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _by_code(error.recipients[0]) from error
    except aiosmtplib.SMTPResponseException as error:
        raise _by_code(error) from error
    except aiosmtplib.SMTPNotSupported as error:
        raise _Refused("the listener takes no addresses beyond ASCII (SMTPUTF8)") from error
    return answer


def _by_code(error: aiosmtplib.SMTPResponseException) -> Exception:
    return _Refused(_describe(error)) if error.code >= 500 else error


def _describe(trouble: Exception) -> str:
    """What went wrong, whole addresses masked."""
    if isinstance(trouble, aiosmtplib.SMTPResponseException):
        return mask_all(f"{trouble.code} {trouble.message}")
    if isinstance(trouble, OSError) and trouble.strerror:
        return trouble.strerror
    return type(trouble).__name__


async def _hang_up(connection: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await connection.quit()
    connection.close()
