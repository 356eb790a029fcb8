"""The mails that reports came in, at rest: enciphered, and cut down to their traces once nobody reads the rest.

Such a mail may hold all of a mail of ours, with the link or the code in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.reports import KeptReport
from store.cipher import Cipher
from store.tables import reports

_HEAD_OCTETS = 100_000
_TRACES_OCTETS = 16_384
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:.*(?:\r?\n[ \t].*)*", re.MULTILINE)
_TRACES = (b"return-path", b"received", b"from", b"date", b"message-id", b"auto-submitted", b"content-type")
"""Fields that tell where a mail came from and what it was (RFC 5321 section 4.4); other ones may quote its text."""

IN_CLEAR = and_(reports.c.octets.is_(None), reports.c.raw.is_not(None))
"""What an earlier version has left; an index holds these alone."""

OCTETS = func.coalesce(reports.c.octets, func.length(reports.c.raw))
"""How large a mail was as it was received."""

_THIS = reports.c.id == bindparam("report")
_REPLACE = update(reports).where(_THIS).values(raw=bindparam("kept"), octets=bindparam("of"))
_REPLACE_IN_CLEAR = _REPLACE.where(IN_CLEAR)
_TIED = ("applied", "duplicate")


def sealed(cipher: Cipher, raw: bytes) -> dict[str, Any]:
    """The columns of a mail that is kept whole."""
    return {"raw": cipher.seal(raw), "octets": len(raw)}


def opened(cipher: Cipher, raw: bytes, octets: int | None) -> bytes:
    """The mail of a row, of which an earlier version kept some in clear. Raises SecretUnreadable."""
    return raw if octets is None else cipher.unseal(raw)


def as_today(cipher: Cipher, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Mails in clear as they are kept today, by their reports' states."""
    return [_replacing(cipher, row.id, row.raw, traces(row.raw) if row.state in _TIED else row.raw) for row in rows]


def traces(raw: bytes) -> bytes:
    """A mail's fields that tell where it came from, as they stand in it; none of its text, and none with a link."""
    head = _EMPTY_LINE.split(raw[:_HEAD_OCTETS], maxsplit=1)[0]
    fields = (match[0] for match in _FIELD.finditer(head) if match[1].lower() in _TRACES)
    return b"\r\n".join(field.rstrip() for field in fields if b"://" not in field)[:_TRACES_OCTETS]


async def cut_down(conn: AsyncConnection, cipher: Cipher, mails: Iterable[KeptReport]) -> None:
    """Keep no more than the traces of these mails."""
    rows = [_replacing(cipher, mail.id, mail.raw, traces(mail.raw)) for mail in mails]
    if rows:
        await conn.execute(_REPLACE, rows)


async def replace_in_clear(conn: AsyncConnection, mails: Sequence[dict[str, Any]]) -> None:
    """Put these in the places of mails in clear, but for those that somebody else has replaced meanwhile."""
    await conn.execute(_REPLACE_IN_CLEAR, mails)


def _replacing(cipher: Cipher, report_id: str, raw: bytes, kept: bytes) -> dict[str, Any]:
    return {"report": report_id, "kept": cipher.seal(kept), "of": len(raw)}
