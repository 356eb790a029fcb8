"""The tables of what people at their desks enter: requests to change an address, and what they did about 不達."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, ForeignKey, Index, String, Table, Text

from store.metadata import metadata, one_of, partial
from store.types import UtcTime

_OPEN = "state NOT IN ('done', 'rejected')"

address_changes = Table(
    "address_changes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("institution_code", String(20), ForeignKey("institutions.code"), nullable=False),
    Column("institution_name", Text, nullable=False),  # as typed: whoever approves compares it
    Column("old_email", String(254), nullable=False),
    Column("old_email_key", String(254), nullable=False),
    Column("new_email", String(254), nullable=False),
    Column("new_email_key", String(254), nullable=False),
    Column("state", String(16), nullable=False),
    Column("due_from", Date, nullable=False),
    Column("due_to", Date, nullable=False),
    Column("requested_at", UtcTime, nullable=False),
    Column("requested_by", String(200), nullable=False),
    Column("approved_at", UtcTime),
    Column("approved_by", String(200)),
    Column("done_at", UtcTime),
    Column("done_by", String(200)),
    Column("login_id", Text),
    Column("message_id", String(36), ForeignKey("messages.id")),  # the mail that tells the login ID
    Column("rejected_at", UtcTime),
    Column("rejected_by", String(200)),
    Column("rejected_why", Text),
    CheckConstraint(one_of("state", ["requested", "approved", "done", "rejected"]), name="state"),
    CheckConstraint("state = 'rejected' OR (state = 'requested') = (approved_at IS NULL)", name="approved"),
    CheckConstraint("(state = 'done') = (message_id IS NOT NULL)", name="told"),
    CheckConstraint("(state = 'rejected') = (rejected_at IS NOT NULL)", name="rejected"),
    CheckConstraint("(rejected_at IS NULL) = (rejected_why IS NULL)", name="rejected_why"),
    Index("ix_address_changes_requested_at_id", "requested_at", "id"),
    Index("ix_address_changes_institution_code", "institution_code"),
    partial("uq_address_changes_open", "institution_code", "new_email_key", where=_OPEN, unique=True),
)

follow_ups = Table(
    "follow_ups",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("message_id", String(36), ForeignKey("messages.id"), nullable=False),
    Column("institution_code", String(20), ForeignKey("institutions.code"), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("result", String(16), nullable=False),
    Column("note", Text),
    Column("recorded_at", UtcTime, nullable=False),
    Column("recorded_by", String(200), nullable=False),
    CheckConstraint(one_of("channel", ["phone", "letter", "other"]), name="channel"),
    CheckConstraint(one_of("result", ["told", "again", "settled"]), name="result"),
    Index("ix_follow_ups_message_id", "message_id"),
    Index("ix_follow_ups_institution_code", "institution_code"),
)
