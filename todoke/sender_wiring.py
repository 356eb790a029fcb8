"""The composition root's part for senders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailer.pacing import PacedPolicy, Pacing
from mailer.sender import Sender, SenderSettings
from mailer.signing import Signer
from scheduler.policies import LeavePolicy
from store.outbox import StoredOutbox
from todoke.adapting import relay_settings, sender_name, signing_key

if TYPE_CHECKING:
    from todoke.wiring import Wiring


def make_sender(wiring: Wiring) -> Sender:
    """One sender. Raises ConfigurationError for a DKIM key that cannot be used."""
    settings = wiring.settings
    key = signing_key(settings)
    pacing = Pacing(wiring.data.destinations)
    leave = LeavePolicy(wiring.timing, wiring.reminder_rules, settings.may_mail, wiring.has_contact)
    return Sender(
        SenderSettings(sender_name(), settings.sender_address, relay_settings(settings), settings.smtp_connections),
        StoredOutbox(
            wiring.db, wiring.ledger, wiring.cipher, PacedPolicy(leave, pacing), wiring.clock, wiring.spreading
        ),
        wiring.leases,
        wiring.renderer,
        wiring.return_paths,
        wiring.outcome_rules,
        wiring.clock,
        wiring.db.woken,
        pacing,
        None if key is None else Signer(key),
    )
