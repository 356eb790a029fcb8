"""The sender with a relay that takes pipelined commands: the next mail is introduced behind the one that leaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.store.test_sending import PATHS, Office, fill


class Relay:
    """Takes every mail; says nothing more on a connection once it has got one of those that are `ignored`."""

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[str] = []
        self.ignored: set[str] = set()
        self.ahead = 0


class Conversation(asyncio.Protocol):
    """As little SMTP as a sender needs. `ahead` counts mails that are introduced before the one before is answered."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.received = b""
        self.message: str | None = None
        self.in_data = self.silent = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(b"220 relay.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        while not self.silent:
            head, end, rest = self.received.partition(b"\r\n.\r\n" if self.in_data else b"\r\n")
            if not end:
                return
            self.received = rest
            self.transport.write(self.answer(head))

    def answer(self, head: bytes) -> bytes:
        if self.in_data:
            return self.taken()
        if head.startswith(b"MAIL"):
            self.message = PATHS.verify(head.partition(b"<")[2].partition(b"@")[0].decode())
        if head == b"DATA":
            self.in_data = True
            return b"354 Go ahead\r\n"
        return b"250-relay.example\r\n250 PIPELINING\r\n" if head.startswith(b"EHLO") else b"250 2.0.0 Ok\r\n"

    def taken(self) -> bytes:
        assert self.message is not None
        self.in_data = False
        self.relay.ahead += self.received.startswith(b"MAIL")
        if self.message in self.relay.ignored:
            self.silent = True
            return b""
        self.relay.taken.append(self.message)
        return b"250 2.0.0 Ok\r\n"


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    relay = Relay()
    server = await asyncio.get_running_loop().create_server(lambda: Conversation(relay), "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    yield relay
    server.close()


@pytest.fixture
def office(room: Any, relay: Any) -> Office:
    return Office(room, relay)


async def test_every_mail_goes_once_and_most_are_introduced_ahead(room: Any, relay: Relay, office: Office) -> None:
    wanted = await fill(room, 80)
    async with office.open():
        await office.until(sent=80)
    assert Counter(relay.taken) == Counter(wanted)
    assert relay.ahead > 20
    for message in wanted:
        assert await room.told(message) == ["claimed", "sent"]


async def test_a_mail_behind_one_that_is_not_answered_takes_another_connection(
    room: Any, relay: Relay, office: Office
) -> None:
    wanted = await fill(room, 12)
    relay.ignored = {wanted[0]}

    async def all_but_one_are_sent() -> bool:
        return (await office.count()).get("sent") == 11

    async with office.open(office.sender(connections=4, patience=0.3, stop_grace=0.05)):
        await office.until_true(all_but_one_are_sent)
    assert Counter(relay.taken) == Counter(wanted[1:])
    assert (await room.row(wanted[0])).status == "in-doubt"


async def test_a_stop_finishes_what_was_introduced(room: Any, relay: Relay, office: Office) -> None:
    wanted = await fill(room, 60)
    async with office.open():
        await office.until_true(lambda: begun(relay))
    counted = await office.count()
    assert counted == {"sent": len(relay.taken)} | ({"scheduled": rest} if (rest := 60 - len(relay.taken)) else {})
    assert set(relay.taken) <= set(wanted)
    assert max(Counter(relay.taken).values()) == 1


async def begun(relay: Relay) -> bool:
    return len(relay.taken) > 5
