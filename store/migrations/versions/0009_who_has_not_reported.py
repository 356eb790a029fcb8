"""Whom no mail reaches, page by page: an index of those who have not reported, in the order of the list."""

from __future__ import annotations

from alembic import op

from store.migrations.indexes import create_partial_index

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_UNREPORTED = "status <> 'reported'"


def upgrade() -> None:
    """Forward."""
    create_partial_index("ix_reporting_unreported", "reporting", ["fiscal_year", "updated_at"], _UNREPORTED)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_reporting_unreported", "reporting")
