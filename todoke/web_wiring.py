"""The composition root's part for the API and the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.settings import Environment, Settings
from scheduler.commands import Commands
from scheduler.following_up import FollowUps
from scheduler.searching import Search
from scheduler.suppressing import Suppressing
from store.elsewhere import SignInElsewhere
from store.writable import Writable
from web.cookies import CookieJar
from web.oidc import OidcClient, Provider, RoleRule
from web.services import Services

if TYPE_CHECKING:
    from todoke.wiring import Wiring


def make_services(wiring: Wiring) -> Services:
    """Everything that answers over HTTP."""
    settings, token = wiring.settings, wiring.settings.api_token
    plain_allowed = settings.environment is Environment.LOCAL
    return Services(
        db=wiring.db,
        cipher=wiring.cipher,
        writable=Writable(wiring.db, wiring.ids),
        clock=wiring.clock,
        people=wiring.people,
        intake=wiring.intake,
        reporting=wiring.reporting,
        timing=wiring.timing,
        explainer=wiring.explainer,
        seasons=wiring.reminder_rules,
        advisor=wiring.advisor,
        search=Search(wiring.db, wiring.clock),
        commands=_commands(wiring),
        address_changes=wiring.address_changes,
        suppressing=Suppressing(wiring.db, wiring.clock, wiring.ids, settings.carrier_domains),
        follow_ups=FollowUps(wiring.db, wiring.clock, wiring.ids),
        calendar=wiring.calendar,
        users=wiring.users,
        elsewhere=SignInElsewhere(wiring.db, wiring.ids, wiring.users),
        cookies=CookieJar([key.encode() for key in wiring.keys], plain_allowed=plain_allowed),
        max_body_bytes=settings.max_body_bytes,
        prefecture_names={code: place.name for code, place in wiring.data.prefectures.by_code.items()},
        api_token=token.get_secret_value() if token else None,
        public_url=settings.public_url,
        oidc=_oidc(settings),
        oidc_label=None if settings.oidc_issuer is None else settings.oidc_label,
        oidc_roles=[RoleRule(*grant) for grant in settings.oidc_roles],
    )


def _oidc(settings: Settings) -> OidcClient | None:
    issuer, client_id, secret = settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret
    if issuer is None or client_id is None or secret is None:
        return None
    back = f"{settings.public_url}/login/oidc/callback"
    return OidcClient(Provider(issuer, client_id, secret.get_secret_value(), back))


def _commands(wiring: Wiring) -> Commands:
    return Commands(
        wiring.db,
        wiring.ledger,
        wiring.clock,
        wiring.ids,
        wiring.return_paths,
        wiring.timing,
        wiring.advisor,
    )
