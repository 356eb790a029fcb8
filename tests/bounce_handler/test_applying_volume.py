"""10,000 reports against 5,000 messages: every status, event, report and suppression is what a plain model says."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from sqlalchemy import insert

from core.messages import Change
from core.reports import Arrival
from core.statuses import Status
from store.tables import messages
from tests.bounce_handler.model import OUTCOMES, TELLING, Model, ModelMessage, ModelReport, mail, relayed

pytestmark = pytest.mark.slow

MESSAGES = 5_000
REPORTS = 10_000
ROUNDS = 20
STARTS = [*Status, *[Status.SENDING] * 15, *[Status.SENT] * 15, *[Status.IN_DOUBT, Status.SCHEDULED] * 3]
TELLS = (
    ["hard"] * 6 + ["soft"] * 3 + ["delayed"] * 3 + ["delivered"] * 3 + ["relayed", "auto-reply", "complaint", "letter"]
)
WAYS = ["signed", "signed and returned"] * 4 + ["returned", "address alone", "replayed", "forged", "foreign"]

Kept = tuple[bytes, ModelReport, str | None]
"""A mail, what the model knows of it, and the doubt that it was kept with."""


class Volume:
    """Does the same to the service and to the model, a round at a time."""

    def __init__(self, bounces: Any, compose: Any) -> None:
        self.model = Model()
        self._bounces = bounces
        self._compose = compose
        self._chance = random.Random(20261124)
        self._serials = count(1)
        self._mails: list[Kept] = []

    async def publish(self, columns: Mapping[str, Any]) -> None:
        rows = [self._message(columns, number) for number in range(MESSAGES)]
        async with self._bounces.wiring.db.write() as conn:
            await conn.execute(insert(messages), rows)
        self._ids = list(self.model.messages)

    def _message(self, columns: Mapping[str, Any], number: int) -> dict[str, Any]:
        status, email = self._chance.choice(STARTS), f"soumu{number}@example.jp"
        message_id = f"{number:08x}-0000-4000-8000-000000000000"
        self.model.messages[message_id] = ModelMessage(email, status)
        return dict(columns) | {
            "id": message_id,
            "status": status.value,
            "email": email,
            "email_key": email,
            "message_id_header": self._bounces.header(message_id),
            "lease": "a sender" if status is Status.SENDING else None,
        }

    async def round(self) -> None:
        """Reports come, senders record what they know, reports are applied."""
        await self._keep([self._report() for _ in range(REPORTS // ROUNDS)])
        await self._send()
        await self._bounces.apply()
        self.model.apply()

    async def _keep(self, mails: Sequence[Kept]) -> None:
        arrivals = [Arrival("192.0.2.1", "digest", report.path, raw, doubt) for raw, report, doubt in mails]
        kept = await self._bounces.wiring.reports.keep(arrivals)
        self.model.reports.update(zip(kept, (report for _, report, _ in mails), strict=True))

    def _report(self) -> Kept:
        if self._mails and self._chance.random() < 0.2:
            return self._again(*self._chance.choice(self._mails))
        tells, way, one = self._chance.choice(TELLS), self._chance.choice(WAYS), self._chance.choice(self._ids)
        path = one if way in ("signed", "signed and returned", "replayed") else None
        returned = {"signed and returned": one, "returned": one, "replayed": self._chance.choice(self._ids)}.get(way)
        if tells not in TELLING:
            returned = None  # such mails return nothing
        serial = next(self._serials)
        header = "<nobody@elsewhere.example>" if way == "foreign" else returned and self._bounces.header(returned)
        raw = mail(self._compose, tells, self.model.messages[one].email, header, serial)
        kept = (raw, ModelReport(tells, serial, path, returned), "bad-token" if way == "forged" else None)
        self._mails.append(kept)
        return kept

    def _again(self, raw: bytes, earlier: ModelReport, doubt: str | None) -> Kept:
        raw = relayed(raw) if self._chance.random() < 0.5 else raw
        return raw, ModelReport(earlier.tells, earlier.author, earlier.path, earlier.returned), doubt

    async def _send(self) -> None:
        """Whatever a sender, a person or time may do next with some of the messages."""
        moved = dict(self._moves())
        now = self._bounces.clock.now()
        changes = [
            Change(one, target, target.value, now, {}, {"lease": "a sender"} if target is Status.SENDING else {})
            for one, target in moved.items()
        ]
        assert await self._bounces.wiring.ledger.record(changes) == [True] * len(changes)
        for one, target in moved.items():
            self.model.messages[one].status = target
            self.model.messages[one].events.append(target.value)

    def _moves(self) -> Iterator[tuple[str, Status]]:
        for one in self._chance.sample(self._ids, MESSAGES // 10):
            targets = OUTCOMES.get(self.model.messages[one].status)
            if targets:
                yield one, self._chance.choice(targets)


async def test_every_report_has_the_effect_that_a_plain_model_says(bounces: Any, compose: Any) -> None:
    volume = Volume(bounces, compose)
    await volume.publish(await bounces.facts(await bounces.message()))
    for _ in range(ROUNDS):
        await volume.round()
    model = volume.model
    stories = await bounces.stories(model.messages)
    wrong = {
        one: (message, stories[one])
        for one, message in model.messages.items()
        if stories[one] != (message.status, message.events)
    }
    assert wrong == {}
    states = await bounces.states(model.reports)
    assert {one: report.state for one, report in model.reports.items()} == states
    assert set(states.values()) == {"applied", "duplicate", "unmatched", "new"}
    assert set(await bounces.suppressions()) == model.suppressed
    assert len(model.reports) == REPORTS
