"""The end of a mail against a plain model, however its octets are cut on the way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_handler import maildata

PIECES = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"a", b".\r\n", b"\r\n.", b"text" * 5]))
AFTER = b"MAIL FROM:<>\r\n"


def plain_model(stream: bytes) -> tuple[bytes, bytes]:
    """The mail up to the first line that is a single dot, and what follows it."""
    lines: list[bytes] = []
    while True:
        line, ended, stream = stream.partition(b"\r\n")
        assert ended
        if line == b".":
            return b"".join(line + b"\r\n" for line in lines), stream
        lines.append(line.removeprefix(b"."))


async def received(chunks: list[bytes], *, buffer: int, most: int) -> tuple[bytes | None, bytes]:
    reader = asyncio.StreamReader(limit=buffer)
    reading = asyncio.create_task(maildata.read(reader, most))
    for chunk in chunks:
        reader.feed_data(chunk)
        await asyncio.sleep(0)
    mail = await reading
    reader.feed_eof()
    return mail, await reader.read()


@given(PIECES, st.lists(st.integers(1, 30)), st.integers(4, 64))
@settings(deadline=None)
def test_a_mail_ends_where_a_plain_reader_ends_it(pieces: list[bytes], cuts: list[int], buffer: int) -> None:
    stream = b"".join(pieces) + b"\r\n.\r\n" + AFTER
    mail, rest = plain_model(stream)
    chunks = []
    for cut in cuts:
        chunks.append(stream[:cut])
        stream = stream[cut:]
    assert asyncio.run(received([*chunks, stream], buffer=buffer, most=10_000)) == (mail, rest)


@given(PIECES, st.integers(0, 200), st.integers(4, 64))
@settings(deadline=None)
def test_the_limit_is_on_what_was_sent(pieces: list[bytes], most: int, buffer: int) -> None:
    stream = b"".join(pieces) + b"\r\n.\r\n"
    mail, rest = plain_model(stream)
    sent = len(stream) - len(rest) - len(b".\r\n")
    expected = None if sent > most else mail
    assert asyncio.run(received([stream], buffer=buffer, most=most)) == (expected, rest)


async def test_a_mail_that_breaks_off_is_none() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"half a mail\r\n.")
    reader.feed_eof()
    with pytest.raises(asyncio.IncompleteReadError):
        await maildata.read(reader, 1000)


async def test_others_have_their_turn_while_octets_abound() -> None:
    reader = asyncio.StreamReader(limit=2**20)
    reader.feed_data(b"a.\r\n" * 10_000 + b".\r\n")
    reading = asyncio.create_task(maildata.read(reader, 2**20))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(await reading or b"") == 40_000
    assert turns > 10
