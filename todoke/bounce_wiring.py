"""The composition root's part for the bounce listener."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bounce_handler.listener import BounceListener, ListenerSettings
from todoke.descriptors import shares

if TYPE_CHECKING:
    from todoke.wiring import Wiring


def make_listener(wiring: Wiring) -> BounceListener:
    """The SMTP listener for reports."""
    settings = wiring.settings
    listening = ListenerSettings(
        settings.bounce_host,
        settings.bounce_port,
        max_octets=settings.bounce_max_bytes,
        connections=shares(settings.smtp_connections).bounces,
        connections_per_peer=settings.bounce_connections_per_peer,
        tls_certificate=settings.bounce_tls_certificate,
        tls_key=settings.bounce_tls_key,
    )
    return BounceListener(listening, wiring.reports, wiring.return_paths)
