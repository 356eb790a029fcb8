"""Which of the two desks answers a question, and how it is reached (rules 115, 124-130)."""

from __future__ import annotations

from collections.abc import Mapping

from core.mail import Contact
from helpdesk.facts import PrefectureFacts
from helpdesk.vocabulary import Desk, Symptom

_SECRETARIAT_ANSWERS = frozenset(
    {
        Symptom.RESET_MAIL_NOT_ARRIVED,  # rule 112
        Symptom.SSO_ERROR,
        Symptom.HOME_SCREEN_NOT_SHOWN,
        Symptom.WHICH_SYSTEM,
    },
)
"""Everything else is the prefecture's (rule 129), unless its settings say otherwise."""

_OF_THE_PREFECTURE = frozenset({Symptom.NOT_ARRIVED, Symptom.NO_INTERNET})
"""How an application stands, and whether paper is taken, is known to no other desk (rules 7, 127)."""

_CHANGES_ADDRESSES = "the prefecture's desk alone changes addresses"
_GIVES_CODES = "the prefecture's desk alone gives institution codes"
_TELLS_LOGIN_IDS = f"who tells login IDs answers; set {Symptom.UNKNOWN_LOGIN_ID}"

FIXED: Mapping[str, str] = {
    Symptom.PERSON_LEFT: _CHANGES_ADDRESSES,  # rule 106
    Symptom.CANNOT_VIEW: _CHANGES_ADDRESSES,
    Symptom.WRONG_INSTITUTION_CODE: _GIVES_CODES,  # rule 99
    Symptom.UNKNOWN_INSTITUTION_CODE: _GIVES_CODES,  # rule 142
    Symptom.MAILBOX_FULL: _TELLS_LOGIN_IDS,  # rule 85
    Symptom.LOST_GUIDE: _TELLS_LOGIN_IDS,  # rule 102
    Symptom.UNKNOWN_PASSWORD: f"who answers for reset mails answers; set {Symptom.RESET_MAIL_NOT_ARRIVED}",  # rule 112
}
"""Symptoms that settings give no desk of their own, and why: in every answer, something else decides."""


def desk_for(question: Symptom, prefecture: PrefectureFacts) -> Desk:
    """The desk that answers this question in this prefecture.

    Where the prefecture is not known, the secretariat answers what is not a prefecture's alone to know.
    """
    if prefecture.code is None and question not in _OF_THE_PREFECTURE:
        return Desk.SECRETARIAT
    usual = Desk.SECRETARIAT if question in _SECRETARIAT_ANSWERS else Desk.PREFECTURE
    return prefecture.desks.get(question, usual)


def contact_of(desk: Desk, prefecture: PrefectureFacts) -> Contact:
    """How the desk is reached; the secretariat stands in for a prefecture without a contact."""
    if desk is Desk.SECRETARIAT or prefecture.contact is None:
        return prefecture.secretariat
    return prefecture.contact


def contact_text(contact: Contact) -> str:
    """Name, telephone and mail on one line, as the source documents write them (rule 130)."""
    return f"{contact.name} ({contact.phone}、又は{contact.email})"
