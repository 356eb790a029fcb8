"""What revisions share."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


def create_partial_index(name: str, table: str, columns: Sequence[str], where: str, *, unique: bool = False) -> None:
    """An index of the rows for which a condition holds, on both databases."""
    op.create_index(
        name, table, list(columns), unique=unique, postgresql_where=sa.text(where), sqlite_where=sa.text(where)
    )
