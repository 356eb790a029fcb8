"""Intake: HTTP, file and broker all end here. Judged in the contract's order, durable before the answer (section 3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError

from core.batching import Batcher
from core.clock import Clock
from core.ending import within
from core.errors import FieldError, frames
from core.jobs import Job
from core.problems import Problem, field_problem
from scheduler.calendar import OutsideCalendar
from scheduler.job_parsing import InputRules, JobRefused, canonical, canonical_forms, parse_job
from scheduler.planning import Planner
from scheduler.refusals import Refused
from store.cipher import Cipher, KeyMissing
from store.decisions import DecidedError
from store.engine import OUTAGE, Database, DatabaseUnavailable
from store.intake import Batch, Known, KnownJob, known, save

log = structlog.get_logger("scheduler")

MAX_JOBS = 1000
_BATCH_SECONDS = 20.0
"""How long jobs may take together to become durable: most clients give up after 30 or 60 s, and learn nothing then."""

IssuedAdvice = Callable[[str, str], Awaitable[dict[str, Any]]]
"""(institution code, application id) -> the procedure for an application that was issued before."""


@dataclass(frozen=True, slots=True)
class Unparsable:
    """An item of a batch that is no JSON."""

    detail: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one job is answered."""

    status: int
    body: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether the job is on record."""
        return self.status < 400


@dataclass(slots=True)
class _Item:
    """One job of a batch on its way through judging."""

    raw: Any
    publisher: str
    job: Job | None = None
    refusal: Problem | None = None
    late: bool = False  # refused for nothing but the passing of time: may be a repetition
    answer: Answer | None = None
    issued_to: tuple[str, str] | None = None


class Intake:
    """Accepts jobs."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        cipher: Cipher,
        planner: Planner,
        rules: InputRules,
        issued_advice: IssuedAdvice,
    ) -> None:
        self._db = db
        self._clock = clock
        self._cipher = cipher
        self._planner = planner
        self._rules = rules
        self._issued_advice = issued_advice
        self._singles: Batcher[tuple[Any, str], Answer] = Batcher(self._accept_in_time)

    async def accept(self, raws: Sequence[Any], publisher: str) -> list[Answer]:
        """One answer a job, in order. What is answered with 2xx is durable; a bad job loses no good one.

        Nor does one that brings out a fault of ours: it alone is answered 500. Raises OUTAGE.
        """
        return await self._accept_in_time([(raw, publisher) for raw in raws])

    async def accept_one(self, raw: Any, publisher: str) -> Answer:
        """As `accept`; jobs that come in one by one at the same time go into the database together."""
        return await self._singles.add((raw, publisher))

    async def _accept_in_time(self, submitted: Sequence[tuple[Any, str]]) -> list[Answer]:
        """A batch that hangs, as it does with its database, is given up. Raises DatabaseUnavailable."""
        try:
            return await within(_BATCH_SECONDS, self._accept(submitted))
        except TimeoutError:
            raise DatabaseUnavailable("the database does not answer") from None

    async def _accept(self, submitted: Sequence[tuple[Any, str]]) -> list[Answer]:
        now = self._clock.now()  # one moment for the whole batch
        items = [self._parse(raw, publisher, now) for raw, publisher in submitted]
        pending = [item for item in items if item.answer is None]
        if pending:
            await self._accept_parsed(pending, now)
        return [await self._final(item) for item in items]

    def _parse(self, raw: Any, publisher: str, now: datetime) -> _Item:
        try:
            return self._read(raw, publisher, now)
        except Exception as error:
            return _Item(raw, publisher, answer=_fault("failed to read a job", error))

    def _read(self, raw: Any, publisher: str, now: datetime) -> _Item:
        if isinstance(raw, Unparsable):
            return _Item(raw, publisher, answer=_answer(Problem("unparsable", detail=raw.detail)))
        try:
            return _Item(raw, publisher, job=parse_job(raw, now, self._rules))
        except JobRefused as refused:
            problem = field_problem(refused.errors)
            late = all(error.code == "past" for error in refused.errors)
            if late:
                return _Item(raw, publisher, refusal=problem, late=True)
            return _Item(raw, publisher, answer=_answer(problem))

    async def _accept_parsed(self, items: Sequence[_Item], now: datetime) -> None:
        """Together first; one by one when another process was faster with one of them, or one brings out a fault."""
        try:
            await self._transact(items, now)
        except Exception:
            for item in items:
                await self._accept_alone(item, now)

    async def _accept_alone(self, item: _Item, now: datetime) -> None:
        try:
            await self._try_alone(item, now)
        except OUTAGE:
            raise
        except Exception as error:
            item.answer = _fault("failed to take in a job", error)

    async def _try_alone(self, item: _Item, now: datetime, tries: int = 3) -> None:
        for left in reversed(range(tries)):
            try:
                await self._transact([item], now)
            except (IntegrityError, DecidedError):
                if left == 0:
                    raise
            else:
                return

    async def _transact(self, items: Sequence[_Item], now: datetime) -> None:
        for item in items:
            item.answer = item.issued_to = None
        async with self._db.write(wake=True) as conn:
            found = await known(conn, [item.job for item in items if item.job], _ids(items))
            batch = Batch()
            for item in items:
                self._judge(item, found, batch, now)
            await save(conn, batch, now)

    def _judge(self, item: _Item, found: Known, batch: Batch, now: datetime) -> None:
        repeated = found.jobs.get(item.raw["job_id"])
        if repeated is not None:
            item.answer = self._repeated(item.raw, repeated)
            return
        if item.job is None:
            item.answer = _answer(item.refusal or Problem("invalid"))
            return
        try:
            planned = self._planner.plan(item.job, found, now)
            answer = planned.write(batch, found, item.publisher, self._cipher.digest(canonical(item.raw)))
        except Refused as refused:
            item.answer = _answer(refused.problem)
            item.issued_to = refused.issued_to
        except OutsideCalendar:
            error = FieldError("not_before", "range", "leads beyond the years that the calendar knows")
            item.answer = _answer(field_problem([error]))
        else:
            item.answer = Answer(202, answer)

    def _repeated(self, raw: Mapping[str, Any], first: KnownJob) -> Answer:
        try:
            same = any(self._cipher.digest_matches(body, first.digest) for body in canonical_forms(raw))
        except KeyMissing:
            return _answer(Problem("job-id-unverifiable"))
        return Answer(200, first.answer) if same else _answer(Problem("job-id-reused"))

    async def _final(self, item: _Item) -> Answer:
        assert item.answer is not None
        if item.issued_to is None:
            return item.answer
        try:
            procedure = await self._issued_advice(*item.issued_to)
        except Exception as error:  # the refusal is true without its procedure, and others wait for their answers
            _tell("failed to advise on a job that was issued before", error)
            return item.answer
        return Answer(item.answer.status, item.answer.body | {"procedure": procedure})


def _ids(items: Collection[_Item]) -> set[str]:
    return {item.raw["job_id"] for item in items}


def _fault(what: str, error: Exception) -> Answer:
    _tell(what, error)
    return _answer(Problem("internal"))


def _tell(what: str, error: Exception) -> None:
    log.error(what, kind=type(error).__name__, where=frames(error))


def _answer(problem: Problem) -> Answer:
    return Answer(problem.status, problem.as_dict())


def too_many() -> Problem:
    """413 for an array of more than MAX_JOBS."""
    return Problem("too-large", errors=[FieldError("", "too-many", f"at most {MAX_JOBS} items in one request")])
