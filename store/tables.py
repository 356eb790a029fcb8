"""The tables. Rules that a database can keep are constraints here; those of people and their desks stand apart."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.kinds import Kind
from core.statuses import Status
from store.desk_tables import address_changes as address_changes
from store.desk_tables import follow_ups as follow_ups
from store.metadata import BigId, one_of, partial
from store.metadata import metadata as metadata
from store.people_tables import guesses as guesses
from store.people_tables import sessions as sessions
from store.people_tables import users as users
from store.search_tables import search_terms as search_terms
from store.types import UtcTime, json_column

institutions = Table(
    "institutions",
    metadata,
    Column("code", String(20), primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # NFKC, case-folded, without white space
    Column("search_key", Text, nullable=False, server_default=""),  # for parts of it: see store.search
    Column("type", String(16), nullable=False),
    Column("prefecture", String(2), nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index("ix_institutions_prefecture_name_key", "prefecture", "name_key"),
    Index("ix_institutions_search_key", "search_key"),
    Index(
        "ix_institutions_grams",
        text("todoke_grams(search_key, 2)"),
        postgresql_using="gin",
        postgresql_with={"fastupdate": "on", "gin_pending_list_limit": 1024},
    ).ddl_if(dialect="postgresql"),
)

applications = Table(
    "applications",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("institution_code", String(20), ForeignKey("institutions.code"), nullable=False),
    Column("route", String(16), nullable=False),
    Column("account", String(16)),
    Column("received_on", Date, nullable=False),
    Column("approved_on", Date),
    Column("issue_job_id", String(200), unique=True),  # the account-issue or lone guide: at most one
    Column("decision", String(40)),  # the rule by which no mail follows, or "mail"
    Column("created_at", UtcTime, nullable=False),
    Index("ix_applications_institution_code", "institution_code"),
)

# No foreign keys from jobs and messages: intake writes all rows of a job in one transaction and nothing deletes any,
# while asking again for each row takes PostgreSQL several times as long as writing it.
jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(200), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("digest", LargeBinary, nullable=False),  # keyed, of the canonical JSON: outlives the erased secret
    Column("publisher", String(200), nullable=False),
    Column("application_id", String(200)),
    Column("institution_code", String(20)),
    Column("created_at", UtcTime, nullable=False),
    Column("note", Text),
    Column("answer", JSON(none_as_null=True), nullable=False),  # keeps the order of its keys, unlike jsonb
    Index("ix_jobs_publisher_created_at", "publisher", "created_at"),
    Index("ix_jobs_institution_code", "institution_code"),
    Index("ix_jobs_application_id", "application_id"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("job_id", String(200)),  # None for a reminder of the policy
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("application_id", String(200)),
    Column("institution_code", String(20)),
    Column("prefecture", String(2)),  # of the institution, which a trigger keeps them to
    Column("email", String(254), nullable=False),
    Column("email_key", String(254), nullable=False),  # lower case: addresses compare so
    Column("recipient", json_column(), nullable=False),  # department, family_name, given_name
    Column("data", json_column(), nullable=False),  # what may be kept: login_id, reason
    Column("secret", Text),  # enciphered; NULL once erased
    Column("message_id_header", String(200), nullable=False),  # tells the id: found by it
    Column("rule", String(64), nullable=False),
    Column("lane", Integer, nullable=False),  # lower goes first
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime),
    Column("ready_at", UtcTime),  # when the sender may claim it next; NULL = never by itself
    Column("not_before", UtcTime),
    Column("expires_at", UtcTime),
    Column("waits_for", String(36), ForeignKey("messages.id")),
    Column("resend_of", String(36), ForeignKey("messages.id")),
    Column("step_key", String(120)),  # of a reminder: never twice for the same step
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("troubles", Integer, nullable=False, server_default=text("0")),  # failed tries: place in the schedule
    Column("first_attempt_at", UtcTime),
    Column("sent_at", UtcTime),
    Column("settles_at", UtcTime),
    Column("reason", String(64)),
    Column("smtp_code", Integer),
    Column("enhanced_code", String(16)),
    Column("diagnostic", Text),
    Column("bounce_class", String(8)),
    Column("lease", String(64)),
    CheckConstraint(one_of("status", [status.value for status in Status]), name="status"),
    CheckConstraint(one_of("kind", [kind.value for kind in Kind]), name="kind"),
    CheckConstraint("(status = 'sending') = (lease IS NOT NULL)", name="lease"),
    CheckConstraint(
        "secret IS NULL OR status NOT IN ('sent', 'undelivered', 'cancelled', 'expired', 'suppressed')",
        name="secret_erased",
    ),
    Index("ix_messages_created_at_id", "created_at", "id"),
    partial(
        "ix_messages_institution_code_created_at",
        "institution_code",
        "created_at",
        where="institution_code IS NOT NULL",
    ),
    Index("ix_messages_kind_created_at", "kind", "created_at", "id"),
    partial(
        "ix_messages_prefecture_kind_created_at",
        "prefecture",
        "kind",
        "created_at",
        "id",
        where="prefecture IS NOT NULL",
    ),
    Index("ix_messages_email_key_created_at", "email_key", "created_at"),
    partial("ix_messages_application_id", "application_id", where="application_id IS NOT NULL"),
    partial("ix_messages_job_id", "job_id", where="job_id IS NOT NULL"),
    partial("ix_messages_waits_for", "waits_for", where="waits_for IS NOT NULL"),
    # Without the two statuses that every mail goes through on its way, so that it enters this index once at most.
    partial(
        "ix_messages_status_kind_created_at",
        "status",
        "kind",
        "created_at",
        "id",
        where="status NOT IN ('sending', 'sent')",
    ),
    partial(
        "ix_messages_prefecture_status_created_at",
        "prefecture",
        "status",
        "kind",
        "created_at",
        "id",
        where="status NOT IN ('sending', 'sent')",
    ),
    partial("ix_messages_ready", "lane", "ready_at", where="ready_at IS NOT NULL"),
    partial("ix_messages_lease", "lease", where="lease IS NOT NULL"),
    partial("ix_messages_expires_at", "expires_at", where="status IN ('held', 'scheduled', 'deferred')"),
    partial("uq_messages_step_key", "step_key", where="step_key IS NOT NULL", unique=True),
    partial("uq_messages_one_guide", "application_id", where="kind = 'guide'", unique=True),
    partial("uq_messages_one_pre_check", "application_id", where="kind = 'pre-check'", unique=True),
)

events = Table(
    "events",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    # No foreign key: the ledger writes an event with the row that it moved, and asking for it again costs as much.
    Column("message_id", String(36), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("type", String(40), nullable=False),
    Column("status", String(16), nullable=False),  # the message's status after the event
    Column("detail", json_column(), nullable=False),
    Index("ix_events_message_id_id", "message_id", "id"),
)

reports = Table(
    "reports",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("received_at", UtcTime, nullable=False),
    Column("peer", String(64), nullable=False),
    Column("token_digest", String(64)),  # of the envelope recipient; never the token itself
    Column("message_id", String(36), ForeignKey("messages.id")),  # by the signed return path
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the mail as received: duplicates are known by it
    Column("raw", LargeBinary),  # enciphered; NULL for a refused return path: there was no mail
    Column("state", String(16), nullable=False),
    Column("reason", String(40)),
    Column("type", String(16)),
    Column("parsed", json_column()),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", UtcTime),
    Column("octets", Integer),  # of the mail as received; NULL beside `raw`: an earlier version kept it in clear
    CheckConstraint(one_of("state", ["new", "applied", "duplicate", "unmatched", "refused"]), name="state"),
    Index("ix_reports_state_received_at", "state", "received_at"),
    Index("ix_reports_message_id", "message_id"),
    Index("ix_reports_digest", "digest"),
    partial("ix_reports_in_clear", "id", where="octets IS NULL AND raw IS NOT NULL"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("email_key", String(254), nullable=False),
    Column("institution_code", String(20), ForeignKey("institutions.code"), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("message_id", String(36), ForeignKey("messages.id")),
    Column("created_at", UtcTime, nullable=False),
    Column("released_at", UtcTime),
    Column("released_by", String(200)),
    Column("released_why", Text),
    CheckConstraint(one_of("scope", ["all", "reminder"]), name="scope"),
    partial(
        "uq_suppressions_active", "email_key", "institution_code", "scope", where="released_at IS NULL", unique=True
    ),
    Index("ix_suppressions_institution_code", "institution_code"),
    Index("ix_suppressions_created_at_id", "created_at", "id"),
)

reporting = Table(
    "reporting",
    metadata,
    Column("fiscal_year", Integer, primary_key=True),
    Column("institution_code", String(20), ForeignKey("institutions.code"), primary_key=True),
    Column("scheme", String(24), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("as_of", UtcTime, nullable=False),
    Column("channel", String(8), nullable=False),
    Column("last_year_data", Boolean, nullable=False),
    Column("recipient", json_column()),
    Column("updated_at", UtcTime, nullable=False),
    CheckConstraint(one_of("status", ["not-started", "in-progress", "reported"]), name="status"),
    CheckConstraint(one_of("channel", ["online", "paper"]), name="channel"),
    partial("ix_reporting_unreported", "fiscal_year", "updated_at", where="status <> 'reported'"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("prefecture", String(2)),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256: the token has 256 random bits
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    UniqueConstraint("name"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(250), nullable=False),
    Column("prefecture", String(2)),
    Column("detail", json_column(), nullable=False),
    Index("ix_audit_at", "at"),
    Index("ix_audit_subject", "subject"),
)

reminder_load = Table(
    "reminder_load",
    metadata,
    Column("day", Date, primary_key=True),
    Column("scope", String(270), primary_key=True),  # prefecture:35 or domain:example.jp
    Column("used", json_column(), nullable=False),  # reminders planned in each five minutes of the hours, in order
)

senders = Table(
    "senders",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("started_at", UtcTime, nullable=False),  # real time
    Column("beat_at", UtcTime, nullable=False),  # real time
    Column("dead_at", UtcTime),  # real time: taken for dead, and kept until all that it held is taken over
    Column("on_wire", json_column(), nullable=False, server_default=text("'[]'")),  # ids, set before their final dots
    Column("relay_away_since", UtcTime),  # business time: its relay cannot be used, and mails wait
    Column("note_number", BigInteger, nullable=False, server_default=text("0")),  # of the note that `on_wire` is from
)

receipts = Table(
    "receipts",
    metadata,
    Column("sender", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("taken", Text, nullable=False),  # rows of mails, see store.receipts
)

clock_anchor = Table(
    "clock_anchor",
    metadata,
    Column("id", Integer, primary_key=True),  # one row: 1
    Column("business", UtcTime, nullable=False),
    Column("real", UtcTime, nullable=False),
    Column("speed", Text, nullable=False),
)
