"""Mails that reports came in are enciphered; `octets` tells how large they were, and by that which ones are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_IN_CLEAR = sa.text("octets IS NULL AND raw IS NOT NULL")


def upgrade() -> None:
    """Forward: those in clear are for a service to encipher, which has the keys, a few at a time."""
    op.add_column("reports", sa.Column("octets", sa.Integer(), nullable=True))
    op.create_index("ix_reports_in_clear", "reports", ["id"], sqlite_where=_IN_CLEAR, postgresql_where=_IN_CLEAR)


def downgrade() -> None:
    """Back: what is enciphered stays so, and the version before cannot read it."""
    op.drop_index("ix_reports_in_clear", "reports")
    with op.batch_alter_table("reports") as batch_op:
        batch_op.drop_column("octets")
