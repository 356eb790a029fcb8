"""Requests to change an address can be rejected, for a reason."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.indexes import create_partial_index
from store.types import UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = "address_changes"


def upgrade() -> None:
    """Forward."""
    op.drop_index("uq_address_changes_open", _TABLE)
    with op.batch_alter_table(_TABLE, copy_from=_before()) as batch_op:
        batch_op.add_column(sa.Column("rejected_at", UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("rejected_by", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("rejected_why", sa.Text(), nullable=True))
        for name in ("state", "approved"):
            batch_op.drop_constraint(op.f(f"ck_{_TABLE}_{name}"), type_="check")
        for name, condition in (
            ("state", "state IN ('requested', 'approved', 'done', 'rejected')"),
            ("approved", "state = 'rejected' OR (state = 'requested') = (approved_at IS NULL)"),
            ("rejected", "(state = 'rejected') = (rejected_at IS NOT NULL)"),
            ("rejected_why", "(rejected_at IS NULL) = (rejected_why IS NULL)"),
        ):
            batch_op.create_check_constraint(op.f(f"ck_{_TABLE}_{name}"), condition)
    _index_of_open("state NOT IN ('done', 'rejected')")


def downgrade() -> None:
    """Back. What was rejected is forgotten: the schema before has no place for it."""
    op.drop_index("uq_address_changes_open", _TABLE)
    op.execute("DELETE FROM address_changes WHERE state = 'rejected'")
    after = _before()
    for name, kind in (("rejected_at", UtcTime()), ("rejected_by", sa.String(length=200)), ("rejected_why", sa.Text())):
        after.append_column(sa.Column(name, kind, nullable=True))
    for name in ("rejected", "rejected_why"):
        after.append_constraint(sa.CheckConstraint("true", name=op.f(f"ck_{_TABLE}_{name}")))
    with op.batch_alter_table(_TABLE, copy_from=after) as batch_op:
        for name in ("state", "approved", "rejected", "rejected_why"):
            batch_op.drop_constraint(op.f(f"ck_{_TABLE}_{name}"), type_="check")
        for name in ("rejected_at", "rejected_by", "rejected_why"):
            batch_op.drop_column(name)
        batch_op.create_check_constraint(op.f(f"ck_{_TABLE}_state"), "state IN ('requested', 'approved', 'done')")
        batch_op.create_check_constraint(op.f(f"ck_{_TABLE}_approved"), "(state = 'requested') = (approved_at IS NULL)")
    _index_of_open("state <> 'done'")


def _index_of_open(where: str) -> None:
    create_partial_index("uq_address_changes_open", _TABLE, ["institution_code", "new_email_key"], where, unique=True)


def _before() -> sa.Table:
    """The table as it was: SQLite changes constraints by copying the whole, and does not tell which it has."""
    return sa.Table(
        _TABLE,
        sa.MetaData(),
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
        sa.Index("ix_address_changes_institution_code", "institution_code"),
        sa.Index("ix_address_changes_requested_at_id", "requested_at", "id"),
    )
