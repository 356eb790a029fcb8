"""A sender's row knows the number of its newest note, so that a late one changes nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward: senders of the version before, which number nothing, can go on meanwhile."""
    op.add_column("senders", sa.Column("note_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("senders") as batch_op:
        batch_op.drop_column("note_number")
