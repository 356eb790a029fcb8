"""Mails that the relay does not let past MAIL, where nobody has been named as recipient yet.

One may have itself to thank for it. Where several in a row meet it and none gets past, the relay is in trouble, or
wants nothing of our sender: that says nothing of the mails, and must not cost each of them its tries, or its end.
"""

from __future__ import annotations

_OF_THEIR_OWN = 5
"""So many different mails in a row are told each for itself."""


class AtMail:
    """Counts them. `sender` is the envelope's sender to ask the relay with, once it is the relay's trouble."""

    def __init__(self) -> None:
        self._met: set[str] = set()
        self._sender = ""

    @property
    def sender(self) -> str | None:
        """None while it is no trouble of the relay's."""
        return self._sender if len(self._met) > _OF_THEIR_OWN else None

    def is_of_the_relay(self, message_id: str, sender: str) -> bool:
        """Whether it is, now that this mail has met it."""
        self._met.add(message_id)
        self._sender = sender
        return self.sender is not None

    def passed(self) -> None:
        """A mail got past MAIL."""
        self._met.clear()
