"""What a relay took is noted in a row of its own first, and entered with many others with its messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "receipts",
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("taken", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "number", name="pk_receipts"),
    )


def downgrade() -> None:
    """Back. Senders have to have ended before."""
    op.drop_table("receipts")
