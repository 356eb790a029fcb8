"""An office's lists of one status: an index in their order."""

from __future__ import annotations

from alembic import op

from store.migrations.indexes import create_partial_index

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_UNSETTLED = "status NOT IN ('sending', 'sent')"


def upgrade() -> None:
    """Forward."""
    create_partial_index(
        "ix_messages_prefecture_status_created_at",
        "messages",
        ["prefecture", "status", "kind", "created_at", "id"],
        _UNSETTLED,
    )


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_messages_prefecture_status_created_at", "messages")
