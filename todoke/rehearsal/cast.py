"""The institutions of a rehearsal, and their mailboxes. All of it is made up, from the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.kinds import InstitutionType, Scheme
from todoke.rehearsal.assumptions import Assumptions, Institutions
from todoke.rehearsal.draws import Draws

OWN_DOMAIN = "own"


@dataclass(slots=True)
class Player:
    """An institution. What was told of it to the service stands here as well, for the checks."""

    number: int
    code: str
    type: InstitutionType
    prefecture: str
    email: str | None
    domain: str  # as the assumptions name it
    paper: bool
    last_year_data: bool
    said: str = "not-started"  # the status that the service was told last
    status: str = "not-started"  # the status by now
    answers: int = 0  # reminders that it got

    @property
    def scheme(self) -> Scheme:
        """What it reports."""
        return Scheme.default_for(self.type)

    @property
    def name(self) -> str:
        """Made up, and recognisably so."""
        return f"模擬第{self.number}{self.type.label}"

    def institution(self) -> Mapping[str, str]:
        """As in a job."""
        return {"code": self.code, "name": self.name, "type": self.type.value, "prefecture": self.prefecture}

    def word(self, fiscal_year: int, as_of: str | None = None) -> dict[str, Any]:
        """Its reporting status, as the registration system tells it."""
        told = {"as_of": as_of} if as_of else {}
        return {
            "fiscal_year": fiscal_year,
            "institution": self.institution(),
            "recipient": {"email": self.email} if self.email and not self.paper else None,
            "status": self.status,
            "channel": "paper" if self.paper else "online",
            "last_year_data": self.last_year_data,
        } | told


def make_cast(count: int, world: Assumptions, draws: Draws) -> list[Player]:
    """So many institutions, prefecture by prefecture."""
    shares = world.institutions.prefectures
    numbers = _apportioned(count, shares)
    players: list[Player] = []
    for prefecture, share in numbers.items():
        players += [_player(len(players) + place, prefecture, world, draws) for place in range(share)]
    return players


def _apportioned(count: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that come to `count`, by the largest remainder."""
    whole = sum(weights.values())
    exact = {name: count * weight / whole for name, weight in sorted(weights.items())}
    numbers = {name: int(part) for name, part in exact.items()}
    left = count - sum(numbers.values())
    for name in sorted(exact, key=lambda name: (numbers[name] - exact[name], name))[:left]:
        numbers[name] += 1
    return numbers


def _player(number: int, prefecture: str, world: Assumptions, draws: Draws) -> Player:
    rules = world.institutions
    code = f"{prefecture}{number:08d}"
    type_ = draws.pick(rules.types, "type", code)
    domain = draws.pick({name: one.share for name, one in world.domains.items()}, "domain", code)
    return Player(
        number=number,
        code=code,
        type=type_,
        prefecture=prefecture,
        email=None if draws.happens(rules.no_address, "address", code) else _email(number, type_, domain, rules, draws),
        domain=domain,
        paper=draws.happens(rules.paper, "paper", code),
        last_year_data=not draws.happens(rules.no_last_year_data, "last-year", code),
    )


def _email(number: int, type_: InstitutionType, domain: str, rules: Institutions, draws: Draws) -> str:
    chain = number // rules.chain_size
    if type_ is InstitutionType.PHARMACY and draws.happens(rules.chain_pharmacies, "chain", number):
        return f"honbu{chain}@chain{chain}.example.jp" if domain == OWN_DOMAIN else f"honbu{chain}@{domain}"
    return f"jimu@k{number}.example.jp" if domain == OWN_DOMAIN else f"k{number}@{domain}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """How the mailbox behind an address behaves. `closed_from`: no such mailbox from that day on."""

    status: str  # enhanced status code of its failures
    closed_from: date | None
    at_once: bool
    full_from: date | None
    full_days: float
    answers: bool
    greylists: bool


class Mailboxes:
    """The mailboxes behind all addresses, drawn when first written to."""

    def __init__(self, world: Assumptions, draws: Draws, first: date, last: date) -> None:
        self._world = world
        self._draws = draws
        self._first = first
        self._days = (last - first).days + 1
        self._known: dict[str, Mailbox] = {}

    def __getitem__(self, email: str) -> Mailbox:
        """The mailbox behind an address."""
        found = self._known.get(email)
        if found is None:
            found = self._known[email] = self._draw(email)
        return found

    def _draw(self, email: str) -> Mailbox:
        rules, draws = self._world.mailboxes, self._draws
        unknown_host = draws.happens(rules.host_unknown, "host", email.rpartition("@")[2])
        unknown = unknown_host or draws.happens(rules.unknown, "unknown", email)
        closes = draws.happens(rules.closes, "closes", email)
        full = draws.happens(rules.full, "full", email)
        return Mailbox(
            status="5.1.2" if unknown_host else "5.1.1",
            closed_from=self._first if unknown else self._day("closed", email) if closes else None,
            at_once=draws.happens(rules.refused_at_once, "at-once", email),
            full_from=self._day("full-from", email) if full else None,
            full_days=draws.between(rules.full_days, "full-days", email),
            answers=draws.happens(rules.auto_reply, "answers", email),
            greylists=draws.happens(self._world.relay.greylisting, "grey", email.rpartition("@")[2]),
        )

    def _day(self, *names: str) -> date:
        return date.fromordinal(self._first.toordinal() + int(self._draws.unit(*names) * self._days))
