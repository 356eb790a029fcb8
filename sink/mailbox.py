"""The captured mails: finding them, paging through them, waiting for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sink.archive import Archive, Mail
from sink.headers import Facts


@dataclass(frozen=True, slots=True)
class Query:
    """Which mails are asked for; None asks for all."""

    to: str | None = None  # a whole envelope address, upper and lower case alike
    subject: str | None = None  # part of the decoded subject, upper and lower case alike
    kind: str | None = None  # the value of X-Todoke-Kind
    since: datetime | None = None  # received at this moment or later

    def matches(self, mail: Mail) -> bool:
        """Whether `mail` is one of those."""
        return (
            (self.kind is None or mail.kind == self.kind)
            and (self.since is None or mail.received_at >= self.since)
            and (self.to is None or self.to.lower() in (address.lower() for address in mail.recipients))
            and (self.subject is None or self.subject.casefold() in mail.subject.casefold())
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Mails, newest first; `next` is the `before` of the page that follows, None on the last one."""

    items: list[Mail]
    next: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What changes when mails come and go. `generation` grows when mails were removed."""

    total: int
    newest: int
    generation: int


class Mailbox:
    """All captured mails, newest first. Belongs to one event loop."""

    def __init__(self, archive: Archive, *, run_id: str, max_messages: int) -> None:
        self._archive = archive
        self._run_id = run_id
        self._max_messages = max_messages
        self._mails: dict[int, Mail] = {}
        self._by_recipient: dict[str, list[int]] = {}
        self._lowest = 1
        self._next = 1
        self._generation = 0
        self._closed = False
        self._watchers: dict[asyncio.Future[None], Callable[[Mail | None], bool]] = {}

    async def open(self) -> None:
        """Read what the archive kept before."""
        kept, self._next = await self._archive.open()
        self._lowest = self._next
        for mail in kept:
            self._add(mail)
        await self._drop_oldest()

    def release(self) -> None:
        """Let everybody who waits go on; from now on nobody waits."""
        self._closed = True
        self._wake(None, everybody=True)

    async def close(self) -> None:
        """Release everybody who waits, and the archive."""
        self.release()
        await self._archive.close()

    @property
    def closed(self) -> bool:
        """Whether nothing will change any more."""
        return self._closed

    @property
    def standing(self) -> Standing:
        """How many mails there are, and how far the numbering got."""
        return Standing(len(self._mails), self._next - 1, self._generation)

    async def keep(
        self, sender: str, recipients: Iterable[str], raw: bytes, facts: Facts, received_at: datetime
    ) -> Mail:
        """Take a mail in. Raises `MailNotKept`."""
        seq = self._next
        self._next += 1
        mail = Mail(
            seq,
            f"{self._run_id}-{seq}",
            sender,
            tuple(recipients),
            facts.subject,
            facts.kind,
            len(raw),
            received_at,
        )
        await self._archive.put(mail, raw)
        self._add(mail)
        self._wake(mail)
        await self._drop_oldest()
        return mail

    def get(self, mail_id: str) -> Mail | None:
        """The mail with this id."""
        number = mail_id.rpartition("-")[2]
        mail = self._mails.get(int(number)) if number.isdecimal() and len(number) < 19 else None
        return mail if mail is not None and mail.id == mail_id else None

    async def raw(self, mail: Mail) -> bytes | None:
        """The bytes as received; None when the mail was removed meanwhile."""
        return await self._archive.get(mail.seq)

    def page(self, query: Query, limit: int, before: int | None = None) -> Page:
        """Up to `limit` mails, newest first, older than number `before`. Later arrivals never shift a page."""
        items: list[Mail] = []
        for mail in self._newest_first(query, before):
            if len(items) == limit:
                return Page(items, items[-1].seq)
            items.append(mail)
        return Page(items, None)

    async def wait_for(self, query: Query, seconds: float) -> None:
        """Return when a mail that `query` matches arrives, or after `seconds`."""
        await self._watch(lambda mail: mail is not None and query.matches(mail), seconds)

    async def changed(self, known: Standing, seconds: float) -> Standing:
        """Return when mails came or went since `known`, or after `seconds`."""
        if self.standing == known:
            await self._watch(lambda _: True, seconds)
        return self.standing

    async def remove(self, mails: Iterable[Mail]) -> None:
        """Forget these mails."""
        seqs = [mail.seq for mail in mails if self._forget(mail)]
        self._generation += 1
        self._wake(None)
        await self._archive.remove(seqs)

    async def clear(self) -> None:
        """Forget all mails."""
        self._mails.clear()
        self._by_recipient.clear()
        self._lowest = self._next
        self._generation += 1
        self._wake(None)
        await self._archive.clear()

    def _newest_first(self, query: Query, before: int | None) -> Iterator[Mail]:
        top = self._next if before is None else min(before, self._next)
        numbers: Iterable[int] = range(top - 1, self._lowest - 1, -1)
        if query.to is not None:
            numbers = reversed(self._by_recipient.get(query.to.lower(), []))
        for number in numbers:
            mail = self._mails.get(number)
            if mail is not None and number < top and query.matches(mail):
                yield mail

    def _add(self, mail: Mail) -> None:
        self._mails[mail.seq] = mail
        self._lowest = min(self._lowest, mail.seq)
        for address in {address.lower() for address in mail.recipients}:
            self._by_recipient.setdefault(address, []).append(mail.seq)

    def _forget(self, mail: Mail) -> bool:
        if self._mails.pop(mail.seq, None) is None:
            return False
        for address in {address.lower() for address in mail.recipients}:
            numbers = self._by_recipient[address]
            numbers.remove(mail.seq)
            if not numbers:
                del self._by_recipient[address]
        return True

    async def _drop_oldest(self) -> None:
        dropped: list[int] = []
        while len(self._mails) > self._max_messages:
            oldest = self._mails.get(self._lowest)
            self._lowest += 1
            if oldest is not None and self._forget(oldest):
                dropped.append(oldest.seq)
        if dropped:
            await self._archive.remove(dropped)

    def _wake(self, mail: Mail | None, *, everybody: bool = False) -> None:
        for watcher, wanted in list(self._watchers.items()):
            if not watcher.done() and (everybody or wanted(mail)):
                watcher.set_result(None)

    async def _watch(self, wanted: Callable[[Mail | None], bool], seconds: float) -> None:
        if self._closed:
            return
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers[watcher] = wanted
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await watcher
        finally:
            del self._watchers[watcher]
