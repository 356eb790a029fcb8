"""What institutions are found by besides their names."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, text

from store.metadata import metadata

search_terms = Table(
    "search_terms",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("term", String(254), primary_key=True),  # in lower case
    Column("institution_code", String(20), ForeignKey("institutions.code"), primary_key=True),
    CheckConstraint("kind IN ('code', 'email', 'login-id', 'application')", name="kind"),
    Index("ix_search_terms_institution_code", "institution_code"),
    Index(
        "ix_search_terms_grams",
        text("todoke_grams(term, 3)"),
        postgresql_using="gin",
        postgresql_with={"fastupdate": "on", "gin_pending_list_limit": 1024},
    ).ddl_if(dialect="postgresql"),
)
"""Triggers keep it: they see every way in which messages, applications and institutions come about."""
