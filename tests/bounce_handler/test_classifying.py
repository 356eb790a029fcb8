"""What a reply to our own client means, whatever its codes and words."""

from __future__ import annotations

import pytest

from bounce_handler.classifying import classify_reply
from bounce_handler.parsing import codes, phrases
from core.ports import Classified
from core.reports import BounceClass, Reason

STATUSES = (None, "5.0.0", *(f"5.{detail}" for detail in codes.BY_STATUS))
WORDS = ("", "受付できません", *(phrase.words for phrase in phrases.load()))


def class_at_mail(code: int, status: str | None, text: str) -> BounceClass:
    return classify_reply(code, status, text, "mail").bounce_class


@pytest.mark.parametrize("code", [421, 450, 500, 521, 550, 551, 552, 553, 554, 556])
def test_no_code_makes_a_refusal_of_mail_from_hard(code: int) -> None:
    found = {status: class_at_mail(code, status, f"{status or ''} 受付できません") for status in STATUSES}
    assert [status for status, bounce_class in found.items() if bounce_class is not BounceClass.SOFT] == []


@pytest.mark.parametrize("status", [None, "5.1.1", "5.1.2", "5.7.1"])
def test_no_words_make_a_refusal_of_mail_from_hard(status: str | None) -> None:
    found = {words: class_at_mail(550, status, words) for words in WORDS}
    assert [words for words, bounce_class in found.items() if bounce_class is not BounceClass.SOFT] == []


@pytest.mark.parametrize("text", ["受付できません", "User unknown", "does not accept mail", "The user has moved"])
@pytest.mark.parametrize("status", ["5.1.1", "5.1.2", "5.1.6", "5.3.2"])
def test_what_would_be_hard_of_a_recipient_is_the_sender_refused(status: str, text: str) -> None:
    assert classify_reply(550, status, f"{status} {text}", "mail") == Classified(Reason.REJECTED, BounceClass.SOFT)


def test_the_recipient_is_named_at_rcpt() -> None:
    found = classify_reply(550, "5.1.1", "5.1.1 受付できません", "rcpt")
    assert found == Classified(Reason.USERUNKNOWN, BounceClass.HARD)
