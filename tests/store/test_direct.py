"""A connection past cursors: whole answers, plain errors, and a new connection where the old one broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import Integer, Text, bindparam, cast, func, literal, select

from store.direct import DirectConnection, Statement
from store.engine import Database

ECHO = Statement.of(select(bindparam("said", type_=Text()), literal("ü")), frozenset({"said"}))
MOST = bindparam("most", type_=Integer())
SERIES = Statement.of(select(cast(func.generate_series(1, MOST), Text)), frozenset({"most"}))
SLOW = Statement.of(select(cast(func.pg_sleep(MOST), Text)), frozenset({"most"}))
FAILS = Statement.of(select(cast(cast(bindparam("said", type_=Text()), Integer), Text)), frozenset({"said"}))
CUT = Statement.of(select(cast(func.pg_terminate_backend(func.pg_backend_pid()), Text)), frozenset())


@pytest.fixture
async def direct(postgres_url: str) -> AsyncIterator[DirectConnection]:
    db = Database(postgres_url)
    connection = DirectConnection(db)
    yield connection
    await connection.close()
    await db.close()


async def test_rows_come_as_text(direct: DirectConnection) -> None:
    assert await direct.fetch(ECHO, {"said": "髙{},'\"\\"}) == [("髙{},'\"\\", "ü")]
    assert await direct.fetch(SERIES, {"most": "3"}) == [("1",), ("2",), ("3",)]
    assert await direct.fetch(SERIES, {"most": "0"}) == []


async def test_large_parameters_and_answers_pass_whole(direct: DirectConnection) -> None:
    """Larger than what a socket takes at once."""
    large = "字" * 5_000_000
    assert await direct.fetch(ECHO, {"said": large}) == [(large, "ü")]
    assert len(await direct.fetch(SERIES, {"most": "100000"})) == 100_000


async def test_several_callers_take_turns(direct: DirectConnection) -> None:
    answers = await asyncio.gather(*(direct.fetch(ECHO, {"said": str(number)}) for number in range(50)))
    assert [rows[0][0] for rows in answers] == [str(number) for number in range(50)]


async def test_an_error_is_raised_without_the_values_and_the_connection_goes_on(direct: DirectConnection) -> None:
    with pytest.raises(psycopg.DataError) as raised:
        await direct.fetch(FAILS, {"said": "1\n" * 3})
    assert "invalid input syntax" in str(raised.value)
    conversation = direct._conversation
    assert await direct.fetch(ECHO, {"said": "x"}) == [("x", "ü")]
    assert direct._conversation is conversation


async def test_a_connection_that_breaks_is_replaced(direct: DirectConnection) -> None:
    with pytest.raises(psycopg.OperationalError):
        await direct.fetch(CUT, {})
    assert await direct.fetch(ECHO, {"said": "x"}) == [("x", "ü")]


async def test_a_connection_that_broke_while_nobody_asked_is_replaced(
    direct: DirectConnection, postgres_url: str
) -> None:
    await direct.fetch(ECHO, {"said": "x"})
    conversation = direct._conversation
    assert conversation is not None
    dsn = postgres_url.replace("postgresql+psycopg", "postgresql")
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
        await other.execute("SELECT pg_terminate_backend(%s)", (conversation._conn.info.backend_pid,))
    while not conversation.over:  # noqa: ASYNC110 -- nobody tells
        await asyncio.sleep(0)
    assert await direct.fetch(ECHO, {"said": "y"}) == [("y", "ü")]


async def test_one_who_gives_up_leaves_no_answer_to_the_next(direct: DirectConnection) -> None:
    given_up = asyncio.create_task(direct.fetch(SLOW, {"most": "30"}))
    while direct._conversation is None or direct._conversation._answer is None:  # noqa: ASYNC110 -- nobody tells
        await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await direct.fetch(ECHO, {"said": "x"}) == [("x", "ü")]


async def test_where_there_is_no_server(unused_tcp_port: int) -> None:
    db = Database(f"postgresql+psycopg://postgres@127.0.0.1:{unused_tcp_port}/none")
    with pytest.raises(psycopg.OperationalError):
        await DirectConnection(db).fetch(ECHO, {"said": "x"})
    await db.close()
