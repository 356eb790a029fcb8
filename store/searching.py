"""Finding institutions by whole or part of what a caller knows, within sight."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from sqlalchemy import Column, ColumnElement, Select, Text, and_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import is_sqlite
from store.reading import AnyRow, Sight
from store.tables import applications, institutions, search_terms

NAME_GRAM = 2
"""Characters of a name that are looked up together: names are found by two at least."""

TERM_GRAM = 3
"""Characters of an address, a code or a number that are looked up together."""

MOST_CANDIDATES = 300
"""Among so many matches the best are chosen; a search that matches more is too wide to be answered well."""

_COMMON = 100
_SAMPLED_PERCENT = {"institutions": 0.5, "search_terms": 0.1}
_INSTITUTION = (institutions.c.code, institutions.c.name, institutions.c.type, institutions.c.prefecture)


class TermKind(StrEnum):
    """What an institution is found by besides its name."""

    CODE = "code"
    EMAIL = "email"
    LOGIN_ID = "login-id"
    APPLICATION = "application"


async def institutions_named(conn: AsyncConnection, key: str, sight: Sight) -> Sequence[AnyRow]:
    """Institutions whose name holds `key` (`store.search.search_key`), the likeliest first, each with its key.

    Of a key that is shorter than a gram, only those whose whole name it is.
    """
    whole = select(*_INSTITUTION, institutions.c.search_key).where(institutions.c.search_key == key, *_visible(sight))
    found = list((await conn.execute(whole.order_by(institutions.c.code).limit(MOST_CANDIDATES))).all())
    if len(key) >= NAME_GRAM and len(found) < MOST_CANDIDATES:
        holds = await _holds(conn, institutions.c.search_key, key, NAME_GRAM)
        part = select(*_INSTITUTION, institutions.c.search_key).where(
            holds, institutions.c.search_key != key, *_visible(sight)
        )
        found += (await conn.execute(part.limit(MOST_CANDIDATES - len(found)))).all()
    return sorted(found, key=lambda row: _likelihood(row.search_key, key, row.code))


async def institutions_known_by(
    conn: AsyncConnection, term: str, kinds: Collection[TermKind], sight: Sight
) -> Sequence[AnyRow]:
    """Institutions with a term of these kinds that is `term`, with its `kind` and itself."""
    query = _by_term(sight).where(search_terms.c.kind.in_(sorted(kinds)), search_terms.c.term == term)
    return (await conn.execute(query.order_by(institutions.c.code).limit(MOST_CANDIDATES))).all()


async def institutions_known_by_part(
    conn: AsyncConnection, part: str, kinds: Collection[TermKind], sight: Sight
) -> Sequence[AnyRow]:
    """As `institutions_known_by`, of terms that hold `part`, the likeliest first. Nothing for less than a gram."""
    if len(part) < TERM_GRAM:
        return []
    holds = await _holds(conn, search_terms.c.term, part, TERM_GRAM)
    query = _by_term(sight).where(holds, search_terms.c.kind.in_(sorted(kinds)))
    found = (await conn.execute(query.limit(MOST_CANDIDATES))).all()
    return sorted(found, key=lambda row: _likelihood(row.term, part, row.code))


def _by_term(sight: Sight) -> Select[*tuple[object, ...]]:
    joined = search_terms.join(institutions, institutions.c.code == search_terms.c.institution_code)
    return select(*_INSTITUTION, search_terms.c.kind, search_terms.c.term).select_from(joined).where(*_visible(sight))


def _visible(sight: Sight) -> list[ColumnElement[bool]]:
    return [] if sight.prefecture is None else [institutions.c.prefecture == sight.prefecture]


async def _holds(conn: AsyncConnection, column: Column[str], part: str, size: int) -> ColumnElement[bool]:
    """Whether a column holds a part: by the grams of an inverted index first, where there is one and it helps.

    What stands nearly everywhere, such as 「クリニック」, is found sooner by looking until there is enough of it.
    """
    if is_sqlite(conn):
        return func.instr(column, part) > 0
    if await _is_common(conn, column, part):
        return func.strpos(column, part) > 0
    grams = sorted({part[place : place + size] for place in range(len(part) - size + 1)})
    indexed = func.todoke_grams(column, size, type_=ARRAY(Text))
    return and_(indexed.contains(cast(literal(grams, ARRAY(Text)), ARRAY(Text))), func.strpos(column, part) > 0)


async def _is_common(conn: AsyncConnection, column: Column[str], part: str) -> bool:
    """Whether one in a hundred holds a part, by a small sample of PostgreSQL's pages."""
    sample = column.table.tablesample(func.system(_SAMPLED_PERCENT[column.table.name]))
    holding = func.count().filter(func.strpos(sample.c[column.name], part) > 0)
    row = (await conn.execute(select(func.count(), holding).select_from(sample))).one()
    return bool(row[1] * _COMMON > row[0])


def _likelihood(text: str, part: str, code: str) -> tuple[bool, bool, int, str]:
    """What is the whole comes first, then what begins so, then what is shortest."""
    return text != part, not text.startswith(part), len(text), code


async def application_named(conn: AsyncConnection, institution_code: str, term: str) -> str | None:
    """The id of an institution's application in its own letters, by its term."""
    query = select(applications.c.id).where(
        applications.c.institution_code == institution_code, func.lower(applications.c.id) == term
    )
    found: str | None = (await conn.execute(query.limit(1))).scalar_one_or_none()
    return found


async def code_meant(conn: AsyncConnection, code: str, sight: Sight) -> str:
    """The code on record that somebody wrote with hyphens of their own; as it stands where it is on record, or none."""
    spellings = (code, code.replace("-", ""))
    query = select(institutions.c.code).where(institutions.c.code.in_(spellings), *_visible(sight))
    found = set((await conn.execute(query)).scalars())
    return next((each for each in spellings if each in found), code)
