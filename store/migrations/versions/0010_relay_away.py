"""Senders tell since when their relay is away."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.types import UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("senders", sa.Column("relay_away_since", UtcTime(), nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("senders") as batch_op:
        batch_op.drop_column("relay_away_since")
