"""What the demo comes to: everything that is told at the end, and the same as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from core.jst import rfc3339
from core.kinds import Kind
from todoke.demo.captured import captured_mails, secret_links
from todoke.demo.checks import Check, Evidence, all_checks
from todoke.demo.questions import Answered, Example, ask, examples
from todoke.demo.records import Books, Record, read_books
from todoke.demo.stage import Stage
from todoke.demo.story import Phase, Refusal, Story, Upload
from todoke.demo.words import timeline


@dataclass(frozen=True, slots=True)
class Result:
    """The end of the story. `captured` counts the mails in the sink by kind, `seconds` are real."""

    began_at: datetime
    ended_at: datetime
    seconds: float
    phases: Sequence[Phase]
    uploads: Sequence[Upload]
    books: Books
    captured: Mapping[Kind, int]
    shown: Mapping[str, Example]
    answers: Sequence[Answered]
    checks: Sequence[Check]

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)

    @property
    def refused(self) -> list[Refusal]:
        """The lines that were refused."""
        return [refusal for upload in self.uploads for refusal in upload.refused]

    @property
    def applications(self) -> int:
        """How many applications are on record."""
        told = {record.view["application_id"] for record in self.books.records}
        return len((told | {each.application for each in self.books.decisions}) - {None})

    def counts(self) -> dict[Kind, Counter[str]]:
        """Messages by kind and label."""
        found: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
        for record in self.books.records:
            found[record.kind][record.view["label"]] += 1
        return found

    def as_dict(self) -> dict[str, Any]:
        """As one JSON document."""
        return {
            "holds": self.holds,
            "began_at": rfc3339(self.began_at),
            "ended_at": rfc3339(self.ended_at),
            "took_seconds": round(self.seconds, 1),
            "phases": [asdict(phase) | {"at": rfc3339(phase.at)} for phase in self.phases],
            "uploads": [asdict(upload) for upload in self.uploads],
            "applications": self.applications,
            "counts": {kind.value: dict(found) for kind, found in self.counts().items()},
            "mails_in_sink": {kind.value: count for kind, count in self.captured.items()},
            "no_mail": [asdict(decision) for decision in self.books.decisions],
            "messages": [_message(record) for record in self.books.records],
            "timelines": {name: _example(example) for name, example in self.shown.items()},
            "helpdesk": [answer.as_dict() for answer in self.answers],
            "checks": [check.as_dict() for check in self.checks],
        }


def _message(record: Record) -> dict[str, Any]:
    view = {key: value for key, value in record.view.items() if key not in ("delivery", "events")}
    return view | {"institution_name": record.institution, "timeline": timeline(record.events)}


def _example(example: Example) -> dict[str, Any]:
    return {"title": example.title, "messages": [dict(record.view) for record in (example.pre_check, example.guide)]}


async def conclude(stage: Stage, story: Story, began_at: datetime, seconds: float) -> Result:
    """Read the books, ask the helpdesk's questions, check. Raises NothingToShow."""
    ended_at = stage.clock.now()
    books = await read_books(stage.wiring.db, ended_at)
    mails = await captured_mails(stage.sink)
    shown = examples(books)
    evidence = Evidence(
        books=books,
        mails=mails,
        links=await secret_links(stage.sink),
        database=stage.database_octets(),
        accepted=_jobs_accepted(story),
        is_open=stage.wiring.calendar.is_open,
    )
    return Result(
        began_at=began_at,
        ended_at=ended_at,
        seconds=seconds,
        phases=story.phases,
        uploads=story.uploads,
        books=books,
        captured=Counter(mail.kind for mail in mails),
        shown=shown,
        answers=await ask(stage.helpdesk, shown, books),
        checks=all_checks(evidence),
    )


def _jobs_accepted(story: Story) -> int:
    return sum(upload.accepted - upload.repeated for upload in story.uploads if upload.of_jobs)
