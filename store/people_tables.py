"""The tables of people who sign in. All their times are real ones."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from store.metadata import metadata
from store.types import UtcTime

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),  # as it stands in the audit trail
    Column("name_key", String(200), nullable=False, unique=True),  # as it is typed, whatever its width and case
    Column("role", String(16), nullable=False),
    Column("prefecture", String(2)),
    Column("password", Text),  # Argon2id with its parameters; NULL for who signs in elsewhere
    Column("issuer", Text),  # of OpenID Connect
    Column("subject", String(255)),  # of OpenID Connect, at that issuer
    Column("created_at", UtcTime, nullable=False),
    Column("signed_in_at", UtcTime),
    Column("disabled_at", UtcTime),
    CheckConstraint("(role = 'prefecture') = (prefecture IS NOT NULL)", name="prefecture"),
    CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="elsewhere"),
    UniqueConstraint("issuer", "subject"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256: the token has 256 random bits
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Index("ix_sessions_user_id", "user_id"),
    Index("ix_sessions_created_at", "created_at"),
)

guesses = Table(
    "guesses",
    metadata,
    Column("digest", String(64), primary_key=True),  # of a user's name, or of a name and a known device
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Column("locked_until", UtcTime),
    Index("ix_guesses_last_at", "last_at"),
)
