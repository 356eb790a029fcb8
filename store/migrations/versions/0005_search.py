"""Finding institutions by part of a name, an address, a code, a login ID or an application number.

PostgreSQL finds parts by the grams of a term (its parts of two or three characters) in an inverted index, without any
extension; SQLite, with one process and fewer rows, looks at every term.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.search import search_key

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_GRAMS = """
CREATE FUNCTION todoke_grams(term text, size integer) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT array_agg(DISTINCT substr(term, place, size)) FROM generate_series(1, length(term) - size + 1) AS place)
"""

_KNOWN = """
INSERT INTO search_terms (kind, term, institution_code)
SELECT 'code', lower(code), code FROM institutions
UNION SELECT 'application', lower(id), institution_code FROM applications
UNION SELECT 'email', email_key, institution_code FROM messages WHERE institution_code IS NOT NULL
UNION SELECT 'login-id', lower({login_id}), institution_code FROM messages
      WHERE institution_code IS NOT NULL AND {login_id} IS NOT NULL
"""

_OF_MESSAGES = """
CREATE FUNCTION todoke_terms_of_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_terms (kind, term, institution_code)
  SELECT DISTINCT found.kind, found.term, found.institution_code
  FROM (
    SELECT 'email' AS kind, email_key AS term, institution_code FROM added
    UNION ALL
    SELECT 'login-id', lower(left(data ->> 'login_id', 254)), institution_code FROM added WHERE data ? 'login_id'
  ) AS found
  WHERE found.institution_code IS NOT NULL AND found.term IS NOT NULL AND NOT EXISTS (
    SELECT FROM search_terms AS known
    WHERE known.kind = found.kind AND known.term = found.term AND known.institution_code = found.institution_code
  )
  ORDER BY 1, 2, 3
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
"""

_OF_CHANGED_MESSAGES = """
CREATE FUNCTION todoke_terms_of_changed_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_terms (kind, term, institution_code)
  VALUES ('email', NEW.email_key, NEW.institution_code)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
"""

_OF_OTHERS = """
CREATE FUNCTION todoke_terms_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_terms (kind, term, institution_code)
  SELECT '{kind}', lower({column}), {code} FROM added ORDER BY 1, 2, 3
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
"""

_ADDED = """
CREATE TRIGGER search_terms_of_{table} AFTER INSERT ON {table} REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION todoke_terms_of_{table}()
"""

_CHANGED = """
CREATE TRIGGER search_terms_of_changed_messages AFTER UPDATE OF email_key ON messages
FOR EACH ROW WHEN (NEW.email_key IS DISTINCT FROM OLD.email_key AND NEW.institution_code IS NOT NULL)
EXECUTE FUNCTION todoke_terms_of_changed_message()
"""

_ON_SQLITE = """
CREATE TRIGGER search_terms_of_{name} AFTER {event} WHEN NEW.{code} IS NOT NULL BEGIN
  INSERT INTO search_terms (kind, term, institution_code) SELECT '{kind}', lower({column}), NEW.{code}
  WHERE {column} IS NOT NULL ON CONFLICT DO NOTHING;
END
"""
_SQLITE_TRIGGERS = (
    ("institutions", "INSERT ON institutions", "code", "NEW.code", "code"),
    ("applications", "INSERT ON applications", "application", "NEW.id", "institution_code"),
    ("messages", "INSERT ON messages", "email", "NEW.email_key", "institution_code"),
    ("logins", "INSERT ON messages", "login-id", "json_extract(NEW.data, '$.login_id')", "institution_code"),
    ("changed_messages", "UPDATE OF email_key ON messages", "email", "NEW.email_key", "institution_code"),
)
_OTHERS = (("institutions", "code", "code", "code"), ("applications", "application", "id", "institution_code"))


def upgrade() -> None:
    """Forward."""
    conn = op.get_bind()
    if conn.dialect.name == "postgresql":
        op.execute(_GRAMS)
    _keys(conn)
    _terms()
    if conn.dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def downgrade() -> None:
    """Back."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in ("institutions", "applications", "messages", "logins", "changed_messages"):
        on = {"logins": "messages", "changed_messages": "messages"}.get(table, table)
        op.execute(f"DROP TRIGGER IF EXISTS search_terms_of_{table}" + (f" ON {on}" if postgresql else ""))
    op.drop_table("search_terms")
    with op.batch_alter_table("institutions", schema=None) as batch_op:
        batch_op.drop_index("ix_institutions_search_key")
        if postgresql:
            batch_op.drop_index("ix_institutions_grams")
        batch_op.drop_column("search_key")
    if postgresql:
        for name in ("messages", "changed_message", "institutions", "applications"):
            op.execute(f"DROP FUNCTION todoke_terms_of_{name}")
        op.execute("DROP FUNCTION todoke_grams")


def _keys(conn: sa.Connection) -> None:
    with op.batch_alter_table("institutions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("search_key", sa.Text(), server_default="", nullable=False))
    institutions = sa.table("institutions", sa.column("code"), sa.column("name"), sa.column("search_key"))
    keys = [{"key": search_key(row.name), "of": row.code} for row in conn.execute(sa.select(institutions))]
    if keys:
        keyed = sa.update(institutions).where(institutions.c.code == sa.bindparam("of"))
        conn.execute(keyed.values(search_key=sa.bindparam("key")), keys)
    op.create_index("ix_institutions_search_key", "institutions", ["search_key"])


def _terms() -> None:
    op.create_table(
        "search_terms",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("term", sa.String(length=254), nullable=False),
        sa.Column("institution_code", sa.String(length=20), nullable=False),
        sa.CheckConstraint("kind IN ('code', 'email', 'login-id', 'application')", name=op.f("ck_search_terms_kind")),
        sa.ForeignKeyConstraint(
            ["institution_code"], ["institutions.code"], name=op.f("fk_search_terms_institution_code")
        ),
        sa.PrimaryKeyConstraint("kind", "term", "institution_code", name=op.f("pk_search_terms")),
    )
    op.create_index("ix_search_terms_institution_code", "search_terms", ["institution_code"])


def _postgresql() -> None:
    op.execute(_KNOWN.format(login_id="left(data ->> 'login_id', 254)"))
    for name, place, gram in (("institutions", "search_key", 2), ("search_terms", "term", 3)):
        op.execute(
            f"CREATE INDEX ix_{name}_grams ON {name} USING gin (todoke_grams({place}, {gram})) WITH (fastupdate = on, gin_pending_list_limit = 1024)"
        )
    op.execute(_OF_MESSAGES)
    op.execute(_OF_CHANGED_MESSAGES)
    op.execute(_ADDED.format(table="messages"))
    op.execute(_CHANGED)
    for table, kind, column, code in _OTHERS:
        op.execute(_OF_OTHERS.format(table=table, kind=kind, column=column, code=code))
        op.execute(_ADDED.format(table=table))


def _sqlite() -> None:
    op.execute(_KNOWN.format(login_id="json_extract(data, '$.login_id')"))
    for name, event, kind, column, code in _SQLITE_TRIGGERS:
        op.execute(_ON_SQLITE.format(name=name, event=event, kind=kind, column=column, code=code))
