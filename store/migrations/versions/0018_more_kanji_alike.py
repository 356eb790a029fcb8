"""Names are found by more variants of their kanji: the keys on record are made anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.search import search_key

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ROWS_AT_ONCE = 5_000


def upgrade() -> None:
    """Forward. Keys that stay as they are, which is nearly all of them, are not written."""
    conn = op.get_bind()
    places = sa.table("institutions", sa.column("code"), sa.column("name"), sa.column("search_key"))
    keyed = sa.update(places).where(places.c.code == sa.bindparam("of")).values(search_key=sa.bindparam("key"))
    some, last = sa.select(places).order_by(places.c.code).limit(_ROWS_AT_ONCE), ""
    while rows := conn.execute(some.where(places.c.code > last)).all():
        last = rows[-1].code
        keys = [(row, search_key(row.name)) for row in rows]
        changed = [{"of": row.code, "key": key} for row, key in keys if key != row.search_key]
        if changed:
            conn.execute(keyed, changed)


def downgrade() -> None:
    """Back: the version before does not find the names that have such kanji until they are told anew."""
