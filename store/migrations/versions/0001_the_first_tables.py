"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.indexes import create_partial_index
from store.types import UtcTime, json_column

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    _api_tokens()
    _audit()
    _clock_anchor()
    _institutions()
    _senders()
    _applications()
    _reporting()
    _jobs()
    _messages()
    _messages_indexes()
    _events()
    _reports()
    _suppressions()


def downgrade() -> None:
    """Back."""
    for table in _TABLES_LAST_FIRST:
        op.drop_table(table)


_TABLES_LAST_FIRST = (
    "suppressions",
    "reports",
    "events",
    "messages",
    "jobs",
    "reporting",
    "applications",
    "senders",
    "institutions",
    "clock_anchor",
    "audit",
    "api_tokens",
)


def _api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("prefecture", sa.String(length=2), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_tokens_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_api_tokens_name")),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("prefecture", sa.String(length=2), nullable=True),
        sa.Column("detail", json_column(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_subject", "audit", ["subject"])


def _clock_anchor() -> None:
    op.create_table(
        "clock_anchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business", UtcTime(), nullable=False),
        sa.Column("real", UtcTime(), nullable=False),
        sa.Column("speed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_anchor")),
    )


def _institutions() -> None:
    op.create_table(
        "institutions",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("prefecture", sa.String(length=2), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_institutions")),
    )
    op.create_index("ix_institutions_prefecture_name_key", "institutions", ["prefecture", "name_key"])


def _senders() -> None:
    op.create_table(
        "senders",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("beat_at", UtcTime(), nullable=False),
        sa.Column("dead_at", UtcTime(), nullable=True),
        sa.Column("on_wire", json_column(), server_default=sa.text("'[]'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_senders")),
    )


def _applications() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("institution_code", sa.String(length=20), nullable=False),
        sa.Column("route", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=16), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("approved_on", sa.Date(), nullable=True),
        sa.Column("issue_job_id", sa.String(length=200), nullable=True),
        sa.Column("decision", sa.String(length=40), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["institution_code"], ["institutions.code"], name=op.f("fk_applications_institution_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
        sa.UniqueConstraint("issue_job_id", name=op.f("uq_applications_issue_job_id")),
    )
    op.create_index("ix_applications_institution_code", "applications", ["institution_code"])


def _reporting() -> None:
    op.create_table(
        "reporting",
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("institution_code", sa.String(length=20), nullable=False),
        sa.Column("scheme", sa.String(length=24), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("as_of", UtcTime(), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("last_year_data", sa.Boolean(), nullable=False),
        sa.Column("recipient", json_column(), nullable=True),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.CheckConstraint("channel IN ('online', 'paper')", name=op.f("ck_reporting_channel")),
        sa.CheckConstraint("status IN ('not-started', 'in-progress', 'reported')", name=op.f("ck_reporting_status")),
        sa.ForeignKeyConstraint(
            ["institution_code"], ["institutions.code"], name=op.f("fk_reporting_institution_code")
        ),
        sa.PrimaryKeyConstraint("fiscal_year", "institution_code", "scheme", name=op.f("pk_reporting")),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("publisher", sa.String(length=200), nullable=False),
        sa.Column("application_id", sa.String(length=200), nullable=True),
        sa.Column("institution_code", sa.String(length=20), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("answer", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_application_id", "jobs", ["application_id"])
    op.create_index("ix_jobs_institution_code", "jobs", ["institution_code"])
    op.create_index("ix_jobs_publisher_created_at", "jobs", ["publisher", "created_at"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=200), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("application_id", sa.String(length=200), nullable=True),
        sa.Column("institution_code", sa.String(length=20), nullable=True),
        sa.Column("prefecture", sa.String(length=2), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=254), nullable=False),
        sa.Column("recipient", json_column(), nullable=False),
        sa.Column("data", json_column(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("message_id_header", sa.String(length=200), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("ready_at", UtcTime(), nullable=True),
        sa.Column("not_before", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("waits_for", sa.String(length=36), nullable=True),
        sa.Column("resend_of", sa.String(length=36), nullable=True),
        sa.Column("step_key", sa.String(length=120), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("troubles", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_attempt_at", UtcTime(), nullable=True),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("settles_at", UtcTime(), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("smtp_code", sa.Integer(), nullable=True),
        sa.Column("enhanced_code", sa.String(length=16), nullable=True),
        sa.Column("diagnostic", sa.Text(), nullable=True),
        sa.Column("bounce_class", sa.String(length=8), nullable=True),
        sa.Column("lease", sa.String(length=64), nullable=True),
        *_messages_checks(),
        sa.ForeignKeyConstraint(["resend_of"], ["messages.id"], name=op.f("fk_messages_resend_of")),
        sa.ForeignKeyConstraint(["waits_for"], ["messages.id"], name=op.f("fk_messages_waits_for")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )


def _messages_checks() -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint("(status = 'sending') = (lease IS NOT NULL)", name=op.f("ck_messages_lease")),
        sa.CheckConstraint(
            "kind IN ('code', 'application-complete', 'pre-check', 'guide', 'existing-user-confirm', 'rejection', 'reminder', 'password-reset', 'address-changed')",
            name=op.f("ck_messages_kind"),
        ),
        sa.CheckConstraint(
            "secret IS NULL OR status NOT IN ('sent', 'undelivered', 'cancelled', 'expired', 'suppressed')",
            name=op.f("ck_messages_secret_erased"),
        ),
        sa.CheckConstraint(
            "status IN ('held', 'scheduled', 'sending', 'deferred', 'in-doubt', 'sent', 'undelivered', 'cancelled', 'expired', 'suppressed')",
            name=op.f("ck_messages_status"),
        ),
    ]


def _messages_indexes() -> None:
    op.create_index("ix_messages_application_id", "messages", ["application_id"])
    op.create_index("ix_messages_created_at_id", "messages", ["created_at", "id"])
    op.create_index("ix_messages_email_key_created_at", "messages", ["email_key", "created_at"])
    create_partial_index(
        "ix_messages_expires_at", "messages", ["expires_at"], "status IN ('held', 'scheduled', 'deferred')"
    )
    op.create_index("ix_messages_institution_code_created_at", "messages", ["institution_code", "created_at"])
    op.create_index("ix_messages_job_id", "messages", ["job_id"])
    create_partial_index("ix_messages_lease", "messages", ["lease"], "lease IS NOT NULL")
    op.create_index("ix_messages_prefecture_created_at", "messages", ["prefecture", "created_at"])
    create_partial_index("ix_messages_ready", "messages", ["lane", "ready_at"], "ready_at IS NOT NULL")
    create_partial_index(
        "ix_messages_status_created_at", "messages", ["status", "created_at"], "status NOT IN ('sending', 'sent')"
    )
    create_partial_index("ix_messages_waits_for", "messages", ["waits_for"], "waits_for IS NOT NULL")
    create_partial_index("uq_messages_step_key", "messages", ["step_key"], "step_key IS NOT NULL", unique=True)
    create_partial_index("uq_messages_one_guide", "messages", ["application_id"], "kind = 'guide'", unique=True)
    create_partial_index("uq_messages_one_pre_check", "messages", ["application_id"], "kind = 'pre-check'", unique=True)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("detail", json_column(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_message_id_id", "events", ["message_id", "id"])


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=True),
        sa.Column("message_id", sa.String(length=36), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("type", sa.String(length=16), nullable=True),
        sa.Column("parsed", json_column(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", UtcTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('new', 'applied', 'duplicate', 'unmatched', 'refused')", name=op.f("ck_reports_state")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_reports_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
    )
    op.create_index("ix_reports_digest", "reports", ["digest"])
    op.create_index("ix_reports_message_id", "reports", ["message_id"])
    op.create_index("ix_reports_state_received_at", "reports", ["state", "received_at"])


def _suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=254), nullable=False),
        sa.Column("institution_code", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("released_at", UtcTime(), nullable=True),
        sa.Column("released_by", sa.String(length=200), nullable=True),
        sa.Column("released_why", sa.Text(), nullable=True),
        sa.CheckConstraint("scope IN ('all', 'reminder')", name=op.f("ck_suppressions_scope")),
        sa.ForeignKeyConstraint(
            ["institution_code"], ["institutions.code"], name=op.f("fk_suppressions_institution_code")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_suppressions_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    op.create_index("ix_suppressions_institution_code", "suppressions", ["institution_code"])
    create_partial_index(
        "uq_suppressions_active",
        "suppressions",
        ["email_key", "institution_code", "scope"],
        "released_at IS NULL",
        unique=True,
    )
