"""Alembic migrations: one chain for both databases."""
