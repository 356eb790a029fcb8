"""Refusals with a way out: what is told to somebody who wants a mail, or an account-issue, a second time."""

from __future__ import annotations

from datetime import date

from core.kinds import BY_TABLE, Kind
from helpdesk.advice import write
from helpdesk.case import open_case
from helpdesk.decisions import instead_of_guide, instead_of_resending
from helpdesk.facts import InstitutionFacts, MessageFacts, PrefectureFacts
from helpdesk.procedures import Procedure
from helpdesk.wording import Texts, built_in_texts


def resend_refusal(
    kind: Kind,
    facts: InstitutionFacts,
    prefecture: PrefectureFacts,
    today: date,
    *,
    message_id: str | None = None,
    texts: Texts | None = None,
) -> Procedure | None:
    """Why a mail of this kind is not sent again and what helps instead; None where it may be (contract section 4).

    A `code` belongs to no institution: it is asked with `InstitutionFacts.unknown("")`. With `message_id` the answer
    for a reminder is about the report that this one is of, and for mails of an application about that application.
    """
    mail = _mail(facts, message_id) if kind is Kind.REMINDER else None
    application_id = _application_of(facts, message_id) if kind in BY_TABLE else None
    case = open_case(facts, prefecture, today, refused=kind, refused_mail=mail, of=application_id)
    procedure = instead_of_resending(kind, case)
    return None if procedure is None else write(procedure, case, texts or built_in_texts())


def _mail(facts: InstitutionFacts, message_id: str | None) -> MessageFacts | None:
    return next((mail for mail in facts.all_messages if mail.id == message_id), None)


def _application_of(facts: InstitutionFacts, message_id: str | None) -> str | None:
    own = (one.id for one in facts.applications if any(mail.id == message_id for mail in one.messages))
    return next(own, None)


def issued_refusal(
    facts: InstitutionFacts,
    prefecture: PrefectureFacts,
    today: date,
    *,
    application_id: str | None = None,
    texts: Texts | None = None,
) -> Procedure:
    """What helps an institution whose account-issue was published a second time (409 `already-issued`).

    With `application_id` the answer is about that application.
    """
    case = open_case(facts, prefecture, today, issued_before=True, of=application_id)
    return write(instead_of_guide(case), case, texts or built_in_texts())
