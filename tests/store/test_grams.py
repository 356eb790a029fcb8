"""What PostgreSQL looks parts of names and addresses up by."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from store.engine import Database

_TEXTS = ["", "ab", "abc", "jimu1@k1.example.jp", "aaaa", "しゅうなんみなと病院", "𠮷田", "a%_\\'\"b"]


@pytest.mark.parametrize("size", [2, 3])
async def test_grams_are_all_parts_of_a_text(postgres_url: str, size: int) -> None:
    database = Database(postgres_url)
    text = func.unnest(bindparam("texts", _TEXTS, ARRAY(Text))).column_valued("text")
    async with database.read() as conn:
        rows = (await conn.execute(select(text, func.todoke_grams(text, size)))).all()
    await database.close()
    expected = {each: {each[place : place + size] for place in range(len(each) - size + 1)} for each in _TEXTS}
    assert {row[0]: set(row[1] or ()) for row in rows} == expected
