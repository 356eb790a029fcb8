"""A helpdesk's database of some years: institutions, applications, messages and events, made inside PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from store.search import name_key, search_key

PER_INSTITUTION = 33
"""Messages for each institution: two applications of three mails, three resets, twenty reminders, four codes."""

_SHARES = (
    *(44, 9, 9, 17, 8, 8, 14, 22, 15, 15, 56, 48, 125, 75, 17, 8, 9, 6, 6, 16, 15, 28, 58, 14, 11, 22, 78, 44),
    *(10, 9, 5, 6, 15, 23, 11, 6, 8, 11, 6, 42, 7, 11, 14, 9, 8, 13, 12),
)
"""Institutions of each prefecture, out of a thousand."""

_PLACES = [
    "周南",
    "下松",
    "光",
    "岩国",
    "防府",
    "宇部",
    "萩",
    "長門",
    "美祢",
    "柳井",
    "緑が丘",
    "中央",
    "東",
    "西",
    "南",
    "北",
    "港",
    "山手",
    "本町",
    "駅前",
    "旭",
    "桜",
    "若葉",
    "青葉",
    "泉",
]
_NAMES = [
    "佐藤",
    "鈴木",
    "高橋",
    "田中",
    "渡邊",
    "伊藤",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "みなと",
    "ひかり",
    "さくら",
    "あおぞら",
    "わかば",
    "共立",
    "協同",
    "済生",
]
_KINDS = {
    "hospital": ("病院", "総合病院", "記念病院"),
    "clinic": ("医院", "クリニック", "内科クリニック", "こどもクリニック", "眼科"),
    "dental": ("歯科医院", "デンタルクリニック", "歯科"),
    "maternity": ("助産院",),
    "pharmacy": ("薬局", "調剤薬局", "薬局駅前店"),
}
_WEIGHTS = (3, 40, 26, 1, 24)

_INSTITUTIONS = (
    "COPY institutions (code, name, name_key, search_key, type, prefecture, updated_at) FROM STDIN",
    "CREATE TEMPORARY TABLE places AS SELECT row_number() OVER (ORDER BY md5(code)) - 1 AS n, code, prefecture "
    "FROM institutions",
    "CREATE UNIQUE INDEX ON places (n)",
    "ANALYZE places",
)

_APPLICATIONS = """
INSERT INTO applications (id, institution_code, route, account, received_on, approved_on, decision, created_at)
SELECT 'A-' || (2024 + a) || '-' || lpad(n::text, 7, '0'), code, 'self', 'none', day, day + 7, 'mail', day
FROM places, generate_series(0, 1) AS a, LATERAL (SELECT date '2024-11-01' + (a * 365 + n % 60)::integer AS day) AS d
"""

_MESSAGES = """
INSERT INTO messages (
  id, kind, status, application_id, institution_code, prefecture, email, email_key, recipient, data, message_id_header,
  rule, lane, created_at, due_at, attempts, first_attempt_at, sent_at, settles_at, reason, smtp_code, bounce_class
)
SELECT
  overlay(overlay(overlay(overlay(
    lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(g::text), 1, 19)
    PLACING '-' FROM 9 FOR 0) PLACING '-' FROM 14 FOR 0) PLACING '-' FROM 19 FOR 0) PLACING '-' FROM 24 FOR 0),
  kind, status,
  CASE WHEN slot < 6 THEN 'A-' || (2024 + slot / 3) || '-' || lpad(n::text, 7, '0') END,
  CASE WHEN slot < 29 THEN code END,
  CASE WHEN slot < 29 THEN prefecture END,
  email, email, '{}',
  CASE kind WHEN 'guide' THEN jsonb_build_object('login_id', 'h' || code)
    WHEN 'reminder' THEN jsonb_build_object('scheme', 'medical-function', 'fiscal_year', 2023 + (slot - 9) / 4)
    ELSE '{}' END,
  '<' || g || '@example.jp>', 'business-hours', 1, at, at, 1, at,
  CASE WHEN status IN ('sent', 'undelivered') THEN at + interval '1 minute' END,
  CASE WHEN status = 'sent' THEN at + interval '3 days' END,
  CASE WHEN status = 'undelivered' THEN 'userunknown' END,
  CASE WHEN status = 'undelivered' THEN 550 ELSE 250 END,
  CASE WHEN status = 'undelivered' THEN 'hard' END
FROM (
  SELECT g, n, slot, code, prefecture, kind,
    CASE WHEN slot < 6 THEN timestamptz '2024-11-01' + (slot / 3 * 365 + n % 60 + slot % 3) * interval '1 day'
      WHEN slot < 9 THEN timestamptz '2024-06-01' + (n * 7 % 940) * interval '1 day'
      WHEN slot < 29 THEN timestamptz '2024-01-05 00:00+09' + (slot - 9) / 4 * interval '200 days'
        + (slot - 9) % 4 * interval '20 days' + prefecture::integer * interval '5 minutes'
      ELSE timestamptz '2024-06-01' + (n % 940) * interval '1 day' END
      + (g % 86399) * interval '3 milliseconds' AS at,
    CASE WHEN g % 31 = 7 THEN 'undelivered' WHEN g % 97 = 5 THEN 'cancelled' WHEN g % 10007 = 3 THEN 'in-doubt'
      ELSE 'sent' END AS status,
    CASE WHEN slot % 11 = 4 THEN 'info' ELSE 'soumu' END || n || '@' || CASE WHEN n % 3 = 0 THEN 'docomo.ne.jp'
      ELSE 'clinic' || n % 5003 || '.example.jp' END AS email
  FROM (
    SELECT g, g / {per} AS n, (g % {per})::integer AS slot,
      (ARRAY['application-complete', 'pre-check', 'guide', 'application-complete', 'pre-check', 'guide',
        'password-reset', 'password-reset', 'rejection'])[1 + g % {per}] AS early
    FROM generate_series(0, {count} - 1) AS g
  ) AS numbered
  JOIN places USING (n),
  LATERAL (SELECT coalesce(early, CASE WHEN slot < 29 THEN 'reminder' ELSE 'code' END) AS kind) AS k
) AS made
"""

_EVENTS = """
INSERT INTO events (message_id, at, type, status, detail)
SELECT id, created_at, 'accepted', 'scheduled', '{}'::jsonb FROM messages
UNION ALL
SELECT id, coalesce(sent_at, created_at), status, status, '{}'::jsonb FROM messages
"""

_SUPPRESSIONS = """
INSERT INTO suppressions (id, email, email_key, institution_code, scope, reason, message_id, created_at)
SELECT DISTINCT ON (email_key, institution_code) id, email, email_key, institution_code, 'all', reason, id, sent_at
FROM messages WHERE status = 'undelivered' AND institution_code IS NOT NULL
"""

_TERMS = """
INSERT INTO search_terms (kind, term, institution_code)
SELECT 'code', lower(code), code FROM institutions
UNION ALL SELECT 'application', lower(id), institution_code FROM applications
UNION ALL SELECT DISTINCT 'email', email_key, institution_code FROM messages WHERE institution_code IS NOT NULL
UNION ALL SELECT DISTINCT 'login-id', lower(data ->> 'login_id'), institution_code FROM messages WHERE kind = 'guide'
"""

_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename IN ('messages', 'events', 'search_terms') AND indexname LIKE 'ix%'
"""


@dataclass(frozen=True, slots=True)
class Population:
    """What was made: institutions by code, with their prefectures and names."""

    institutions: tuple[tuple[str, str, str], ...]
    messages: int


def populate(url: str, messages: int) -> Population:
    """Fill a database whose schema is there. Triggers and indexes stand back until everything is in."""
    made = tuple(_institutions(-(-messages // PER_INSTITUTION)))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("SET maintenance_work_mem = '1GB'")
        indexes = conn.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            conn.execute(f"DROP INDEX {name}".encode())
        _copy_institutions(conn, made)
        for statement in (_APPLICATIONS, _MESSAGES, _EVENTS, _SUPPRESSIONS, _TERMS):
            filled = statement.replace("{per}", str(PER_INSTITUTION)).replace("{count}", str(messages))
            conn.execute(filled.encode())
        for _, definition in indexes:
            conn.execute(definition.encode())
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")
    return Population(tuple((code, prefecture, name) for code, prefecture, _, name in made), messages)


def _institutions(count: int) -> Iterator[tuple[str, str, str, str]]:
    """Code, prefecture, type and name; the same ones at each call."""
    chance = random.Random(count)
    prefectures = [f"{number:02d}" for number in range(1, 48)]
    kinds = list(_KINDS)
    for number in range(count):
        [prefecture] = chance.choices(prefectures, _SHARES)
        [kind] = chance.choices(kinds, _WEIGHTS)
        name = chance.choice(_PLACES) + chance.choice(_NAMES) + chance.choice(_KINDS[kind])
        yield f"{prefecture}{1 + kinds.index(kind)}{number:07d}", prefecture, kind, name


def _copy_institutions(conn: psycopg.Connection, made: tuple[tuple[str, str, str, str], ...]) -> None:
    copy, *after = _INSTITUTIONS
    with conn.cursor().copy(copy.encode()) as rows:
        for code, prefecture, kind, name in made:
            rows.write_row((code, name, name_key(name), search_key(name), kind, prefecture, "2026-01-01"))
    for statement in after:
        conn.execute(statement.encode())
