"""The story that is played: a year-end, from the last Friday of December until the first mails count as settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from config.samples import FOLDER
from core.jst import TOKYO, tokyo_date
from core.kinds import Kind
from core.statuses import Status
from scheduler.files import Line, read_lines
from scheduler.intake import Answer
from store.tables import events, messages
from todoke.demo.api import in_path
from todoke.demo.stage import PUBLISHER, Stage
from todoke.demo.words import day_text


def _at(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=TOKYO)


BEGINS_AT = _at(2026, 12, 25, 8, 30)
ENDS_AT = _at(2027, 1, 8, 15, 30)
"""Friday: three business days after the reminders of 5 January."""

Accept = Callable[[Sequence[Any], str], Awaitable[list[Answer]]]
"""Takes items from a publisher, and gives one answer each."""

WITHDRAWN_JOB = "demo-job-0910"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was refused."""

    file: str
    line: int
    code: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of a sample file."""

    file: str
    of_jobs: bool
    lines: int
    accepted: int
    repeated: int
    refused: Sequence[Refusal]


@dataclass(frozen=True, slots=True)
class Phase:
    """Something that was done, or what the service did on one day. `at` is None where it was all day."""

    day: str
    at: datetime | None
    title: str
    lines: Sequence[str]


@dataclass(slots=True)
class Story:
    """What happened on the stage so far; `tell` hears of every phase at once."""

    stage: Stage
    tell: Callable[[Phase], None]
    uploads: list[Upload] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    _read_up_to: int = 0

    async def play(self) -> None:
        """From the first act to the end."""
        for act in ACTS:
            await self._until(act.at)
            self._add(act.at, act.title, await act.do(self))
        await self._until(ENDS_AT)

    async def upload_jobs(self, file: str) -> list[str]:
        """Publish a sample file as its registration system would."""
        return await self._upload(file, self.stage.wiring.intake.accept, of_jobs=True)

    async def upload_reports(self, file: str) -> list[str]:
        """Hand in reporting statuses."""
        return await self._upload(file, self.stage.wiring.reporting.accept, of_jobs=False)

    async def _upload(self, file: str, accept: Accept, *, of_jobs: bool) -> list[str]:
        with (FOLDER / file).open("rb") as stream:
            lines = list(read_lines(stream, file))
        answers = await accept([line.raw for line in lines], PUBLISHER)
        upload = _upload_of(file, list(zip(lines, answers, strict=True)), of_jobs=of_jobs)
        self.uploads.append(upload)
        return [_counted(upload), *(_refusal_text(refusal) for refusal in upload.refused)]

    async def _until(self, moment: datetime) -> None:
        await self.stage.timelapse.run_until(moment)
        for day, lines in await self._days():
            self._add(None, "このサービスが行ったこと (what the service did)", lines, day)

    def _add(self, at: datetime | None, title: str, lines: Sequence[str], day: str = "") -> None:
        phase = Phase(day or day_text(tokyo_date(at or ENDS_AT)), at, title, lines)
        self.phases.append(phase)
        self.tell(phase)

    async def _days(self) -> list[tuple[str, list[str]]]:
        """What was done since last asked, by day and kind."""
        query = select(events.c.id, events.c.at, events.c.status, events.c.message_id, messages.c.kind)
        query = query.join(messages, messages.c.id == events.c.message_id).where(events.c.id > self._read_up_to)
        async with self.stage.wiring.db.read() as conn:
            rows = (await conn.execute(query.order_by(events.c.id))).all()
        self._read_up_to = max((row.id for row in rows), default=self._read_up_to)
        days: dict[str, set[tuple[str, str, str]]] = {}
        for row in rows:
            if row.status not in _ON_THE_WAY:
                days.setdefault(day_text(tokyo_date(row.at)), set()).add((row.kind, row.status, row.message_id))
        return [(day, list(_work_lines(done))) for day, done in days.items()]


_ON_THE_WAY = (Status.HELD, Status.SCHEDULED, Status.SENDING)


def _work_lines(done: set[tuple[str, str, str]]) -> Iterator[str]:
    counts = Counter((kind, status) for kind, status, _ in done)
    for kind in Kind:
        told = [f"{status.label()} {counts[kind, status]}" for status in Status if (kind, status) in counts]
        if told:
            yield f"{kind.label} ({kind}): {' ・ '.join(told)}"


def _upload_of(file: str, results: Sequence[tuple[Line, Answer]], *, of_jobs: bool) -> Upload:
    return Upload(
        file,
        of_jobs,
        lines=len(results),
        accepted=sum(answer.accepted for _, answer in results),
        repeated=sum(answer.status == 200 and "job_id" in answer.body for _, answer in results),
        refused=[_refusal(file, line, answer) for line, answer in results if not answer.accepted],
    )


def _refusal(file: str, line: Line, answer: Answer) -> Refusal:
    body = answer.body
    errors = [f"{error['field']}: {error['detail']}" for error in body["errors"]]
    why = "; ".join(errors) or body.get("detail") or ""
    return Refusal(file, line.number, body["code"], body["title"], why)


def _counted(upload: Upload) -> str:
    repeated = f" (うち再送 repeated {upload.repeated})" if upload.repeated else ""
    return f"受付 accepted {upload.accepted}{repeated} ・ 受付不可 refused {len(upload.refused)}"


def _refusal_text(refusal: Refusal) -> str:
    why = f" ({refusal.why})" if refusal.why else ""
    return f"× {refusal.line}行目 {refusal.code}: {refusal.title}{why}"


@dataclass(frozen=True, slots=True)
class Act:
    """Something done from outside at a moment of business time."""

    at: datetime
    title: str
    do: Callable[[Story], Awaitable[list[str]]]


async def _publish_first(story: Story) -> list[str]:
    return await story.upload_jobs("applications.csv")


async def _publish_second(story: Story) -> list[str]:
    return await story.upload_jobs("applications.ndjson")


async def _reports_december(story: Story) -> list[str]:
    return await story.upload_reports("reports.ndjson")


async def _reports_january(story: Story) -> list[str]:
    return await story.upload_reports("reports-january.ndjson")


async def _withdraw(story: Story) -> list[str]:
    reply = await story.stage.publisher.post(f"/v1/jobs/{in_path(WITHDRAWN_JOB)}/cancel")
    body = reply.expect(200)
    return [f"{WITHDRAWN_JOB}: 取消 cancelled {len(body['cancelled'])} ・ 送信済み left {len(body['left'])}"]


async def _resolve(story: Story) -> list[str]:
    helpdesk = story.stage.helpdesk
    found = (await helpdesk.get("/v1/messages", kind=Kind.PRE_CHECK, status=Status.IN_DOUBT)).expect(200)
    told = []
    for message in found["items"]:
        why = "受信者に電話で確認し、届いていたため。"
        body = {"outcome": Status.SENT, "why": why}
        answer = (await helpdesk.post(f"/v1/messages/{message['id']}/resolve", body)).expect(200)
        told.append(f"{message['application_id']}: {answer['label']} — {why} 利用案内は翌営業日に送信")
    return told


async def _closed(story: Story) -> list[str]:
    """Nothing but the immediate kinds leaves from 29 December to 3 January."""
    counts: Counter[str] = Counter()
    async with story.stage.wiring.db.read() as conn:
        rows = await conn.execute(select(messages.c.kind).where(messages.c.status == Status.SCHEDULED))
        counts.update(rows.scalars())
    waiting = counts[Kind.GUIDE]
    return [
        "12月29日～1月3日は行政機関の休日のため、認証コードなど即時のメール以外は送信していません。",
        f"1月4日 9時を待つ利用案内メール: {waiting}",
    ]


ACTS = (
    Act(BEGINS_AT, "申請を受け付ける (publish applications.csv: CP932)", _publish_first),
    Act(_at(2026, 12, 28, 9, 30), "報告状況を受け取る (set reports from reports.ndjson)", _reports_december),
    Act(
        _at(2026, 12, 28, 10, 0),
        "申請と各種のメールを受け付ける (publish applications.ndjson)",
        _publish_second,
    ),
    Act(
        _at(2026, 12, 28, 14, 0),
        "登録システムが1件を取り下げる (POST /v1/jobs/…/cancel)",
        _withdraw,
    ),
    Act(
        _at(2026, 12, 28, 14, 30),
        "窓口が「送信結果不明」を確認する (POST /v1/messages/…/resolve)",
        _resolve,
    ),
    Act(_at(2027, 1, 4, 8, 0), "年末年始の休みが明ける (first business day of the year)", _closed),
    Act(
        _at(2027, 1, 5, 8, 40),
        "報告の受付開始の朝 (set reports from reports-january.ndjson)",
        _reports_january,
    ),
)
