"""Narrow ports of this room, named by what their users need."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from core.kinds import Kind


class Timing(Protocol):
    """When mails of a kind may go."""

    def first_due(self, kind: Kind, at: datetime, prefecture: str | None) -> datetime:
        """The first moment from `at` on at which a mail of this kind may leave."""

    def is_open(self, kind: Kind, day: date, prefecture: str | None) -> bool:
        """Whether mails of this kind leave on this day at all."""

    def rule(self, kind: Kind) -> str:
        """The code of the rule by which that is so."""

    def guide_due(self, sent_at: datetime, prefecture: str | None) -> datetime:
        """The earliest due time of a guide whose pre-check became `sent` at this moment."""
