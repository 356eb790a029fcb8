"""The composition root: the one place where the parts are made and brought together.

Every part is made when it is first asked for, so that a command pays for what it uses.
"""

from __future__ import annotations

import importlib
import random
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from core.clock import Anchor, Clock, SimulatedClock, SystemClock
from core.kinds import Kind
from todoke.adapting import procedures_folder, templates_folder

if TYPE_CHECKING:
    from fastapi import FastAPI

    from bounce_handler.applying import ReportApplier
    from bounce_handler.listener import BounceListener
    from config.dataset import DataSet
    from config.settings import Settings
    from core.ids import IdSource
    from core.return_path import ReturnPaths
    from helpdesk.wording import Texts
    from mailer.outcomes import OutcomeRules
    from mailer.sender import Sender
    from scheduler.address_changes import AddressChanges
    from scheduler.advising import Advisor
    from scheduler.calendar import BusinessCalendar
    from scheduler.explaining import Explainer
    from scheduler.intake import Intake
    from scheduler.reminders import ReminderRules
    from scheduler.rendering import MessageRenderer
    from scheduler.replanning import Replanner
    from scheduler.reporting import ReportingIntake
    from scheduler.rescheduling import Rescheduler
    from scheduler.season_reminders import SeasonReminders
    from scheduler.spreading import Spreading
    from scheduler.ticker import Ticker
    from scheduler.windows import Timing
    from store.cipher import Cipher
    from store.engine import Database
    from store.leases import Leases
    from store.ledger import Ledger
    from store.people import People
    from store.reports import StoredReports
    from store.users import Users
    from templates.catalog import Catalog
    from web.services import Services


class Wiring:
    """All parts of one process. `clock` is set by `start`, since a simulated clock's anchor stands in the database."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self._clock = clock

    async def start(self) -> None:
        """Find out what time it is. The schema has to be up to date.

        In `local`, a database that was started on a simulated clock stays on it, also for a process that was not told.
        """
        if self._clock is None:
            anchor = await self._anchor()
            self._clock = SystemClock() if anchor is None else SimulatedClock(anchor)

    async def _anchor(self) -> Anchor | None:
        from store.anchoring import anchor, known_anchor

        if self.settings.clock is not None:
            return await anchor(self.db, *self.settings.clock)
        return await known_anchor(self.db) if self.settings.environment == "local" else None

    def warm(self, *modules: str) -> None:
        """Load what the first mail would wait for, and `modules`: with a fast clock, half a second is hours."""
        for module in modules:
            importlib.import_module(module)
        self.timing.settles_at(datetime.now(UTC))
        self.catalog.sample(Kind.GUIDE)
        _ = self.texts

    async def close(self) -> None:
        """Give the database back."""
        await self.db.close()

    @property
    def clock(self) -> Clock:
        """Business time."""
        if self._clock is None:
            raise RuntimeError("the wiring is not started")
        return self._clock

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Secret keys, newest first."""
        from config.secret_keys import resolve_secret_keys

        return resolve_secret_keys(self.settings)

    @cached_property
    def db(self) -> Database:
        """The database."""
        from store.engine import Database

        return Database(self.settings.database_url)

    @cached_property
    def ids(self) -> IdSource:
        """New identifiers."""
        from core.ids import IdSource

        return IdSource(self.clock)

    @cached_property
    def cipher(self) -> Cipher:
        """Secrets at rest."""
        from store.cipher import Cipher

        return Cipher(self.keys)

    @cached_property
    def return_paths(self) -> ReturnPaths:
        """Signed return paths."""
        from core.return_path import ReturnPaths

        domain = self.settings.sender_address.rpartition("@")[2]
        return ReturnPaths(self.settings.return_path_domain, domain, [key.encode() for key in self.keys])

    @cached_property
    def data(self) -> DataSet:
        """What people edit."""
        from config.dataset import load_data
        from helpdesk.desks import FIXED
        from helpdesk.vocabulary import Symptom

        return load_data(self.settings.config_dir, list(Symptom), FIXED)

    @cached_property
    def calendar(self) -> BusinessCalendar:
        """Business days."""
        from scheduler.calendar import BusinessCalendar

        return BusinessCalendar(self.data.closures)

    @cached_property
    def timing(self) -> Timing:
        """When mails may leave."""
        from scheduler.windows import Timing

        settings = self.settings
        return Timing(self.calendar, self.data.hours, settings.guide_business_days, settings.settle_business_days)

    @cached_property
    def reminder_rules(self) -> ReminderRules:
        """The season."""
        from scheduler.reminders import ReminderRules
        from scheduler.season import ReportingSeason

        return ReminderRules(ReportingSeason(self.data.periods, self.data.reminders, self.calendar))

    @cached_property
    def explainer(self) -> Explainer:
        """Why mails are due when they are due."""
        from scheduler.explaining import Explainer

        return Explainer(self.timing, self.reminder_rules, self.data.rates, self.data.prefectures)

    @cached_property
    def renderer(self) -> MessageRenderer:
        """From messages to mails."""
        from scheduler.rendering import MessageRenderer, waiting_in_season

        prefectures = self.data.prefectures
        waiting = waiting_in_season(prefectures, self.reminder_rules, self.clock)
        return MessageRenderer(self.catalog, prefectures, waiting)

    @cached_property
    def catalog(self) -> Catalog:
        """The templates."""
        from templates.catalog import Catalog

        return Catalog.load(templates_folder(self.settings), self.settings.sender_address)

    @cached_property
    def ledger(self) -> Ledger:
        """Transitions."""
        from store.ledger import Ledger

        return Ledger(self.db, self.timing, self.ids)

    def has_contact(self, prefecture: str) -> bool:
        """Whether a desk is configured for this prefecture."""
        return self.data.prefectures.contact(prefecture) is not None

    @cached_property
    def intake(self) -> Intake:
        """Jobs in."""
        from scheduler.intake import Intake
        from scheduler.job_parsing import InputRules
        from scheduler.planning import Makings, Planner
        from scheduler.refusals import Refusals

        makings = Makings(self.ids, self.return_paths, self.cipher, self.timing, self.reminder_rules)
        refusals = Refusals(self.timing, self.reminder_rules, self.has_contact)
        rules = InputRules(self.settings.link_hosts, self.settings.carrier_domains)
        return Intake(self.db, self.clock, self.cipher, Planner(makings, refusals), rules, self.advisor.issued)

    @cached_property
    def spreading(self) -> Spreading:
        """Places for reminders among the others."""
        from scheduler.spreading import Spreading

        return Spreading(self.data.rates, self.timing.hours(Kind.REMINDER))

    @cached_property
    def season_reminders(self) -> SeasonReminders:
        """Reminders kept in line with the season."""
        from scheduler.season_reminders import SeasonReminders

        rules, timing = self.reminder_rules, self.timing
        return SeasonReminders(self.ledger, self.ids, self.return_paths, rules, timing, self.spreading)

    @cached_property
    def reporting(self) -> ReportingIntake:
        """Reporting statuses in."""
        from scheduler.reporting import ReportingIntake

        return ReportingIntake(self.db, self.clock, self.season_reminders, self.settings.carrier_domains)

    @cached_property
    def replanner(self) -> Replanner:
        """Reminders planned anew where the season was changed."""
        from scheduler.replanning import Replanner

        return Replanner(self.db, self.clock, self.season_reminders, self.reminder_rules)

    @cached_property
    def rescheduler(self) -> Rescheduler:
        """What waits, in line with the calendar."""
        from scheduler.rescheduling import Rescheduler

        return Rescheduler(self.db, self.ledger, self.clock, self.timing)

    @cached_property
    def outcome_rules(self) -> OutcomeRules:
        """How SMTP outcomes are judged."""
        from bounce_handler.classifying import classify_reply
        from core.retry import Schedule
        from mailer.outcomes import OutcomeRules

        intervals, hours = self.settings.retry_schedule.intervals, self.settings.retry_hours
        waits, timing = self.settings.in_doubt.waits, self.timing
        schedule = Schedule(intervals, hours, random.random, timing.last_chance)
        return OutcomeRules(schedule, classify_reply, waits, timing.settles_at, timing.first_due)

    @cached_property
    def leases(self) -> Leases:
        """Who is sending."""
        from store.leases import Leases

        rules = self.outcome_rules
        return Leases(
            self.db, self.ledger, self.clock, rules.schedule, self.settings.in_doubt, self.settings.lease_seconds
        )

    def sender(self) -> Sender:
        """One sender. Raises ConfigurationError for a DKIM key that cannot be used."""
        from todoke.sender_wiring import make_sender

        return make_sender(self)

    @cached_property
    def advisor(self) -> Advisor:
        """The helpdesk's answers."""
        from scheduler.advising import Advisor, ConfiguredPrefectures

        address = self.settings.sender_address
        prefectures = ConfiguredPrefectures(self.data.prefectures, self.reminder_rules, self.calendar, address)
        return Advisor(self.db, prefectures, self.clock, self.texts)

    @cached_property
    def texts(self) -> Texts:
        """The words of the helpdesk's answers."""
        from helpdesk.lint import load_texts

        return load_texts(procedures_folder(self.settings))

    @cached_property
    def people(self) -> People:
        """API tokens and the audit trail."""
        from store.people import People

        return People(self.db, self.ids)

    @cached_property
    def users(self) -> Users:
        """People who sign in."""
        from store.passwords import Passwords
        from store.sessions import SessionLimits
        from store.users import Users

        settings = self.settings
        limits = SessionLimits(
            timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours)
        )
        return Users(self.db, self.ids, Passwords(), limits)

    @cached_property
    def address_changes(self) -> AddressChanges:
        """Requests to change an address."""
        from scheduler.address_changes import AddressChanges, ChangeNotices

        notices = ChangeNotices(self.ids, self.return_paths, self.timing)
        places, carriers = self.data.prefectures, self.settings.carrier_domains
        return AddressChanges(self.db, self.clock, self.ids, notices, self.advisor, places, self.calendar, carriers)

    @cached_property
    def services(self) -> Services:
        """What the HTTP API and the pages are handed."""
        from todoke.web_wiring import make_services

        return make_services(self)

    @cached_property
    def reports(self) -> StoredReports:
        """Reports that came back."""
        from store.reports import StoredReports

        return StoredReports(self.db, self.ledger, self.cipher, self.clock, self.ids, self.settings.link_hosts)

    @cached_property
    def applier(self) -> ReportApplier:
        """Reports applied to their messages."""
        from bounce_handler.applying import ReportApplier

        return ReportApplier(self.reports, self.clock)

    def listener(self) -> BounceListener:
        """The SMTP listener for reports."""
        from todoke.bounce_wiring import make_listener

        return make_listener(self)

    @cached_property
    def app(self) -> FastAPI:
        """The HTTP application."""
        from web.app import create_app

        return create_app(self.services)

    def ticker(self) -> Ticker:
        """The ticker."""
        from scheduler.ticker import Ticker
        from store.chores import StoredChores
        from store.seat import Seat

        return Ticker(StoredChores(self.db, self.ledger), Seat(self.db), self.clock, self.db.woken)
