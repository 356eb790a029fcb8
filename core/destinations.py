"""Where mails go: mail domains that are one provider's, and how much it takes of us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """A group of domains in lower case, their subdomains among them; None is no limit of ours."""

    name: str
    domains: tuple[str, ...]
    connections: int | None = None  # mails under way at the same time
    per_minute: float | None = None
