"""What all tables share: their metadata, with names for constraints that migrations can go by."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, MetaData, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite gives row ids to INTEGER PRIMARY KEY alone."""


def one_of(column: str, values: list[str]) -> str:
    """The condition of a closed vocabulary."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of the rows for which a condition holds, on both databases."""
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))
