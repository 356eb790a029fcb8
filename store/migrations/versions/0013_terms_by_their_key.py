"""Terms that are known already are found by their key: a plan made while there were few went through all of them."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_FUNCTION = "ALTER FUNCTION todoke_terms_of_messages()"
_OFF = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")


def upgrade() -> None:
    """Forward."""
    if op.get_bind().dialect.name == "postgresql":
        for setting in _OFF:
            op.execute(f"{_FUNCTION} SET {setting} = off")


def downgrade() -> None:
    """Back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"{_FUNCTION} RESET ALL")
