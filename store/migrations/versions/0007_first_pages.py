"""First pages of every filter: indexes in the order of the lists, and messages that follow their institution."""

from __future__ import annotations

from alembic import op

from store.migrations.indexes import create_partial_index

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_UNSETTLED = "status NOT IN ('sending', 'sent')"

_FOLLOW = """
UPDATE messages SET prefecture = (SELECT prefecture FROM institutions WHERE code = institution_code)
WHERE institution_code IS NOT NULL AND prefecture IS DISTINCT FROM
  (SELECT prefecture FROM institutions WHERE code = institution_code)
"""

_MOVED = """
CREATE FUNCTION todoke_messages_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE messages SET prefecture = NEW.prefecture WHERE institution_code = NEW.code;
  RETURN NULL;
END $$
"""

_ON_MOVE = """
CREATE TRIGGER messages_follow_institutions AFTER UPDATE OF prefecture ON institutions
FOR EACH ROW WHEN (NEW.prefecture IS DISTINCT FROM OLD.prefecture) EXECUTE FUNCTION todoke_messages_follow()
"""

_ON_MOVE_SQLITE = """
CREATE TRIGGER messages_follow_institutions AFTER UPDATE OF prefecture ON institutions
WHEN NEW.prefecture IS NOT OLD.prefecture BEGIN
  UPDATE messages SET prefecture = NEW.prefecture WHERE institution_code = NEW.code;
END
"""


def upgrade() -> None:
    """Forward."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.execute(_FOLLOW if postgresql else _FOLLOW.replace("IS DISTINCT FROM", "IS NOT"))
    if postgresql:
        op.execute(_MOVED)
    op.execute(_ON_MOVE if postgresql else _ON_MOVE_SQLITE)
    op.drop_index("ix_messages_status_created_at", "messages")
    op.drop_index("ix_messages_prefecture_created_at", "messages")
    create_partial_index(
        "ix_messages_status_kind_created_at", "messages", ["status", "kind", "created_at", "id"], _UNSETTLED
    )
    op.create_index("ix_messages_prefecture_kind_created_at", "messages", ["prefecture", "kind", "created_at", "id"])
    op.create_index("ix_messages_kind_created_at", "messages", ["kind", "created_at", "id"])
    op.create_index("ix_suppressions_created_at_id", "suppressions", ["created_at", "id"])


def downgrade() -> None:
    """Back."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.drop_index("ix_suppressions_created_at_id", "suppressions")
    for name in ("kind", "prefecture_kind", "status_kind"):
        op.drop_index(f"ix_messages_{name}_created_at", "messages")
    op.create_index("ix_messages_prefecture_created_at", "messages", ["prefecture", "created_at"])
    create_partial_index("ix_messages_status_created_at", "messages", ["status", "created_at"], _UNSETTLED)
    op.execute("DROP TRIGGER messages_follow_institutions" + (" ON institutions" if postgresql else ""))
    if postgresql:
        op.execute("DROP FUNCTION todoke_messages_follow")
