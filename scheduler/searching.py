"""One search for whatever a caller can tell: code, name, address, application, login ID, message, kind of mail."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import Clock
from core.kinds import Kind
from core.masking import mask_addresses, mask_email
from scheduler.addresses import AddressRefused, address_key
from scheduler.mail_names import mail_meant, unnumbered
from store.engine import Database
from store.reading import AnyRow, MessageFilter, Sight, message_page, message_record
from store.reading_views import message_view
from store.search import email_key, in_one_piece, search_key
from store.searching import (
    NAME_GRAM,
    TERM_GRAM,
    TermKind,
    application_named,
    institutions_known_by,
    institutions_known_by_part,
    institutions_named,
)

MOST_CHARACTERS = 200

_SHOWN = 20
_NAME = "name"
_IN_GROUPS = re.compile(r"(?=.*[0-9])[0-9a-z-]*[0-9a-z][0-9a-z-]*")
_ANY_TERM = frozenset(TermKind)
_ADDRESS = frozenset({TermKind.EMAIL})


@dataclass(slots=True)
class Hit:
    """An institution that was found, and by what: pairs of `name` or a TermKind, and the value on record."""

    institution: AnyRow
    matched: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to. `kind` is the mail that was named, `more` tells that not every institution is here,
    `short` that the words are too few letters to look for parts of everything."""

    kind: Kind | None
    institutions: Sequence[Hit]
    messages: Sequence[AnyRow]
    more: bool
    short: bool = False

    @property
    def addresses(self) -> int:
        """How many mail addresses it shows."""
        return len(self.messages) + sum(by == TermKind.EMAIL for hit in self.institutions for by, _ in hit.matched)


class Search:
    """Searches within sight. A whole code, address or number that is on record beats everything that holds it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def find(self, text: str, sight: Sight) -> Found:
        """What is on record for a caller's words."""
        words = unicodedata.normalize("NFKC", unnumbered(text))[:MOST_CHARACTERS].split()
        kind, words = mail_meant(words)
        async with self._db.read() as conn:
            message = await _message(conn, words, sight)
            if message is not None:
                return Found(kind, (), (message,), more=False)
            rows = await _institutions(conn, words, sight)
            hits = _merged(rows)
            shown = hits[:_SHOWN]
            mails = await _messages(conn, words, kind, shown, sight)
        return Found(kind, shown, mails, more=len(hits) > _SHOWN, short=_too_short(words))

    def view(self, found: Found, *, whole: bool) -> dict[str, Any]:
        """The same as plain data; addresses masked without `whole`."""
        now = self._clock.now()
        return {
            "kind": found.kind,
            "institutions": [_hit_view(hit, whole=whole) for hit in found.institutions],
            "messages": [message_view(row, now, whole=whole) for row in found.messages],
            "more": found.more,
        }


def told_of(text: str) -> str:
    """A question as the audit trail may hold it: addresses masked."""
    return " ".join(mask_addresses(word) for word in text[:MOST_CHARACTERS].split())


async def _message(conn: AsyncConnection, words: Sequence[str], sight: Sight) -> AnyRow | None:
    try:
        message_id = str(uuid.UUID(words[0])) if len(words) == 1 else None
    except ValueError:
        return None
    record = None if message_id is None else await message_record(conn, message_id, sight)
    return None if record is None else record.message


def _term(words: Sequence[str]) -> str:
    """As terms are kept: of a whole address, the domain as mails go to it."""
    text = " ".join(words)
    try:
        return address_key(text)
    except AddressRefused:
        return email_key(text)


def _together(words: Sequence[str]) -> Sequence[str]:
    """A code or an ID that was written in groups, "01-1000-0001" or "01 1000 0001": in one piece, and without hyphens.

    Nothing where it is no such thing, or stands in one piece.
    """
    piece = in_one_piece(" ".join(words)).lower()
    if _IN_GROUPS.fullmatch(piece) is None:
        return ()
    return tuple(one for one in dict.fromkeys((piece, piece.replace("-", ""))) if one != _term(words))


def _too_short(words: Sequence[str]) -> bool:
    """Whether nothing can be found by a part of it. Names of two characters are no parts of codes or addresses."""
    term, key = _term(words), search_key("".join(words))
    return bool(term) and (len(key) < NAME_GRAM or (term.isascii() and len(term) < TERM_GRAM))


async def _institutions(conn: AsyncConnection, words: Sequence[str], sight: Sight) -> list[tuple[str, str, AnyRow]]:
    """What was found, as `(by, value, institution)`, the likeliest first."""
    term = _term(words)
    if not term:
        return []
    spellings = (term, *_together(words))
    for spelling in spellings:
        by_term = await institutions_known_by(conn, spelling, _ANY_TERM, sight)
        if by_term:
            return [(row.kind, row.term, row) for row in by_term]
    parts: Sequence[AnyRow] = ()
    for spelling in spellings:
        parts = parts or await institutions_known_by_part(
            conn, spelling, _ADDRESS if "@" in spelling else _ANY_TERM, sight
        )
    named = [] if "@" in term else await institutions_named(conn, search_key("".join(words)), sight)
    if not named and len(words) > 1:
        named = await _with_every_word(conn, words, sight)
    return [(_NAME, row.name, row) for row in named] + [(row.kind, row.term, row) for row in parts]


async def _with_every_word(conn: AsyncConnection, words: Sequence[str], sight: Sight) -> list[AnyRow]:
    """Names that hold each word somewhere: 「みなと 周南」 finds 周南みなと病院."""
    keys = [search_key(word) for word in words]
    longest = max(keys, key=len)
    if len(longest) < NAME_GRAM:
        return []
    found = await institutions_named(conn, longest, sight)
    return [row for row in found if all(key in row.search_key for key in keys)]


def _merged(rows: Iterable[tuple[str, str, AnyRow]]) -> list[Hit]:
    hits: dict[str, Hit] = {}
    for by, value, row in rows:
        hits.setdefault(row.code, Hit(row)).matched.append((by, value))
    return list(hits.values())


async def _messages(
    conn: AsyncConnection, words: Sequence[str], kind: Kind | None, hits: Sequence[Hit], sight: Sight
) -> Sequence[AnyRow]:
    """Mails to a whole address or of a whole application; of the kind that was named, where institutions are few."""
    term = _term(words)
    if "@" in term:
        return await _page(conn, MessageFilter(email_key=term, kind=kind), sight)
    if len(hits) == 1:
        [hit] = hits
        application = (TermKind.APPLICATION, term) in hit.matched
        known = await application_named(conn, hit.institution.code, term) if application else None
        if known is not None or kind is not None:
            wanted = MessageFilter(institution_code=hit.institution.code, application_id=known, kind=kind)
            return await _page(conn, wanted, sight)
    return await _page(conn, MessageFilter(kind=kind), sight) if kind is not None and not words else ()


async def _page(conn: AsyncConnection, wanted: MessageFilter, sight: Sight) -> Sequence[AnyRow]:
    return (await message_page(conn, wanted, sight, None, _SHOWN)).rows


def _hit_view(hit: Hit, *, whole: bool) -> dict[str, Any]:
    row = hit.institution
    return {
        "code": row.code,
        "name": row.name,
        "type": row.type,
        "prefecture": row.prefecture,
        "matched": [
            {"by": by, "value": value if whole or by != TermKind.EMAIL else mask_email(value)}
            for by, value in hit.matched
        ],
    }
