"""A message's events as a person reads them: what happened, and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.reports import Reason
from store.reading import AnyRow
from store.reading_views import shown_text
from web.pages.own_words import in_japanese
from web.pages.vocabulary import CALM, EVENT_TONES, EVENTS, MINOR_EVENTS, REASONS, WAITING
from web.pages.words import short_when

_OUTCOMES = {"sent": "届いている", "undelivered": "届いていない"}
_GOOD_REPLY = 300
_WAITS = frozenset({"postponed", "given-back"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `codes` and `words` are the evidence: SMTP codes, and a foreign server's words."""

    at: datetime
    text: str
    tone: str
    kind: str
    message_id: str
    codes: str = ""
    words: str = ""
    notes: tuple[str, ...] = ()


def entries(events: Iterable[AnyRow], kind: str, *, minor: bool = False) -> list[Entry]:
    """The events of one message of this kind, in order; without `minor`, those that tell a caller something."""
    return [_entry(row, kind) for row in events if minor or row.type not in MINOR_EVENTS]


def merged(stories: Iterable[Sequence[Entry]]) -> list[Entry]:
    """Several messages' stories as one, newest first."""
    return sorted((entry for story in stories for entry in story), key=lambda entry: entry.at, reverse=True)


def _entry(row: AnyRow, kind: str) -> Entry:
    detail: Mapping[str, Any] = row.detail
    return Entry(
        at=row.at,
        text=EVENTS.get(row.type, row.type),
        tone=EVENT_TONES.get(row.type, CALM),
        kind=kind,
        message_id=row.message_id,
        codes=_codes(detail),
        words=_words(row.type, detail),
        notes=tuple(_notes(row.type, detail)),
    )


def _codes(detail: Mapping[str, Any]) -> str:
    """`550 5.1.1`; what went well needs no code."""
    code = detail.get("smtp_code")
    if code is not None and code < _GOOD_REPLY:
        return ""
    return " ".join(str(part) for part in (code, detail.get("enhanced_code")) if part is not None)


def _words(event: str, detail: Mapping[str, Any]) -> str:
    """What the other server said, or we of its silence; addresses masked."""
    foreign = shown_text(detail.get("diagnostic"), whole=False)
    if foreign:
        return foreign
    said = detail.get("reply")
    if said is None and event in ("deferred", "in-doubt", "retries-exhausted"):
        said = detail.get("why")
    return in_japanese(shown_text(said, whole=False), detail.get("smtp_code")) or ""


def _notes(event: str, detail: Mapping[str, Any]) -> Iterable[str]:
    reason = detail.get("reason")
    if reason is not None and reason != Reason.DELIVERED:
        yield f"理由：{REASONS.get(reason, reason)}"
    if event == "resolved":
        yield f"確定した結果：{_OUTCOMES.get(detail['outcome'], detail['outcome'])}（{detail['why']}）"
    if event in _WAITS and detail.get("why") in WAITING:
        yield WAITING[detail["why"]]
    for key, words in (("due_at", "送信予定"), ("until", "送信予定"), ("next_attempt_at", "次の送信")):
        if detail.get(key) is not None:
            yield f"{words}：{short_when(detail[key])}"
    if detail.get("needs_person"):
        yield "自動では再送しません。担当者が送信結果を確定してください。"
    if detail.get("alarm"):
        yield "設定の見直しが必要です。管理者へご連絡ください。"
    yield from _notes_of_report(detail)
    if detail.get("by") is not None:
        yield f"操作した人：{detail['by']}"


def _notes_of_report(detail: Mapping[str, Any]) -> Iterable[str]:
    if detail.get("forwarded_to") is not None:
        yield f"転送先など、別のメールアドレス（{detail['forwarded_to']}）についての通知です。"
    if detail.get("address_unused"):
        yield "このメールアドレスは使われていないとの内容です。"
