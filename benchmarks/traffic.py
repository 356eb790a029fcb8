"""Posts at a steady pace beside a sender that is at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.figures import Section, percentile
from benchmarks.http import Posted, Poster
from benchmarks.instance import SENT, Instance, multiply
from benchmarks.jobs import published
from benchmarks.plan import Plan
from benchmarks.postgres import Watch
from core.kinds import Kind

_PUBLISHED = 500


def queue_of_reminders(plan: Plan, url: str, smtp_port: int) -> Instance:
    """An instance with more reminders due than are sent while it is measured."""
    folder = plan.folder / "reminders"
    folder.mkdir()
    instance = Instance(folder, url, smtp_port)
    instance.publish(published(Kind.REMINDER, _PUBLISHED))
    multiply(url, plan.size(100_000, 30_000))
    return instance


@dataclass(frozen=True, slots=True)
class Beside:
    """Posts, and how fast mails went out meanwhile."""

    posts: Sequence[Posted]
    sent_per_second: float

    @classmethod
    def posted(
        cls,
        instance: Instance,
        bodies: Sequence[bytes],
        per_second: float,
        finish: Callable[[Watch], None] = lambda _: None,
    ) -> Beside:
        """Start an API process and a sender, post, then `finish` while both still run. Raises Failed."""
        with instance.serving_api() as api, instance.draining() as watch:
            before, started = watch.number(SENT), time.monotonic()
            posts = Poster(api.port).paced(bodies, per_second)
            rate = (watch.number(SENT) - before) / (time.monotonic() - started)
            finish(watch)
            return cls(posts, rate)

    def milliseconds(self) -> list[float]:
        """From the moment when each post was due to its answer."""
        return [post.milliseconds for post in self.posts]


def percentiles(section: Section, label: str, rounds: Sequence[Sequence[float]]) -> None:
    """Add p50 and p99 of each repetition, in milliseconds."""
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        section.add(f"{label}, {name}", "ms", [percentile(values, share) for values in rounds])
