"""What the HTTP API is handed by the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from core.clock import Clock
from scheduler.address_changes import AddressChanges
from scheduler.advising import Advisor
from scheduler.calendar import BusinessCalendar
from scheduler.commands import Commands
from scheduler.explaining import Explainer
from scheduler.following_up import FollowUps
from scheduler.intake import Intake
from scheduler.reminders import ReminderRules
from scheduler.reporting import ReportingIntake
from scheduler.searching import Search
from scheduler.suppressing import Suppressing
from scheduler.windows import Timing
from store.cipher import Cipher
from store.elsewhere import SignInElsewhere
from store.engine import Database
from store.people import People
from store.users import Users
from store.writable import Writable
from web.cookies import CookieJar
from web.oidc import OidcClient, RoleRule


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that answer. `api_token` is the fixed admin token, None where there is none; `public_url` where
    browsers reach us, None where that is to be taken from their requests."""

    db: Database
    cipher: Cipher
    writable: Writable
    clock: Clock
    people: People
    intake: Intake
    reporting: ReportingIntake
    timing: Timing
    explainer: Explainer
    seasons: ReminderRules
    advisor: Advisor
    search: Search
    commands: Commands
    address_changes: AddressChanges
    users: Users
    elsewhere: SignInElsewhere
    cookies: CookieJar
    suppressing: Suppressing
    follow_ups: FollowUps
    calendar: BusinessCalendar
    max_body_bytes: int
    prefecture_names: Mapping[str, str]
    api_token: str | None = None
    public_url: str | None = None
    oidc: OidcClient | None = None
    oidc_label: str | None = None
    oidc_roles: Sequence[RoleRule] = ()


async def _services(request: Request) -> Services:  # a plain function would be run in a thread
    services: Services = request.app.state.services
    return services


Serving = Annotated[Services, Depends(_services)]
"""The parameter by which a call gets the services."""
