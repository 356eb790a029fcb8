"""Reminder load: how many reminders are planned for which five minutes, by prefecture and domain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.types import json_column

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "reminder_load",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("scope", sa.String(length=270), nullable=False),
        sa.Column("used", json_column(), nullable=False),
        sa.PrimaryKeyConstraint("day", "scope", name=op.f("pk_reminder_load")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("reminder_load")
