"""Follow-ups: what people did about mails that came back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.types import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "follow_ups",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("institution_code", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.CheckConstraint("channel IN ('phone', 'letter', 'other')", name=op.f("ck_follow_ups_channel")),
        sa.CheckConstraint("result IN ('told', 'again', 'settled')", name=op.f("ck_follow_ups_result")),
        sa.ForeignKeyConstraint(
            ["institution_code"], ["institutions.code"], name=op.f("fk_follow_ups_institution_code")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_follow_ups_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_ups")),
    )
    op.create_index("ix_follow_ups_institution_code", "follow_ups", ["institution_code"])
    op.create_index("ix_follow_ups_message_id", "follow_ups", ["message_id"])


def downgrade() -> None:
    """Back."""
    op.drop_table("follow_ups")
