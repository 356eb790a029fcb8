"""Whether a mail without machine-readable fields reports on delivery: asked before any address in it is believed.

Auto-replies, notices of maintenance and persons write of errors and name addresses too. How much a mail must show
depends on who wrote it: little from a mail system, more from one that only has the null path, which auto-replies use as
well, and most from one that is marked as an auto-reply.
"""

from __future__ import annotations

from bounce_handler.parsing import harmless, notices, quotations, replying
from bounce_handler.parsing.correspondence import ACKNOWLEDGED, PERSONAL, RESPONSES
from bounce_handler.parsing.mail import Mail

_NEWSLETTER = ("list-unsubscribe", "list-unsubscribe-post")


def reports(mail: Mail) -> bool:
    """Whether it is a report of failure or delay."""
    if mail.names_failed_recipients:
        return True
    if _is_settled(mail):
        return False
    if replying.is_marked(mail):
        return _despite_its_marks(mail)
    if mail.is_from_machine:
        return _tells(mail) or (mail.speaks_of_failure and (mail.has_subject_of_failure or _returns(mail)))
    if mail.has_null_path:
        return _despite_its_path(mail)
    return _despite_its_sender(mail)


def is_final(mail: Mail) -> bool:
    """Whether its subject or a sentence says that the message failed, whatever the code beside it."""
    told = mail.has_subject_of_failure or mail.is_given_up or _states(mail)
    return told or "transcript of session" in mail.words


def _is_settled(mail: Mail) -> bool:
    """Whether it is about other mails, or says that the message arrived, or waits for somebody's decision."""
    if harmless.tells_of_totals(mail.sentences):
        return True
    if mail.quotes_refusal or mail.is_delay:
        return False
    if harmless.tells_of_inbox(mail.sentences):
        return True
    if harmless.tells_of_holding(mail.sentences):
        return not (mail.has_subject_of_failure and _states(mail))
    return not _states(mail) and harmless.tells_of_arrival(mail.sentences)


def _despite_its_marks(mail: Mail) -> bool:
    """RFC 3834's `auto-replied` is what some mail systems write into their reports too."""
    if mail.has_subject_of_failure:
        return mail.is_from_machine or (mail.quotes_refusal and _states(mail))
    if harmless.tells_of_absence(mail.sentences):
        return False
    if mail.is_from_machine:
        return _tells(mail) or (mail.speaks_of_failure and _returns(mail))
    return quotations.refuses(mail.notice) and _states(mail)


def _despite_its_path(mail: Mail) -> bool:
    """The null path is that of auto-replies too."""
    if mail.has_subject_of_failure:
        return True
    if replying.answers(mail):
        return quotations.refuses(mail.notice) and not harmless.tells_of_absence(mail.sentences)
    return _tells(mail) or (mail.encloses_original and not _acknowledges(mail))


def _despite_its_sender(mail: Mail) -> bool:
    """Gateways write under any name, and persons write of failures."""
    if any(name in mail.headers for name in _NEWSLETTER) or any(map(mail.words.__contains__, PERSONAL)):
        return False
    if mail.quotes_refusal:
        return mail.is_titled_as_report or (mail.submitted.startswith("auto-") and _states(mail))
    return mail.is_titled_as_report and not mail.is_forwarded and (_states(mail) or mail.is_delay)


def _tells(mail: Mail) -> bool:
    return mail.quotes_refusal or _states(mail) or mail.is_delay or mail.is_given_up


def _states(mail: Mail) -> bool:
    return mail.tells_of_failure or notices.opens(mail)


def _returns(mail: Mail) -> bool:
    """Whether it returns the original; answers quote it too, and enclose it."""
    if _acknowledges(mail):
        return False
    return bool(mail.returned) and (mail.encloses_original or not mail.subject.startswith("re:"))


def _acknowledges(mail: Mail) -> bool:
    """Whether its words are an answer's: that the mail was received, or that nobody is there to read it."""
    return any(map(mail.words.__contains__, (*RESPONSES, *ACKNOWLEDGED)))
