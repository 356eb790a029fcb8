"""What a rehearsal came to, as plain data: the same seed gives the same, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.jst import rfc3339
from core.kinds import Kind, Scheme
from core.statuses import Status
from store.tables import messages
from todoke.rehearsal.assumptions import Assumed
from todoke.rehearsal.play import Stage, describe
from todoke.rehearsal.tally import NOWHERE, Cell, Hour, calls, peak

_step = messages.c.data["step"].as_string()
_scheme = messages.c.data["scheme"].as_string()


async def conclude(stage: Stage, assumed: Assumed, seed: int) -> dict[str, Any]:
    """The whole report as JSON can hold it."""
    async with stage.wiring.db.read() as conn:
        runs = await _runs(conn)
        statuses = await _statuses(conn)
    expected = calls(stage.tally, assumed.world.calls, stage.wiring.calendar)
    return {
        "seed": seed,
        "from": rfc3339(stage.season.first),
        "to": rfc3339(stage.season.end),
        "fiscal_year": stage.season.fiscal_year,
        "institutions": len(stage.players),
        "holds": stage.promises.kept,
        "promises": stage.promises.as_list(),
        "mails": _mails(stage),
        "runs": runs,
        "statuses": statuses,
        "days": _days(stage),
        "hours": _hours(stage),
        "prefectures": list(_prefectures(stage, expected)),
        "domains": list(_domains(stage, assumed)),
        "calls": _calls(expected, assumed),
        "relay": _relay(stage),
        "without_contact": stage.wiring.without_contact,
        "assumptions": assumed.table,
    }


async def _runs(conn: AsyncConnection) -> list[dict[str, Any]]:
    """One for each scheme and step: when it would start and end, and what became of its reminders."""
    columns = (_scheme.label("scheme"), _step.label("step"), messages.c.status, messages.c.reason)
    counted = (
        func.count().label("count"),
        func.min(messages.c.due_at).label("first_due"),
        func.max(messages.c.due_at).label("last_due"),
        func.min(messages.c.sent_at).label("starts"),
        func.max(messages.c.sent_at).label("ends"),
    )
    query = select(*columns, *counted).where(messages.c.kind == Kind.REMINDER).group_by(*columns)
    runs: dict[tuple[str, str], dict[str, Any]] = {}
    for row in await conn.execute(query):
        run = runs.setdefault((row.scheme, row.step), _empty_run(row.scheme, row.step))
        _widen(run, row)
        ended = row.status if row.reason is None or row.status != Status.CANCELLED else f"{row.status}: {row.reason}"
        run["became"][ended] = run["became"].get(ended, 0) + row.count
    found = [run | {"became": dict(sorted(run["became"].items()))} for run in runs.values()]
    for run in found:
        for name in ("first_due", "last_due", "starts", "ends"):
            run[name] = rfc3339(run[name])
    return sorted(found, key=lambda run: (run["first_due"] or "", run["scheme"], run["step"]))


def _empty_run(scheme: str, step: str) -> dict[str, Any]:
    return {
        "scheme": scheme,
        "label": Scheme(scheme).label,
        "step": step,
        "planned": 0,
        "first_due": None,
        "last_due": None,
        "starts": None,
        "ends": None,
        "became": {},
    }


def _widen(run: dict[str, Any], row: Any) -> None:
    run["planned"] += row.count
    for name, choose in (("first_due", min), ("starts", min), ("last_due", max), ("ends", max)):
        known = [moment for moment in (run[name], getattr(row, name)) if moment is not None]
        run[name] = choose(known) if known else None


async def _statuses(conn: AsyncConnection) -> dict[str, dict[str, int]]:
    """How many messages of each kind ended, or stand, where."""
    query = select(messages.c.kind, messages.c.status, func.count()).group_by(messages.c.kind, messages.c.status)
    found: dict[str, dict[str, int]] = {}
    for row in await conn.execute(query.order_by(messages.c.kind, messages.c.status)):
        found.setdefault(row[0], {})[row[1]] = row[2]
    return found


def _mails(stage: Stage) -> dict[str, Any]:
    tally, watch = stage.tally, stage.watch
    hours_of = _grouped(stage, "kind")
    by_kind = {
        kind.value: {"taken": sum(hours_of[kind].values()), "peak": peak(hours_of[kind])}
        for kind in Kind
        if kind in hours_of
    }
    return {
        "taken": sum(tally.taken.values()),
        "peak": peak(tally.by(lambda cell: cell.hour)),
        "kinds": by_kind,
        "tries": dict(sorted(tally.tries.items())),
        "crossed_with_report": watch.crossed,
        "possible_doubles": sum(count > 1 for count in watch.kept.values()),
        "failed": sum(tally.failed.values()),
    }


def _days(stage: Stage) -> list[dict[str, Any]]:
    """Every day of the season with its mails by kind; why it is closed, where it is."""
    counted = stage.tally.by(lambda cell: (cell.hour.date(), cell.kind.value))
    first, days = stage.season.first.date(), (stage.season.end - stage.season.first).days or 1
    found = []
    for day in (first + timedelta(days=passed) for passed in range(days)):
        kinds = {kind.value: counted[day, kind.value] for kind in Kind if (day, kind.value) in counted}
        closed = list(stage.wiring.calendar.why_closed(day))
        found.append({"day": day.isoformat(), "closed": closed, "mails": kinds})
    return found


def _hours(stage: Stage) -> list[dict[str, Any]]:
    """Every hour in which anything was taken."""
    hours = stage.tally.by(lambda cell: cell.hour)
    return [{"hour": rfc3339(hour), "mails": hours[hour]} for hour in sorted(hours)]


def _grouped(stage: Stage, group: str) -> dict[str, dict[Hour, int]]:
    found: dict[str, dict[Hour, int]] = {}
    for cell, count in stage.tally.taken.items():
        hours = found.setdefault(getattr(cell, group), {})
        hours[cell.hour] = hours.get(cell.hour, 0) + count
    return found


def _prefectures(stage: Stage, expected: Mapping[str, Mapping[Hour, float]]) -> Iterator[dict[str, Any]]:
    by_prefecture = _grouped(stage, "prefecture")
    reminders = stage.tally.by(lambda cell: cell.prefecture, _is_reminder)
    names = stage.wiring.data.prefectures
    for code in sorted({player.prefecture for player in stage.players.values()}):
        hours, rings = by_prefecture.get(code, {}), expected.get(code, {})
        yield {
            "code": code,
            "name": names.name(code),
            "institutions": sum(player.prefecture == code for player in stage.players.values()),
            "mails": sum(hours.values()),
            "reminders": reminders[code],
            "failed": sum(count for (_, where), count in stage.tally.failed.items() if where == code),
            "peak": peak(hours),
            "calls": round(sum(rings.values())),
            "peak_calls": peak(rings),
            "busiest_day": _busiest_day(rings),
        }


def _is_reminder(cell: Cell) -> bool:
    return cell.kind is Kind.REMINDER


def _busiest_day(rings: Mapping[Hour, float]) -> dict[str, Any]:
    days: dict[datetime, float] = {}
    for hour, count in rings.items():
        day = hour.replace(hour=0)
        days[day] = days.get(day, 0.0) + count
    busiest = peak(days)
    return {"day": busiest["hour"] and busiest["hour"][:10], "calls": busiest["count"]}


def _domains(stage: Stage, assumed: Assumed) -> Iterator[dict[str, Any]]:
    for domain, hours in sorted(_grouped(stage, "domain").items()):
        limit = assumed.world.domains[domain].per_minute
        yield {"domain": domain, "mails": sum(hours.values()), "peak": peak(hours), "limit_per_minute": limit}


def _calls(expected: Mapping[str, Mapping[Hour, float]], assumed: Assumed) -> dict[str, Any]:
    secretariat = expected.get("secretariat", {})
    everywhere = [rings for desk, rings in expected.items() if desk not in ("secretariat", NOWHERE)]
    return {
        "assumption": dict(assumed.table["calls"]),
        "secretariat": {
            "calls": round(sum(secretariat.values())),
            "peak": peak(secretariat),
            "busiest_day": _busiest_day(secretariat),
        },
        "prefectures": round(sum(sum(rings.values()) for rings in everywhere)),
    }


def _relay(stage: Stage) -> dict[str, Any]:
    return {
        "outages": describe(stage.outages),
        "over_domain_limit": stage.relay.refused_by_limit,
        "connections": stage.wiring.settings.smtp_connections,
    }
