"""Whether a mail without machine-readable fields reports on delivery: asked before any address in it is believed.

Auto-replies, notices of maintenance and persons write of errors and name addresses too. How much a mail must show
depends on who wrote it: little from a mail system, more from one that only has the null path, which auto-replies use as
well, and most from one that is marked as an auto-reply.
"""

from __future__ import annotations

import re

from bounce_handler.parsing import harmless, notices, quotations, replying, statements
from bounce_handler.parsing.correspondence import ACKNOWLEDGED, MACHINES, PERSONAL, RESPONSES
from bounce_handler.parsing.mail import Mail
from bounce_handler.parsing.wording import DELAYS, FAILED

_NEWSLETTER = ("list-unsubscribe", "list-unsubscribe-post")
_TLS_REPORT = ("tls-report-domain", "tls-report-submitter")
_OF_MANY = (harmless.tells_of_totals, harmless.tells_of_waiting_mails, harmless.is_aggregate)
_QUOTED = re.compile(
    r"^[ \t>*|・-]{0,8}(?:<?[^\s<>@]{1,64}@[^\s<>@]{1,255}>?|[45][0-5]\d[ -])[^\n]{0,400}", re.MULTILINE
)
"""Lines that begin with an address or a reply, which a letter's sentences do not."""
_ANSWERED = ("re:", "re：", "返信:", "返信：")


def reports(mail: Mail) -> bool:
    """Whether it is a report of failure or delay."""
    if mail.names_failed_recipients:
        return True
    if _is_settled(mail):
        return False
    if replying.is_marked(mail):
        return _despite_its_marks(mail)
    if mail.is_from_machine:
        return _tells(mail) or (mail.speaks_of_failure and (mail.has_subject_of_failure or _returns_as_failed(mail)))
    if mail.has_null_path:
        return _despite_its_path(mail)
    return _despite_its_sender(mail)


def is_final(mail: Mail) -> bool:
    """Whether its subject or a sentence says that the message failed, whatever the code beside it."""
    told = _has_final_subject(mail) or mail.is_given_up or _states(mail)
    return told or "transcript of session" in mail.words


def _has_final_subject(mail: Mail) -> bool:
    """Whether its subject is a report's, and not one of a delay."""
    return mail.has_subject_of_failure and not any(map(mail.subject.__contains__, DELAYS))


def _is_settled(mail: Mail) -> bool:
    """Whether it is about other mails, or says that the message arrived, or waits for somebody's decision."""
    if any(name in mail.headers for name in _TLS_REPORT) or any(is_told(mail.sentences) for is_told in _OF_MANY):
        return True
    if mail.quotes_refusal:
        return False
    if harmless.tells_of_recovery(mail.sentences) and not _states(mail):
        return True
    if mail.is_delay:
        return False
    if harmless.tells_of_inbox(mail.sentences):
        return True
    if harmless.tells_of_holding(mail.sentences):
        return not (mail.has_subject_of_failure and _states(mail))
    return harmless.tells_of_arrival(mail.sentences) and not _loses_the_message(mail)


def _loses_the_message(mail: Mail) -> bool:
    """Whether it says that something failed, and that not of an attachment alone."""
    rest = harmless.without_attachments(mail.sentences)
    return _states(mail) and (rest == mail.sentences or statements.tells_of_failure(rest))


def _despite_its_marks(mail: Mail) -> bool:
    """RFC 3834's `auto-replied` is what some mail systems write into their reports too."""
    if mail.has_subject_of_failure:
        return mail.is_from_machine or (mail.quotes_refusal and _states(mail))
    if _gives_another_contact(mail):
        return mail.is_from_machine and quotations.refuses("\n".join(_QUOTED.findall(mail.notice)))
    if mail.is_from_machine:
        return _tells(mail) or _returns_as_failed(mail)
    return _refuses(mail) and _states(mail)


def _despite_its_path(mail: Mail) -> bool:
    """The null path is that of auto-replies too."""
    if mail.has_subject_of_failure and (mail.is_titled_as_report or not mail.subject.startswith(_ANSWERED)):
        return True
    if replying.answers(mail):
        return _refuses(mail) and not _gives_another_contact(mail)
    return _tells(mail) or (mail.encloses_original and not _acknowledges(mail))


def _despite_its_sender(mail: Mail) -> bool:
    """Gateways write under any name, and persons write of failures."""
    if any(name in mail.headers for name in _NEWSLETTER) or _is_personal(mail):
        return False
    if mail.quotes_refusal:
        return mail.is_titled_as_report or (mail.submitted.startswith("auto-") and _states(mail))
    return mail.is_titled_as_report and not mail.is_forwarded and (_states(mail) or mail.is_delay)


def _is_personal(mail: Mail) -> bool:
    """Whether it has the words of a letter, and neither header nor words say that a machine wrote it (RFC 3834)."""
    if not any(map(mail.words.__contains__, PERSONAL)):
        return False
    return not (mail.submitted.startswith("auto-generated") or any(map(mail.words.__contains__, MACHINES)))


def _gives_another_contact(mail: Mail) -> bool:
    """Whether it says that nobody is there, or that the address has changed."""
    return harmless.tells_of_absence(mail.sentences) or harmless.tells_of_moving(mail.sentences)


def _refuses(mail: Mail) -> bool:
    """Whether an answer quotes a refusal of this mail: neither cited nor said of mails in general."""
    return quotations.refuses(harmless.without_generalities(mail.notice[: quotations.MAX_QUOTING]))


def _tells(mail: Mail) -> bool:
    return mail.quotes_refusal or _states(mail) or mail.is_delay or mail.is_given_up


def _states(mail: Mail) -> bool:
    return mail.tells_of_failure or notices.opens(mail)


def _returns(mail: Mail) -> bool:
    """Whether it returns the original; answers quote it too, and enclose it."""
    if _acknowledges(mail):
        return False
    return bool(mail.returned) and (mail.encloses_original or not mail.subject.startswith("re:"))


def _returns_as_failed(mail: Mail) -> bool:
    """Whether it returns the original beside a word of failure that is said as a fact."""
    if not (mail.speaks_of_failure and _returns(mail)):
        return False
    said = harmless.without_generalities(mail.sentences)
    return any(map(said.__contains__, FAILED))


def _acknowledges(mail: Mail) -> bool:
    """Whether its words are an answer's: that the mail was received, or that nobody is there to read it."""
    return any(map(mail.words.__contains__, (*RESPONSES, *ACKNOWLEDGED)))
