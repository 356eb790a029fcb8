"""Messages and reports in any order against a plain model: every status, event and suppression is what the model says.

Reports are real ones, forged, replayed, duplicated, late, and faster than the sender's own record of the sending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.messages import Change
from core.statuses import Status
from tests.bounce_handler.model import OUTCOMES, STARTS, TELLING, Model, ModelMessage, ModelReport, mail, relayed


class Machine(RuleBasedStateMachine):
    """Does the same to the service and to the model."""

    def __init__(
        self, bounces: Any, compose: Any, run: Callable[[Coroutine[Any, Any, Any]], Any], serials: Iterator[int]
    ) -> None:
        super().__init__()
        self._bounces = bounces
        self._compose = compose
        self._run = run
        self._model = Model()
        self._mails: list[tuple[bytes, ModelReport]] = []
        self._serials = serials  # the database is the same for all runs

    @initialize(statuses=st.lists(st.sampled_from(STARTS), min_size=3, max_size=6))
    def begin(self, statuses: list[Status]) -> None:
        for status in statuses:
            self.publish(status)

    def publish(self, status: Status) -> None:
        email = f"soumu{next(self._serials)}@example.jp"
        message_id = self._run(self._bounces.message(status, email=email))
        self._model.messages[message_id] = ModelMessage(email, status)

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """The sender, a person, or time does something to a message."""
        message_id = data.draw(st.sampled_from(list(self._model.messages)))
        message = self._model.messages[message_id]
        targets = OUTCOMES.get(message.status)
        if targets:
            self._move(message_id, data.draw(st.sampled_from(targets)))

    @rule(data=st.data(), late=st.sampled_from([Status.SENT, Status.DEFERRED, Status.IN_DOUBT]))
    def record_late(self, data: st.DataObject, late: Status) -> None:
        """The sender's own record comes after a report has ended the sending: it must change nothing."""
        message_id = data.draw(st.sampled_from(list(self._model.messages)))
        if self._model.messages[message_id].status is not Status.SENDING:
            change = Change(message_id, late, "late", self._bounces.clock.now(), lease="a sender")
            assert self._run(self._bounces.wiring.ledger.record([change])) == [False]

    def _move(self, message_id: str, target: Status) -> None:
        lease = {"lease": "a sender"} if target is Status.SENDING else {}
        change = Change(message_id, target, target.value, self._bounces.clock.now(), {}, lease)
        assert self._run(self._bounces.wiring.ledger.record([change])) == [True]
        self._model.messages[message_id].status = target
        self._model.messages[message_id].events.append(target.value)

    @rule(
        data=st.data(),
        tells=st.sampled_from([*TELLING, "auto-reply", "complaint", "letter"]),
        way=st.sampled_from(["signed", "signed and returned", "returned", "address alone", "replayed"]),
        at_once=st.booleans(),
    )
    def report(self, data: st.DataObject, tells: str, way: str, at_once: bool) -> None:
        known = st.sampled_from(list(self._model.messages))  # not sorted: ids are random
        one, other = data.draw(known), data.draw(known)
        path = one if way in ("signed", "signed and returned", "replayed") else None
        returned = {"signed and returned": one, "returned": one, "replayed": other}.get(way)
        if tells not in TELLING:
            returned = None  # such mails return nothing
        serial = next(self._serials)
        header = self._bounces.header(returned) if returned else None
        raw = mail(self._compose, tells, self._model.messages[one].email, header, serial)
        self._keep(raw, ModelReport(tells, serial, path, returned))
        if at_once:
            self.apply()

    @precondition(lambda self: self._mails)
    @rule(data=st.data(), elsewhere=st.booleans())
    def repeat(self, data: st.DataObject, elsewhere: bool) -> None:
        """The same report comes once more, perhaps by another way."""
        raw, earlier = data.draw(st.sampled_from(self._mails))
        raw = relayed(raw) if elsewhere else raw
        self._keep(raw, ModelReport(earlier.tells, earlier.author, earlier.path, earlier.returned))

    def _keep(self, raw: bytes, report: ModelReport) -> None:
        self._mails.append((raw, report))
        self._model.reports[self._run(self._bounces.keep(raw, report.path))] = report

    @precondition(lambda self: any(report.state == "new" for report in self._model.reports.values()))
    @rule()
    def apply(self) -> None:
        self._run(self._bounces.apply())
        self._model.apply()
        self._run(self._compare())

    def teardown(self) -> None:
        self.apply()

    async def _compare(self) -> None:
        expected = {one: (message.status, message.events) for one, message in self._model.messages.items()}
        assert await self._bounces.stories(self._model.messages) == expected
        states = {one: report.state for one, report in self._model.reports.items()}
        assert await self._bounces.states(self._model.reports) == states
        emails = {message.email for message in self._model.messages.values()}
        entered = {entry for entry in await self._bounces.suppressions() if entry[0] in emails}
        assert entered == self._model.suppressed


def run_machine(url: str, open_bounces: Any, compose: Any, *, examples: int, steps: int) -> None:
    with asyncio.Runner() as runner:
        bounces, serials = runner.run(open_bounces(url)), count(1)
        try:
            run_state_machine_as_test(
                lambda: Machine(bounces, compose, runner.run, serials),
                settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None),
            )
        finally:
            runner.run(bounces.wiring.close())


def test_on_sqlite(sqlite_url: str, open_bounces: Any, compose: Any) -> None:
    run_machine(sqlite_url, open_bounces, compose, examples=40, steps=25)


def test_on_postgresql(postgres_url: str, open_bounces: Any, compose: Any) -> None:
    run_machine(postgres_url, open_bounces, compose, examples=12, steps=20)
