"""What was done about a mail that came back, as the list of these and the mail's own page show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from store.follow_ups import Channel, Result, closes
from store.reading import AnyRow

CHOICES: Mapping[str, Any] = {"channels": tuple(Channel), "results": tuple(Result)}
"""What the form offers."""


def done_about(rows: Sequence[AnyRow]) -> dict[str, Any]:
    """The records of one mail, in order, and whether that was all there was to do."""
    return {
        "done": [
            {
                "channel": Channel(row.channel).label,
                "result": Result(row.result).label,
                "note": row.note,
                "at": row.recorded_at,
                "by": row.recorded_by,
            }
            for row in rows
        ],
        "closed": closes(rows),
    }
