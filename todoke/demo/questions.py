"""What callers ask the helpdesk, and what the API tells the helpdesk to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import TodokeError
from core.kinds import Kind
from core.reports import Reason
from core.statuses import Status
from helpdesk.vocabulary import Symptom
from todoke.demo.api import Api, in_path
from todoke.demo.records import Books, Record


class NothingToShow(TodokeError, LookupError):
    """The samples do not bring about what is to be shown."""


@dataclass(frozen=True, slots=True)
class Example:
    """A pre-check and its guide. The words say what they show."""

    title: str
    pre_check: Record
    guide: Record


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, the call that asks it, and the procedure."""

    question: str
    institution: str
    call: str
    http_status: int
    procedure: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "question": self.question,
            "institution": self.institution,
            "call": self.call,
            "http_status": self.http_status,
            "procedure": dict(self.procedure),
        }


def examples(books: Books) -> dict[str, Example]:
    """One application that went well, one with its pre-check 不達, one with its guide 不達. Raises NothingToShow."""
    pairs = _pairs(books)
    return {
        "good": _first(pairs, "届いた申請 (everything arrived)", _went_well_over_new_year),
        "pre-check-undelivered": _first(
            pairs, "事前確認メールが不達の申請 (the pre-check bounced: no guide)", _pre_check_bounced
        ),
        "guide-undelivered": _first(pairs, "利用案内メールが不達の申請 (the guide bounced)", _guide_bounced),
    }


def _pairs(books: Books) -> list[tuple[Record, Record]]:
    by_id = {record.id: record for record in books.records}
    return [(by_id[guide.view["waits_for"]], guide) for guide in books.records if guide.kind is Kind.GUIDE]


def _first(pairs: Sequence[tuple[Record, Record]], title: str, wanted: Callable[[Record, Record], bool]) -> Example:
    for pre_check, guide in pairs:
        if wanted(pre_check, guide):
            return Example(title, pre_check, guide)
    raise NothingToShow(f"no application of the samples shows: {title}")


def _went_well_over_new_year(pre_check: Record, guide: Record) -> bool:
    both = (pre_check, guide)
    years = [str(record.view["sent_at"])[:4] for record in both]
    at_once = all(record.view["settled"] and record.view["attempts"] == 1 for record in both)
    return at_once and years == ["2026", "2027"]


def _pre_check_bounced(pre_check: Record, guide: Record) -> bool:
    return guide.status is Status.CANCELLED and _bounced(pre_check)


def _guide_bounced(_pre_check: Record, guide: Record) -> bool:
    return _bounced(guide) and guide.view["reason"] == Reason.USERUNKNOWN


def _bounced(record: Record) -> bool:
    return record.status is Status.UNDELIVERED and any(event["type"] == "bounced" for event in record.events)


async def ask(helpdesk: Api, shown: Mapping[str, Example], books: Books) -> list[Answered]:
    """The questions, asked over HTTP with the helpdesk's token."""
    good, failed = shown["good"].guide, shown["guide-undelivered"].guide
    full = _first(_pairs(books), "a full mailbox", _mailbox_full).guide
    return [
        await _advice(helpdesk, "「利用案内メールが届きません」（利用案内メールが不達）", failed, Symptom.NOT_ARRIVED),
        await _advice(
            helpdesk, "「メールボックスがいっぱいでした」（利用案内メールが不達）", full, Symptom.MAILBOX_FULL
        ),
        await _advice(helpdesk, "「担当者が異動しました」（利用案内メールは送信完了）", good, Symptom.PERSON_LEFT),
        await _advice(
            helpdesk, "「利用案内メールを紛失しました」（利用案内メールは送信完了）", good, Symptom.LOST_GUIDE
        ),
        await _resend(helpdesk, "「利用案内メールをもう一度送ってください」", good),
    ]


def _mailbox_full(_pre_check: Record, guide: Record) -> bool:
    return _bounced(guide) and guide.view["reason"] == Reason.MAILBOXFULL


async def _advice(helpdesk: Api, question: str, about: Record, symptom: Symptom) -> Answered:
    code = about.view["institution_code"]
    reply = await helpdesk.get("/v1/advice", institution_code=code, symptom=symptom)
    call = f"GET /v1/advice?institution_code={code}&symptom={symptom}"
    return Answered(question, about.institution or "", call, reply.status, reply.expect(200))


async def _resend(helpdesk: Api, question: str, about: Record) -> Answered:
    path = f"/v1/messages/{in_path(about.id)}/resend"
    reply = await helpdesk.post(path)
    procedure = reply.expect(409)["procedure"]
    return Answered(question, about.institution or "", f"POST {path}", reply.status, procedure)
