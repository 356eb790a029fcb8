"""How fast mails go to each provider: limits that are configured, and patience that its servers ask for.

All of it in business time, in one process; senders that share a database share a limit by their number. A mail that
has to wait is given its own moment, one behind the other, and goes back to the outbox until then: it holds neither a
connection nor a place among the claimed. Nothing here slows a domain of which nothing is configured or was heard.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from core.destinations import Destination
from core.kinds import URGENT_KINDS
from core.messages import Message
from core.ports import Candidate, Claim, ClaimPolicy, Decision, Part, Postpone
from mailer.greylisting import Greylisting
from mailer.patience import asked_wait, greylists, limits, may_greylist
from mailer.transaction import Refused

LIMITED, SLOWED = "domain-limit", "domain-slowed"
"""Why a mail was postponed."""

_HOLD = timedelta(minutes=1)
_CAUTION = 60.0
"""Mails a minute to a provider that has asked for patience, once it is over; doubled every quiet minute."""
_LEAST_CAUTION, _MOST_CAUTION = 6.0, 4000.0
_GREYLISTING_KNOWN = timedelta(days=1)
_TAKES = timedelta(hours=1)
"""Who has taken a mail at its first try so lately does not greylist."""
_TAKERS_KEPT = 20_000
_BURST_MINUTES = 1 / 30
_AHEAD = 5
"""Mails claimed for each connection that a provider is allowed."""
_NEXT_LOOK = timedelta(seconds=1)
_DOMAINS_KEPT = 4096
_FARTHEST = timedelta(minutes=5)
"""No mail waits longer for caution before it asks again: caution grows less by then."""


@dataclass(slots=True)
class _State:
    """One group's."""

    limit: Destination
    tokens: float = 1.0
    counted_at: datetime | None = None
    last_slot: datetime | None = None
    held_until: datetime | None = None
    caution: float | None = None  # mails a minute
    cautious_since: datetime | None = None
    greylists_until: datetime | None = None  # so long it is known to, by its words
    greylisting: Greylisting = field(default_factory=Greylisting)
    claimed: set[str] = field(default_factory=set)
    asked: int = 0  # claimed in the claim that is under way


class Pacing:
    """The pace of every provider, as this process knows it."""

    def __init__(self, destinations: Sequence[Destination] = ()) -> None:
        self._groups = {domain: destination for destination in destinations for domain in destination.domains}
        self._states: dict[str, _State] = {}
        for destination in destinations:
            if destination.connections is not None or destination.per_minute is not None:
                self._states[destination.name] = _State(destination)
        self._taken_at: dict[str, datetime] = {}
        """Providers, and when they took a mail at its first try."""
        self._part = Part(0, 1)
        self._group = lru_cache(_DOMAINS_KEPT)(self._group_of)

    def provider(self, address: str) -> str:
        """The name of the group that an address is of."""
        return self._group(_domain(address)).name

    def endings(self, providers: Set[str]) -> Sequence[str]:
        """How addresses of these groups end: what is configured has its subdomains with it."""
        configured = [domain for domain, group in self._groups.items() if group.name in providers]
        alone = providers - {group.name for group in self._groups.values()}
        return sorted({*(f"@{domain}" for domain in (*configured, *alone)), *(f".{domain}" for domain in configured)})

    def without_room(self) -> Set[str]:
        """Groups that have fewer connections than there are senders, none of them this process's."""
        return {
            name
            for name, state in self._states.items()
            if state.limit.connections is not None and not self._connections(state)
        }

    def connections(self, provider: str) -> int | None:
        """How many mails to a provider may be under way from this process, where that is configured."""
        state = self._states.get(provider)
        return None if state is None or state.limit.connections is None else self._connections(state)

    def share(self, part: Part) -> None:
        """Each of the senders that are alive keeps to its part of a limit."""
        self._part = part

    def ask(self, message: Message, now: datetime) -> Postpone | None:
        """Whether a mail may be claimed now, and when otherwise."""
        state = self._state(message.recipient.email)
        if state is None:
            return None
        self._calm_down(state, now)
        urgent = message.kind in URGENT_KINDS  # what these take of a limit, the others miss
        if state.held_until is not None and state.held_until > now:
            return Postpone(state.held_until if urgent else self._slot(state, state.held_until), SLOWED)
        if not urgent and self._full(state):
            return Postpone(self._slot(state, now + _NEXT_LOOK), LIMITED)
        rate = self._rate(state)
        if rate is not None and not _take_token(state, rate, now, urgent=urgent):
            return Postpone(self._slot(state, now), LIMITED if state.caution is None else SLOWED)
        state.asked += 1
        return None

    def claimed(self, messages: Sequence[Message]) -> None:
        """A claim is over, and these came of it."""
        for state in self._states.values():
            state.asked = 0
        for message in messages:
            state_of = self._state(message.recipient.email)
            if state_of is not None:
                state_of.claimed.add(message.id)

    def held(self, address: str, now: datetime) -> Postpone | None:
        """Whether a mail that was claimed has to wait after all, since its provider asked for patience meanwhile."""
        state = self._state(address)
        if state is None or state.held_until is None or state.held_until <= now:
            return None
        return Postpone(self._slot(state, state.held_until), SLOWED)

    def done(self, message: Message) -> None:
        """A claimed mail is no longer ours."""
        state = self._state(message.recipient.email)
        if state is not None:
            state.claimed.discard(message.id)

    def taken(self, message: Message, provider: str, now: datetime) -> None:
        """A provider took a mail."""
        if not message.attempts:
            self._taken_at[provider] = now
            if len(self._taken_at) > _TAKERS_KEPT:
                del self._taken_at[next(iter(self._taken_at))]
        elif (state := self._states.get(provider)) is not None:
            state.greylisting.let_in(message)

    def refused(self, message: Message, refused: Refused, now: datetime) -> datetime | None:
        """A provider asks for patience: until when nothing goes to it, or None where only this mail has to wait."""
        address, wait = message.recipient.email, asked_wait(refused.text)
        if greylists(refused.text):
            return self.greylist(address, now, wait)
        state = self._state_to_change(address)
        if self._shows_greylisting(state, message, refused, now):
            state.held_until = state.caution = state.cautious_since = None
            return None
        return self.slow(address, now, wait)

    def _shows_greylisting(self, state: _State, message: Message, refused: Refused, now: datetime) -> bool:
        taken_at = self._taken_at.get(state.limit.name)
        if limits(refused) or (taken_at is not None and now - taken_at < _TAKES):
            state.greylisting.limits(now)
        else:
            rested = state.held_until is None or state.held_until <= now
            state.greylisting.refused(message, now, plain=may_greylist(refused), rested=rested)
        return state.greylisting.known(now)

    def slow(self, address: str, now: datetime, wait: timedelta | None) -> datetime:
        """A provider asks for patience, for `wait` where it says so: until when nothing goes to it."""
        state = self._state_to_change(address)
        known = state.held_until or now
        if known <= now:
            before = state.caution or 2 * _CAUTION
            state.caution = max(_LEAST_CAUTION, before / 2)
        state.held_until = max(known, now + (wait or _HOLD))
        state.cautious_since = state.last_slot = state.held_until
        state.tokens = 1.0
        return state.held_until

    def greylist(self, address: str, now: datetime, wait: timedelta | None) -> datetime | None:
        """As `slow`, for greylisting: once it is known, it holds up no mail but the one that has met it.

        Each has to be tried before it is let in; one after the other would take them as many waits as they are.
        """
        state = self._state_to_change(address)
        if state.greylists_until is not None and now < state.greylists_until:
            return None
        until = max(state.held_until or now, now + (wait or _HOLD))
        state.held_until = state.last_slot = until
        state.greylists_until = until + _GREYLISTING_KNOWN
        return until

    def _state_to_change(self, address: str) -> _State:
        state = self._state(address)
        if state is None:
            destination = self._group(_domain(address))
            state = self._states[destination.name] = _State(destination)
        return state

    def _state(self, address: str) -> _State | None:
        return self._states.get(self.provider(address)) if self._states else None

    def _group_of(self, domain: str) -> Destination:
        parent = domain
        while parent:
            if parent in self._groups:
                return self._groups[parent]
            parent = parent.partition(".")[2]
        return Destination(domain, (domain,))

    def _rate(self, state: _State) -> float | None:
        """Mails a minute of this process, one of those that have a connection."""
        whole = _whole_rate(state)
        return None if whole is None else whole / min(self._part.of, state.limit.connections or self._part.of)

    def _connections(self, state: _State) -> int:
        """Of this process; where they do not come out even, those who stand first have one more."""
        each, left = divmod(state.limit.connections or self._part.of, self._part.of)
        return each + (self._part.number < left)

    def _full(self, state: _State) -> bool:
        if state.limit.connections is None:
            return False
        return len(state.claimed) + state.asked >= self._connections(state) * _AHEAD

    def _slot(self, state: _State, earliest: datetime) -> datetime:
        """The moment of the next mail that has to wait; those before it have theirs.

        As many a minute as all senders together may send: any of them may claim it then.
        """
        rate = _whole_rate(state) or 60.0 * (state.limit.connections or self._part.of) * _AHEAD
        last = state.last_slot or earliest
        slot = max(last, earliest) + timedelta(minutes=1 / rate)
        state.last_slot = slot if state.caution is None else min(slot, earliest + _FARTHEST)
        return state.last_slot

    def _calm_down(self, state: _State, now: datetime) -> None:
        """Twice as many a minute for every minute in which nobody asked for patience again."""
        while state.caution is not None and state.cautious_since is not None:
            if now - state.cautious_since < _HOLD:
                return
            state.caution *= 2
            state.cautious_since += _HOLD
            if state.caution > _MOST_CAUTION:
                state.caution = state.cautious_since = state.held_until = None


class PacedPolicy:
    """Whether a message may leave now, the pace of its recipient's provider asked last."""

    def __init__(self, policy: ClaimPolicy, pacing: Pacing) -> None:
        self._policy = policy
        self._pacing = pacing

    def decide(self, candidate: Candidate, now: datetime) -> Decision:
        """The other policy's decision, unless it is to claim what its provider does not take yet."""
        decision = self._policy.decide(candidate, now)
        if not isinstance(decision, Claim):
            return decision
        return self._pacing.ask(candidate.message, now) or decision


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _whole_rate(state: _State) -> float | None:
    """Mails a minute of all senders together."""
    rates = [rate for rate in (state.limit.per_minute, state.caution) if rate is not None]
    return min(rates) if rates else None


def _take_token(state: _State, rate: float, now: datetime, *, urgent: bool) -> bool:
    """Whether one more may go; an urgent one always may, and the next ones pay for it."""
    passed = 0.0 if state.counted_at is None else max(0.0, (now - state.counted_at).total_seconds() / 60)
    state.tokens = min(state.tokens + passed * rate, max(1.0, rate * _BURST_MINUTES))
    state.counted_at = now
    if state.tokens < 1 and not urgent:
        return False
    state.tokens -= 1
    return True
