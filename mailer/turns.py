"""Whose turn it is: the mails of one sender that wait for its connections, by lanes and by providers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from operator import attrgetter

from mailer.alarm import Alarm
from mailer.outgoing import Outgoing
from mailer.pacing import Pacing
from mailer.reserve import Reserve
from mailer.shares import Shares
from mailer.transport import Route
from mailer.urgent_first import UrgentFirst


class Turns:
    """Mails wait here until they begin.

    `wanted` is set when it runs short: down to `enough` mails, which last until more are claimed. Those that wait for
    a slow provider are not among them.
    `patience`: seconds that a mail waits behind one which the relay does not answer to, before another connection
    may have it; and after which a provider is slow.
    `put_off` is asked of each whose turn has come: whether it must not go now at all, and was seen to.
    """

    def __init__(self, connections: int, patience: float, pacing: Pacing, put_off: Callable[[Outgoing], bool]) -> None:
        self.patience = patience
        self.wanted = asyncio.Event()
        self.wanted.set()
        self.enough = connections
        self._time = time = asyncio.get_running_loop().time
        self._pacing = pacing
        self._put_off = put_off
        self._queue: UrgentFirst[Outgoing] = UrgentFirst(attrgetter("urgent"))
        self._shares: Shares[Outgoing] = Shares(connections, patience, pacing.connections, attrgetter("urgent"), time)
        self._reserve: Reserve[Outgoing] = Reserve(connections, self._shares)
        self._places: list[Place] = []
        self._second_look = Alarm(self._look_again)
        self._idle = 0
        self._some_wait_for_slow = False

    def put(self, mail: Outgoing) -> None:
        """One more."""
        if self._shares.full(mail.provider):
            self._wait(mail)  # nobody needs to be woken for it
        else:
            self._queue.put_nowait(mail)
        if not self._short_of_work():
            self.wanted.clear()

    def stalled(self) -> Sequence[str]:
        """How addresses end to which no mails are wanted for now: enough wait here for who is slow, or others send."""
        return self._pacing.endings(self._shares.stalled() | self._pacing.without_room())

    def forget(self) -> int:
        """Let go all that wait; how many they were."""
        queued = self._queue.qsize()
        while not self._queue.empty():
            self._queue.get_nowait()
        return queued + self._shares.forget() + self._reserve.forget()

    def place(self) -> Place:
        """For one more connection."""
        place = Place(self)
        self._places.append(place)
        return place

    def end(self) -> None:
        """Nobody looks at those that wait any more."""
        self._second_look.end()

    async def next(self, place: Place) -> Outgoing:
        """The next mail for a connection that is free."""
        while True:
            self._idle += 1
            try:
                mail = await self._queue.get()
            finally:
                self._idle -= 1
            if self._admitted(mail, place):
                return mail

    def next_behind(self, place: Place, current: Outgoing) -> Outgoing | None:
        """A mail that may go behind another over the same connection, where no other connection is free for it."""
        while (mail := self._next_at_once(current)) is not None:
            if self._admitted(mail, place, behind=current):
                return mail
        return None

    def _next_at_once(self, current: Outgoing) -> Outgoing | None:
        if self._idle or self._queue.empty():
            return self._shares.behind(current.provider)
        return self._queue.get_nowait()

    def give_back(self, mail: Outgoing, *, behind: Outgoing | None) -> None:
        """It has not begun after all, and any connection may have it.

        It has a share of its own, unless it shares that of a mail before it which is still under way.
        """
        self._queue.put_first(mail)
        if behind is None or mail.provider != behind.provider:
            self._end(mail, None)

    def see_ended(self, mail: Outgoing, seconds: float, place: Place) -> None:
        """It took so long; the mail behind it may keep its share."""
        follows, place.current = place.follows, None
        if follows:
            self._shares.go_on(mail.provider, seconds)
        else:
            self._end(mail, seconds)

    def _admitted(self, mail: Outgoing, place: Place, *, behind: Outgoing | None = None) -> bool:
        """Whether a mail goes now over the connection that is free, or will be; if not, it is seen to here.

        One that follows another to the same provider takes no connection from others.
        """
        if self._short_of_work():
            self.wanted.set()
        if self._put_off(mail):
            self._release()  # for the same is to be done with those that wait behind it
        elif self._follows(mail, behind):
            return True
        elif not self._has_room(mail, place):
            self._set_aside(mail)
        elif self._shares.begin(mail.provider):
            return True
        else:
            self._wait(mail)
        return False

    def _has_room(self, mail: Outgoing, place: Place) -> bool:
        exempt = mail.urgent or self._shares.proven(mail.provider)
        return exempt or self._reserve.room(self._holding(but=place)) > 0

    def _follows(self, mail: Outgoing, current: Outgoing | None) -> bool:
        same = current is not None and current.provider == mail.provider
        return same and self._shares.may_follow(mail.provider)

    def _holding(self, but: Place | None = None) -> list[str]:
        """Whose mails the connections are busy with, apart from one connection."""
        return [one.current.provider for one in self._places if one is not but and one.current is not None]

    def _wait(self, mail: Outgoing) -> None:
        """It waits for others to the same provider."""
        self._look_again_later()
        self._shares.wait(mail.provider, mail)

    def _set_aside(self, mail: Outgoing) -> None:
        """It waits for mails to others that nobody knows as quick, either."""
        self._look_again_later()
        self._reserve.wait(mail)

    def _end(self, mail: Outgoing, seconds: float | None) -> None:
        """One is not under way any more; those that waited for it are looked at again."""
        self._shares.end(mail.provider, seconds)
        self._release()

    def _release(self) -> None:
        aside = self._reserve.released(self._holding()) if self._reserve.waiting else ()
        for mail in reversed([*self._shares.released(), *aside]):
            self._queue.put_first(mail)

    def _look_again_later(self) -> None:
        if not self._shares.waiting and not self._reserve.waiting:
            self._second_look.set(self.patience)

    def _look_again(self) -> None:
        """Who is slow is known after a while, and mails get stale, without anything happening."""
        self._put_off_stale()
        self._release()
        self._some_wait_for_slow = self._shares.soon() < self._shares.waiting
        if self._short_of_work():
            self.wanted.set()
        if self._shares.waiting or self._reserve.waiting:
            self._second_look.set(self.patience)

    def _put_off_stale(self) -> None:
        now = self._time()  # one moment for all that is asked

        def is_stale(mail: Outgoing) -> bool:
            return mail.stale_at <= now

        queued = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for mail in reversed(queued):
            if not is_stale(mail):
                self._queue.put_first(mail)
        for mail in [*filter(is_stale, queued), *self._shares.drop(is_stale), *self._reserve.drop(is_stale)]:
            self._put_off(mail)

    def _short_of_work(self) -> bool:
        if self._reserve.full:
            return False
        waiting = self._shares.soon() if self._some_wait_for_slow else self._shares.waiting
        return self._queue.qsize() + waiting <= self.enough


class Place:
    """One connection's: the mail it is busy with, and the one that is introduced to the relay behind it."""

    def __init__(self, turns: Turns) -> None:
        self.current: Outgoing | None = None
        self._turns = turns
        self._ahead: Outgoing | None = None
        self._patience = Alarm(self._give_back)

    @property
    def follows(self) -> bool:
        """Whether the mail behind keeps the current one's share."""
        return self._ahead is not None and self.current is not None and self._ahead.provider == self.current.provider

    async def next(self) -> Outgoing:
        """The mail that was introduced, or the next that waits; the connection is busy with it from now on."""
        self.current = self._taken() or await self._turns.next(self)
        return self.current

    def introduce(self) -> Route | None:
        """The envelope of the mail that goes behind the current one, where there is one."""
        self._ahead = None if self.current is None else self._turns.next_behind(self, self.current)
        if self._ahead is None:
            return None
        self._patience.set(self._turns.patience)
        return self._ahead.route

    def end(self) -> None:
        """Nothing more is introduced."""
        self._patience.end()

    def _taken(self) -> Outgoing | None:
        self._patience.lift()
        mail, self._ahead = self._ahead, None
        return mail

    def _give_back(self) -> None:
        mail = self._taken()
        if mail is not None:
            self._turns.give_back(mail, behind=self.current)
