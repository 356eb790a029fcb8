"""What the sink answers to a recipient and to a whole mail, and which reports it then owes."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.reports import ReportType
from sink import replies
from sink.activity import Activity, EventType
from sink.archive import Mail, MailNotKept
from sink.headers import Facts, facts_of, header_block
from sink.mailbox import Mailbox
from sink.replies import Reply
from sink.reporter import Promise, Reporter
from sink.reports import Report
from sink.simulator import Rule, Simulation, simulation_of

_log = logging.getLogger("todoke.sink")

MAX_RECIPIENTS = 1_000
_REMEMBERED_TRIES = 1_000_000

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT. `original` and `notify` are its DSN parameters (RFC 3461), where given."""

    address: str
    original: str | None = None
    notify: frozenset[str] | None = None

    @property
    def simulation(self) -> Simulation | None:
        """What the address asks for."""
        return simulation_of(self.address)


@dataclass(slots=True)
class Transaction:
    """One mail transaction (RFC 5321 section 3.3). `sender` is None before MAIL, '' for the null sender."""

    sender: str | None = None
    envelope_id: str | None = None
    recipients: list[Recipient] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReportTiming:
    """How many seconds after acceptance a first report leaves, and a second one after the first."""

    first: float = 0.2
    second: float = 1.0


class Tries:
    """Counts tries by key. The keys that were not tried for longest are forgotten beyond `limit`."""

    def __init__(self, limit: int = _REMEMBERED_TRIES) -> None:
        self._limit = limit
        self._counts: OrderedDict[Hashable, int] = OrderedDict()

    def count(self, key: Hashable) -> int:
        """Count one more try of `key`; returns how many there were with this one."""
        tries = self._counts.pop(key, 0) + 1
        self._counts[key] = tries
        if len(self._counts) > self._limit:
            self._counts.popitem(last=False)
        return tries

    def clear(self) -> None:
        """Begin anew."""
        self._counts.clear()


class Reception:
    """Decides on each recipient and each mail by the simulator addresses."""

    def __init__(
        self,
        mailbox: Mailbox,
        reporter: Reporter,
        activity: Activity,
        *,
        now: Callable[[], datetime],
        sleep: Sleep,
        timing: ReportTiming,
    ) -> None:
        self._mailbox = mailbox
        self._reporter = reporter
        self._activity = activity
        self._now = now
        self._sleep = sleep
        self._timing = timing
        self._tries = Tries()

    def forget_tries(self) -> None:
        """Let every `defer-<N>` address begin anew."""
        self._tries.clear()

    async def recipient(self, sender: str, recipient: Recipient) -> Reply | None:
        """The reply that refuses this recipient at RCPT; None accepts it.

        An effect limited to one kind of mail waits for the final dot, since the mail itself tells its kind.
        """
        simulation = recipient.simulation
        if simulation is None or simulation.kind is not None:
            return None
        return await self._answer(simulation, recipient.address, key=(sender, recipient.address))

    async def mail(self, transaction: Transaction, raw: bytes) -> Reply | None:
        """The reply to the final dot; None cuts the connection instead.

        SMTP has one reply for all recipients here, so the first recipient that refuses refuses the mail for all.
        """
        facts = facts_of(raw)
        for recipient in transaction.recipients:
            refusal = await self._refusal_after_data(transaction, recipient, facts)
            if refusal is not None:
                return refusal
        try:
            mail = await self._keep(transaction, raw, facts)
        except MailNotKept as error:
            _log.error("cannot keep a mail error=%s", error)
            return self.refused(transaction.recipients[0].address, replies.NOT_KEPT)
        for recipient in transaction.recipients:
            self._promise_reports(mail, transaction, recipient, raw)
        return None if self._drops(transaction, mail) else Reply(250, "2.0.0", f"Captured as {mail.id}")

    async def _keep(self, transaction: Transaction, raw: bytes, facts: Facts) -> Mail:
        addresses = [recipient.address for recipient in transaction.recipients]
        return await self._mailbox.keep(transaction.sender or "", addresses, raw, facts, self._now())

    async def _refusal_after_data(self, transaction: Transaction, recipient: Recipient, facts: Facts) -> Reply | None:
        simulation = recipient.simulation
        if simulation is None or not simulation.applies_to(facts.kind):
            return None
        if simulation.rule is Rule.REJECT_DATA:
            return self.refused(recipient.address, _rejection(simulation))
        if simulation.kind is None:
            return None
        return await self._answer(simulation, recipient.address, key=(transaction.sender, recipient.address))

    async def _answer(self, simulation: Simulation, address: str, *, key: Hashable) -> Reply | None:
        match simulation.rule:
            case Rule.REJECT:
                return self.refused(address, _rejection(simulation))
            case Rule.FULL:
                return self.refused(address, replies.FULL)
            case Rule.DEFER:
                deferred = self._tries.count(key) <= simulation.tries
                return self.refused(address, replies.DEFERRED) if deferred else None
            case Rule.SLOW:
                self._activity.record(EventType.SLOWED, address, f"answering {simulation.seconds:g} s late")
                await self._sleep(simulation.seconds)
        return None

    def refused(self, address: str, reply: Reply) -> Reply:
        """Note that `address` was answered with `reply`; returns it."""
        self._activity.record(EventType.REFUSED, address, str(reply))
        return reply

    def _drops(self, transaction: Transaction, mail: Mail) -> bool:
        for recipient in transaction.recipients:
            simulation = recipient.simulation
            if simulation and simulation.rule is Rule.DROP and simulation.applies_to(mail.kind):
                self._activity.record(
                    EventType.DROPPED, recipient.address, "kept; connection cut before the reply", mail.id
                )
                return True
        return False

    def _promise_reports(self, mail: Mail, transaction: Transaction, recipient: Recipient, raw: bytes) -> None:
        wanted = [
            (report_type, status)
            for report_type, status in _reports_for(recipient, mail.kind)
            if _wants(recipient, report_type)
        ]
        # The null sender never gets a report (RFC 5321 section 4.5.5): loops end there.
        if not wanted or not mail.sender:
            return
        headers = header_block(raw)
        promises = [
            Promise(
                Report(
                    type=report_type,
                    status=status,
                    mail=mail,
                    recipient=recipient.address,
                    original_recipient=recipient.original,
                    envelope_id=transaction.envelope_id,
                    headers=headers,
                ),
                delay=self._timing.second if index else self._timing.first,
            )
            for index, (report_type, status) in enumerate(wanted)
        ]
        self._reporter.promise(promises)


def _rejection(simulation: Simulation) -> Reply:
    assert simulation.code is not None
    return replies.rejection(simulation.code, simulation.status)


_PLAIN_REPORTS: Mapping[Rule, list[tuple[ReportType, str]]] = {
    Rule.DELAY: [(ReportType.DELAY, "4.4.1"), (ReportType.SUCCESS, "2.0.0")],
    Rule.VACATION: [(ReportType.AUTO_REPLY, "2.0.0")],
    Rule.COMPLAINT: [(ReportType.COMPLAINT, "2.0.0")],
}


def _reports_for(recipient: Recipient, kind: str | None) -> list[tuple[ReportType, str]]:
    simulation = recipient.simulation
    if simulation is not None and simulation.applies_to(kind):
        if simulation.rule is Rule.BOUNCE:
            return [(ReportType.BOUNCE, simulation.status or "5.0.0")]
        if simulation.rule in _PLAIN_REPORTS:
            return _PLAIN_REPORTS[simulation.rule]
    return [(ReportType.SUCCESS, "2.0.0")] if "SUCCESS" in (recipient.notify or ()) else []


_CONDITIONS = {ReportType.BOUNCE: "FAILURE", ReportType.DELAY: "DELAY", ReportType.SUCCESS: "SUCCESS"}


def _wants(recipient: Recipient, report_type: ReportType) -> bool:
    """Whether the NOTIFY parameter allows this report (RFC 3461 section 4.1); without one, any is."""
    condition = _CONDITIONS.get(report_type)
    return recipient.notify is None or condition is None or condition in recipient.notify
