"""Reporting statuses in, and with them the reminders of those who have not reported (contract section 5)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import Clock
from core.jst import rfc3339
from core.mail import Institution
from core.problems import Problem, field_problem
from scheduler.intake import Answer, Unparsable
from scheduler.planning import recipient_column
from scheduler.reminder_plans import SeasonPlans
from scheduler.report_parsing import Report, ReportRefused, parse_report
from scheduler.season_reminders import SeasonReminders
from store import reporting
from store.engine import Database
from store.intake import institution_row

_CHUNK = 1000
_PARSED_AT_ONCE = 25
_TRIES = 3


class ReportingIntake:
    """Accepts reporting statuses."""

    def __init__(
        self, db: Database, clock: Clock, reminders: SeasonReminders, carrier_domains: Collection[str]
    ) -> None:
        self._db = db
        self._clock = clock
        self._reminders = reminders
        self._carrier_domains = carrier_domains

    async def accept(self, items: Sequence[Any], publisher: str) -> list[Answer]:
        """One answer a status, in order; a bad one loses no good one, and what is answered with 200 is durable."""
        plans = self._reminders.plans(self._clock.now())  # one moment for the whole upload
        answers: list[Answer] = []
        parsed = await self._parse_all(items[:_CHUNK], plans.now)
        for start in range(_CHUNK, len(items) + _CHUNK, _CHUNK):
            # While the database writes one chunk, the next is read.
            saving, parsing = self._save(parsed, plans), self._parse_all(items[start : start + _CHUNK], plans.now)
            told, parsed = await asyncio.gather(saving, parsing)
            answers += told
        return answers

    async def _parse_all(self, items: Sequence[Any], now: datetime) -> list[Report | Answer]:
        parsed: list[Report | Answer] = []
        for place, item in enumerate(items, start=1):
            parsed.append(self._parse(item, now))
            if place % _PARSED_AT_ONCE == 0:
                await asyncio.sleep(0)  # a long upload does not hold up what else this process does
        return parsed

    def _parse(self, raw: Any, now: datetime) -> Report | Answer:
        if isinstance(raw, Unparsable):
            return _refusal(Problem("unparsable", detail=raw.detail))
        try:
            return parse_report(raw, now, self._carrier_domains)
        except ReportRefused as refused:
            return _refusal(field_problem(refused.errors))

    async def _save(self, parsed: Sequence[Report | Answer], plans: SeasonPlans) -> list[Answer]:
        words = [word for word in parsed if isinstance(word, Report)]
        told = iter(await self._save_words(words, plans) if words else ())
        return [next(told) if isinstance(word, Report) else word for word in parsed]

    async def _save_words(self, words: Sequence[Report], plans: SeasonPlans) -> list[Answer]:
        for left in reversed(range(_TRIES)):
            try:
                return await self._transact(words, plans)
            except (IntegrityError, OperationalError):  # another process was faster, or went the other way round
                if left == 0:
                    raise
        raise AssertionError("a loop that returns or raises")

    async def _transact(self, words: Sequence[Report], plans: SeasonPlans) -> list[Answer]:
        async with self._db.write(wake=True) as conn:
            named = {word.institution.code: word.institution for word in words}
            known = await _enter_institutions(conn, named, plans.now)
            stale, written = await _record(conn, words, plans.now)
            named |= {word.institution.code: word.institution for place, word in enumerate(words) if place not in stale}
            changed = {
                row.institution_code for row in written if named[row.institution_code] != known[row.institution_code]
            }
            await reporting.change_institutions(conn, _rows(named, changed, plans.now))
            standings = [reporting.standing(row, named[row.institution_code].prefecture) for row in written]
            await self._reminders.settle(conn, standings, plans)
        return [Answer(200, _answer(word, stale.get(place))) for place, word in enumerate(words)]


async def _enter_institutions(
    conn: AsyncConnection, named: Mapping[str, Institution], now: datetime
) -> dict[str, Institution]:
    """The institutions as they are on record, with those that were not on it entered."""
    known = await reporting.institutions_on_record(conn, named)
    new = {code: institution for code, institution in named.items() if code not in known}
    await reporting.add_institutions(conn, _rows(new, new, now))
    return known | new


async def _record(
    conn: AsyncConnection, words: Sequence[Report], now: datetime
) -> tuple[Mapping[int, reporting.AnyRow], Collection[reporting.AnyRow]]:
    """Write the words in order; by the places of stale ones what stood instead, and the rows that were written."""
    stale: dict[int, reporting.AnyRow] = {}
    written: dict[reporting.Key, reporting.AnyRow] = {}
    for wave in _waves(words):
        rows = await reporting.record(conn, [_row(words[place], now) for place in wave])
        refused = {place: words[place].key for place in wave if words[place].key not in rows}
        if refused:
            standing = await reporting.on_record(conn, refused.values())
            stale |= {place: standing[key] for place, key in refused.items()}
        written |= rows
    return stale, written.values()


def _waves(words: Sequence[Report]) -> list[list[int]]:
    """The places of the words, in parts that name no report twice: one statement writes each row once."""
    waves: list[list[int]] = []
    seen: Counter[reporting.Key] = Counter()
    for place, word in enumerate(words):
        if seen[word.key] == len(waves):
            waves.append([])
        waves[seen[word.key]].append(place)
        seen[word.key] += 1
    return waves


def _row(word: Report, now: datetime) -> dict[str, Any]:
    return {
        "fiscal_year": word.fiscal_year,
        "institution_code": word.institution.code,
        "scheme": word.scheme,
        "status": word.status,
        "as_of": word.as_of,
        "channel": word.channel,
        "last_year_data": word.last_year_data,
        "recipient": _recipient(word),
        "updated_at": now,
    }


def _recipient(word: Report) -> Any:
    if word.recipient is None:
        return reporting.NO_RECIPIENT if word.recipient_given else None
    return {"email": word.recipient.email, **recipient_column(word.recipient)}


def _rows(named: Mapping[str, Institution], codes: Iterable[str], now: datetime) -> list[dict[str, Any]]:
    """Institutions in the order of their codes: whoever else locks them does so in the same order."""
    return [institution_row(named[code], now) for code in sorted(codes)]


def _answer(word: Report, instead: reporting.AnyRow | None) -> dict[str, Any]:
    """What is on record behind a word: the word itself, or the newer one that stands `instead`."""
    standing = word if instead is None else instead
    return {
        "fiscal_year": word.fiscal_year,
        "institution_code": word.institution.code,
        "scheme": word.scheme.value,
        "status": standing.status,
        "as_of": rfc3339(standing.as_of),
        "stale": instead is not None,
    }


def _refusal(problem: Problem) -> Answer:
    return Answer(problem.status, problem.as_dict())
