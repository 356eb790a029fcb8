"""An office's lists of one status: an index in their order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_UNSETTLED = "status NOT IN ('sending', 'sent')"


def upgrade() -> None:
    """Forward."""
    op.create_index(
        "ix_messages_prefecture_status_created_at",
        "messages",
        ["prefecture", "status", "kind", "created_at", "id"],
        postgresql_where=sa.text(_UNSETTLED),
        sqlite_where=sa.text(_UNSETTLED),
    )


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_messages_prefecture_status_created_at", "messages")
