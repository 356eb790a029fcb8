"""What a mail does not have needs no place in an index: codes have no institution, reminders no job and no application.

PostgreSQL writes every index of the table anew whenever a mail moves.
"""

from __future__ import annotations

from alembic import op

from store.migrations.indexes import create_partial_index

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COLUMNS = {
    "ix_messages_institution_code_created_at": ["institution_code", "created_at"],
    "ix_messages_prefecture_kind_created_at": ["prefecture", "kind", "created_at", "id"],
    "ix_messages_application_id": ["application_id"],
    "ix_messages_job_id": ["job_id"],
}


def upgrade() -> None:
    """Forward."""
    for name, columns in _COLUMNS.items():
        op.drop_index(name, "messages")
        create_partial_index(name, "messages", columns, f"{columns[0]} IS NOT NULL")


def downgrade() -> None:
    """Back."""
    for name, columns in _COLUMNS.items():
        op.drop_index(name, "messages")
        op.create_index(name, "messages", columns)
