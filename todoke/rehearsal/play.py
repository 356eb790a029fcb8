"""A season played from its first moment to its last: whatever comes next happens, and the clock leaps to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from core.errors import TodokeError
from core.jst import TOKYO, rfc3339, to_tokyo
from scheduler.calendar import BusinessCalendar
from scheduler.intake import Answer
from todoke.rehearsal.assumptions import Assumptions
from todoke.rehearsal.cast import OWN_DOMAIN, Mailboxes, Player, make_cast
from todoke.rehearsal.draws import Draws
from todoke.rehearsal.office import RehearsalWiring
from todoke.rehearsal.promises import Promises
from todoke.rehearsal.relay import Outage, SimulatedRelay
from todoke.rehearsal.returning import Returns, is_failure
from todoke.rehearsal.sending import RehearsedSender, Tried
from todoke.rehearsal.tally import Tally
from todoke.rehearsal.watching import Known, Watch
from todoke.rehearsal.world import Season, Telling, World

_LOOKS_EVERY = 300
"""Seconds. Between two full five minutes nothing is sent by itself; what the outside hands in is looked at at once."""

_INSTANT = timedelta(microseconds=1)

_JOBS_AT_ONCE = 1000
_PUBLISHER = "rehearsal"


class HandedInWrongly(TodokeError):
    """The service refused what the simulated registration system handed in: the rehearsal itself is at fault."""


@dataclass(slots=True)
class Stage:
    """Everything that takes part."""

    season: Season
    wiring: RehearsalWiring
    players: Mapping[str, Player]
    world: World
    relay: SimulatedRelay
    returns: Returns
    watch: Watch
    tally: Tally
    promises: Promises
    outages: Sequence[Outage]
    compose_every: int
    sender: RehearsedSender = field(init=False)

    def __post_init__(self) -> None:
        room = self.wiring.postroom(self.compose_every)
        self.sender = RehearsedSender(room, self.relay, self.wiring.simulated, self._tried)

    def _tried(self, tried: Tried) -> None:
        self.watch.tried(tried)
        self.tally.tried(tried)
        for reported in tried.handled.reports:
            self.returns.expect(tried.message, tried.mail, reported, tried.at)


def set_stage(
    season: Season, wiring: RehearsalWiring, count: int, world: Assumptions, draws: Draws, compose_every: int = 1
) -> Stage:
    """The cast and everything around it."""
    players = {player.code: player for player in make_cast(count, world, draws)}
    agenda = World(season, world, draws, wiring.reminder_rules, wiring.calendar)
    agenda.enter(list(players.values()))
    promises = Promises()
    known = Known(players, wiring.calendar, wiring.reminder_rules, agenda.reported_at)
    outages = draw_outages(season, world, draws, wiring.calendar)
    mailboxes = Mailboxes(world, draws, season.first.date(), season.end.date())
    limited = frozenset(name for name in world.domains if name != OWN_DOMAIN)
    return Stage(
        season=season,
        wiring=wiring,
        players=players,
        world=agenda,
        relay=SimulatedRelay(world, draws, mailboxes, outages),
        returns=Returns(wiring.reports, wiring.applier, wiring.return_paths),
        watch=Watch(known, promises, agenda.reminded),
        tally=Tally(OWN_DOMAIN, limited),
        promises=promises,
        outages=outages,
        compose_every=compose_every,
    )


def draw_outages(season: Season, world: Assumptions, draws: Draws, calendar: BusinessCalendar) -> list[Outage]:
    """Times at which the relay cannot be reached: on business days, where it hurts."""
    days = (season.end - season.first).days or 1
    found = []
    for number in range(world.relay.outages):
        day: date = season.first.date() + timedelta(days=int(draws.unit("outage-day", number) * days))
        opened = datetime.combine(calendar.next_open(day), time(9), TOKYO)
        start = opened + timedelta(minutes=int(draws.unit("outage-time", number) * 8 * 60))
        found.append(Outage(start, start + timedelta(minutes=int(draws.between(world.relay.outage_minutes, number)))))
    return sorted(found, key=lambda outage: outage.start)


Progress = Callable[[datetime, int], None]
"""(simulated moment, mails taken by the relay until then)"""


async def play(stage: Stage, progress: Progress) -> None:
    """From the beginning of the season to its end."""
    clock = stage.wiring.simulated
    while (coming := await _coming(stage)).moment <= stage.season.end:
        clock.leap_to(coming.moment)
        await _happen(stage, coming)
        progress(to_tokyo(coming.moment), sum(stage.tally.taken.values()))
    clock.leap_to(stage.season.end)


@dataclass(frozen=True, slots=True)
class _Coming:
    """What happens next, and when; `ready_at` and `expiry` are those of the service."""

    moment: datetime
    ready_at: datetime
    expiry: datetime


async def _coming(stage: Stage) -> _Coming:
    after = stage.season.end + timedelta(days=1)
    now = stage.wiring.clock.now()
    ready_at = await stage.wiring.outbox.next_ready_at() or after
    expiry = await stage.wiring.chores.next_expiry() or after
    outside = (stage.world.next_at or after, stage.returns.next_at or after)
    return _Coming(min(*outside, expiry, _next_look(max(ready_at, now + _INSTANT))), ready_at, expiry)


async def _happen(stage: Stage, coming: _Coming) -> None:
    """What the outside does, what has come back, what expires; then whatever is ready leaves."""
    now = stage.wiring.clock.now()
    told = False
    for telling in stage.world.take(now):
        await _tell(stage, telling)
        told = True
    for returned in await stage.returns.deliver(now):
        stage.watch.returned(returned)
        if is_failure(returned.reported):
            institution = returned.message.institution
            stage.tally.returned(stage.players[institution.code] if institution else None, now)
    if coming.expiry <= now:
        await stage.wiring.chores.expire_due(now)
    if coming.ready_at <= now or told:
        await stage.sender.run_until(_earlier(stage.world.next_at, stage.returns.next_at, stage.season.end + _INSTANT))


async def _tell(stage: Stage, telling: Telling) -> None:
    words = stage.world.words(telling)
    if words:
        _insist(await stage.wiring.reporting.accept(words, _PUBLISHER))
        for player, status, _since in telling.statuses:
            player.said = status
    for start in range(0, len(telling.jobs), _JOBS_AT_ONCE):
        batch = telling.jobs[start : start + _JOBS_AT_ONCE]
        for player, job in batch:
            if job["kind"] == "account-issue":
                stage.watch.applied(player)
        _insist(await stage.wiring.intake.accept([job for _, job in batch], _PUBLISHER))


def _insist(answers: Sequence[Answer]) -> None:
    refused: list[dict[str, Any]] = [answer.body for answer in answers if not answer.accepted]
    if refused:
        raise HandedInWrongly(f"{len(refused)} of {len(answers)} were refused, the first with {refused[0]}")


def _next_look(at: datetime) -> datetime:
    """The first full five minutes at or after a moment."""
    return datetime.fromtimestamp(-(-at.timestamp() // _LOOKS_EVERY) * _LOOKS_EVERY, TOKYO)


def _earlier(*moments: datetime | None) -> datetime:
    return min(moment for moment in moments if moment is not None)


def describe(outages: Sequence[Outage]) -> list[dict[str, str | None]]:
    """Outages for a report."""
    return [{"from": rfc3339(outage.start), "to": rfc3339(outage.end)} for outage in outages]
