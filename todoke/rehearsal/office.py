"""The service that is rehearsed: the real parts, wired on a simulated clock over a database that is thrown away."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from config.dataset import DataSet
from config.prefectures import Prefectures
from config.settings import Environment, Settings
from core.clock import Anchor, SimulatedClock
from core.ids import IdSource
from core.mail import Contact
from mailer.outcomes import OutcomeRules
from scheduler.policies import LeavePolicy
from store import schema
from store.chores import StoredChores
from store.engine import Database
from store.outbox import StoredOutbox
from todoke.rehearsal.draws import Draws
from todoke.rehearsal.quick_sqlite import QuickDatabase
from todoke.rehearsal.sending import LEASE, Postroom
from todoke.wiring import Wiring


class RehearsalWiring(Wiring):
    """All parts as ever, but for the identifiers, which come from the seed, and contacts for every prefecture."""

    def __init__(self, settings: Settings, clock: SimulatedClock, draws: Draws) -> None:
        super().__init__(settings, clock)
        self.simulated = clock
        self._draws = draws

    @cached_property
    def db(self) -> Database:
        """A database that is thrown away."""
        return QuickDatabase(self.settings.database_url)

    @cached_property
    def ids(self) -> IdSource:
        """Identifiers that are the same again for the same seed."""
        return IdSource(self.clock, self._draws.octets)

    @cached_property
    def data(self) -> DataSet:
        """The operator's own data files; where a prefecture has no contact, a fictional one stands in."""
        own = super().data
        return replace(own, prefectures=_with_contacts(own.prefectures))

    @cached_property
    def without_contact(self) -> list[str]:
        """The prefectures whose mails would be refused: no contact is configured for them."""
        own = super().data.prefectures
        return sorted(code for code, place in own.by_code.items() if place.contact is None)

    @cached_property
    def outbox(self) -> StoredOutbox:
        """What the sender claims from."""
        policy = LeavePolicy(self.timing, self.reminder_rules, self.settings.may_mail, self.has_contact)
        return StoredOutbox(self.db, self.ledger, self.cipher, policy, self.clock, self.spreading)

    @cached_property
    def outcome_rules(self) -> OutcomeRules:
        """As ever, but for waits, which are exactly those of the schedule."""
        rules = super().outcome_rules
        return replace(rules, schedule=replace(rules.schedule, spread=lambda: 0.0))

    @cached_property
    def chores(self) -> StoredChores:
        """What the ticker does."""
        return StoredChores(self.db, self.ledger)

    def postroom(self, compose_every: int) -> Postroom:
        """What the sender makes mails with; of reminders, one in so many is made."""
        return Postroom(
            outbox=self.outbox,
            renderer=self.renderer,
            rules=self.outcome_rules,
            sender_address=self.settings.sender_address,
            connections=self.settings.smtp_connections,
            compose_every=compose_every,
        )


def _with_contacts(own: Prefectures) -> Prefectures:
    by_code = {
        code: place if place.contact else replace(place, contact=_fictional(code, place.name))
        for code, place in own.by_code.items()
    }
    return replace(own, by_code=by_code)


def _fictional(code: str, name: str) -> Contact:
    return Contact(f"{name}（模擬の窓口）", "050-0000-0000", f"desk{code}@example.jp")


@contextlib.asynccontextmanager
async def open_office(
    settings: Settings, folder: Path, starts_at: datetime, draws: Draws
) -> AsyncIterator[RehearsalWiring]:
    """The service on a new database in `folder`, at `starts_at`; time stands still until it is moved."""
    clock = SimulatedClock(Anchor(starts_at, 0.0, 1.0), lambda: 0.0)
    wiring = RehearsalWiring(_settings(settings, folder), clock, draws)
    try:
        await schema.upgrade(wiring.db)
        await wiring.replanner.replan()
        await wiring.leases.enter(LEASE)
        yield wiring
    finally:
        await wiring.close()


def _settings(own: Settings, folder: Path) -> Settings:
    """The operator's rules of sending; nothing by which a rehearsal could reach a real relay, database or key."""
    kept = {name: getattr(own, name) for name in _RULES}
    return Settings.model_validate(kept | _apart(folder))


_RULES = (
    "config_dir",
    "smtp_connections",
    "sender_address",
    "link_hosts",
    "carrier_domains",
    "settle_business_days",
    "guide_business_days",
    "retry_schedule",
    "retry_hours",
    "in_doubt",
)


def _apart(folder: Path) -> dict[str, Any]:
    return {
        "environment": Environment.LOCAL,
        "data_dir": folder,
        "database_url": f"sqlite:///{folder / 'rehearsal.sqlite3'}",
        "secret_keys": (base64.urlsafe_b64encode(b"only a rehearsal, nothing secret").decode(),),
    }
