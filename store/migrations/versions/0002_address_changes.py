"""Address changes: requested, approved, done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.indexes import create_partial_index
from store.types import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    _address_changes()
    _address_changes_indexes()


def downgrade() -> None:
    """Back."""
    op.drop_table("address_changes")


def _address_changes() -> None:
    op.create_table(
        "address_changes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("institution_code", sa.String(length=20), nullable=False),
        sa.Column("institution_name", sa.Text(), nullable=False),
        sa.Column("old_email", sa.String(length=254), nullable=False),
        sa.Column("old_email_key", sa.String(length=254), nullable=False),
        sa.Column("new_email", sa.String(length=254), nullable=False),
        sa.Column("new_email_key", sa.String(length=254), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_from", sa.Date(), nullable=False),
        sa.Column("due_to", sa.Date(), nullable=False),
        sa.Column("requested_at", UtcTime(), nullable=False),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("approved_at", UtcTime(), nullable=True),
        sa.Column("approved_by", sa.String(length=200), nullable=True),
        sa.Column("done_at", UtcTime(), nullable=True),
        sa.Column("done_by", sa.String(length=200), nullable=True),
        sa.Column("login_id", sa.Text(), nullable=True),
        sa.Column("message_id", sa.String(length=36), nullable=True),
        sa.CheckConstraint("(state = 'done') = (message_id IS NOT NULL)", name=op.f("ck_address_changes_told")),
        sa.CheckConstraint("(state = 'requested') = (approved_at IS NULL)", name=op.f("ck_address_changes_approved")),
        sa.CheckConstraint("state IN ('requested', 'approved', 'done')", name=op.f("ck_address_changes_state")),
        sa.ForeignKeyConstraint(
            ["institution_code"], ["institutions.code"], name=op.f("fk_address_changes_institution_code")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_address_changes_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_changes")),
    )


def _address_changes_indexes() -> None:
    op.create_index("ix_address_changes_institution_code", "address_changes", ["institution_code"])
    op.create_index("ix_address_changes_requested_at_id", "address_changes", ["requested_at", "id"])
    create_partial_index(
        "uq_address_changes_open",
        "address_changes",
        ["institution_code", "new_email_key"],
        "state <> 'done'",
        unique=True,
    )
