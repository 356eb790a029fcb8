"""A mail on its way out."""

from __future__ import annotations

from typing import NamedTuple

from core.kinds import URGENT_KINDS
from core.messages import Message
from mailer.transport import Route


class Outgoing(NamedTuple):
    """A message, the lease under which it was claimed, the mail that was made of it, its envelope, and who takes it.

    What was asked when it was claimed, such as its window, holds until `stale_at`, by the event loop's time.
    """

    message: Message
    lease: str
    mail: bytes
    route: Route
    provider: str
    stale_at: float

    @property
    def urgent(self) -> bool:
        """Whether it goes before others."""
        return self.message.kind in URGENT_KINDS
