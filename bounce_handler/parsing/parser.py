"""From the bytes of a mail to a report: which readers are asked, in which order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from bounce_handler.parsing import (
    addresses,
    context,
    delivery_status,
    evidence,
    feedback,
    lastresort,
    mime,
    notices,
    original,
    reasons,
    replying,
    ses,
    transcripts,
)
from bounce_handler.parsing.findings import Finding, fold
from bounce_handler.parsing.mail import Mail
from core.reports import Action, ParsedReport, Reason, RecipientReport, ReportType

_log = logging.getLogger(__name__)

_TYPES = (
    (Action.FAILED, ReportType.BOUNCE),
    (Action.DELAYED, ReportType.DELAY),
    (Action.DELIVERED, ReportType.SUCCESS),
    (Action.RELAYED, ReportType.SUCCESS),
    (Action.EXPANDED, ReportType.SUCCESS),
)
"""A mail is what its worst recipient is."""

_IN_WORDS: tuple[Callable[[Mail], list[Finding]], ...] = (
    lastresort.fields_in_text,
    notices.read,
    transcripts.read,
)
_AT_LAST: tuple[Callable[[Mail], list[Finding]], ...] = (
    lastresort.labelled,
    lastresort.failed_recipients_header,
    lastresort.mailing_list,
    lastresort.lines_with_address,
    lastresort.subject_address,
    lastresort.bare_names,
    lastresort.sole_address,
)
"""The readers of plain text, the most trustworthy first."""

_READERS = (*_IN_WORDS, *_AT_LAST)
"""Both: the later ones take addresses wherever they stand, which is too much where another report is passed on."""


def parse(raw: bytes) -> ParsedReport:
    """What the mail reports. Never raises, whatever the bytes; a mail that reports nothing is of type other.

    `read` is written and fuzzed to raise nothing either; should it do so all the same, one mail must not stop the
    listener. What went wrong is logged by its kind alone, since its text may hold addresses.
    """
    try:
        return read(raw)
    except Exception as error:
        _log.error("a mail could not be read as a report: %s", type(error).__name__)
        return ParsedReport(ReportType.OTHER)


def read(raw: bytes) -> ParsedReport:
    """What the mail reports."""
    mail = Mail(mime.read(raw))
    return _judge(mail) or _passed_on(mail) or _guessed(mail) or _unnamed(mail) or _answered(mail)


def _judge(mail: Mail) -> ParsedReport | None:
    """What is told by structure is asked before what is told in words; None where neither tells anything."""
    if feedback.is_feedback(mail):
        complaints = feedback.read(mail)
        return _answer(mail, ReportType.OTHER if complaints is None else ReportType.COMPLAINT, complaints or [])
    found = ses.read(mail) or _in_fields(mail) or replying.refused_by_receipt(mail)
    if replying.poses_as_report(mail, found) if found else _only_answers(mail):
        return _answer(mail, ReportType.AUTO_REPLY, replying.replier(mail))
    found = found or in_words(mail)
    return _answer(mail, _type(found), found) if found else None


def _only_answers(mail: Mail) -> bool:
    """Receipts, challenges and vacations report nothing of delivery."""
    if replying.is_receipt(mail) or replying.is_challenge(mail):
        return True
    return replying.is_marked(mail) and not evidence.reports(mail)


def _in_fields(mail: Mail) -> list[Finding]:
    """The machine-readable part, with what the text beside it adds."""
    found = delivery_status.read(mail.status_text) if mail.status_text else []
    if found and not found[0].address:
        found = _of_whom(mail, found[0])
    context.enrich(found, mail.notice)
    for finding in found:
        finding.action = finding.action or lastresort.action_by_codes(mail, finding)
    return found


def _of_whom(mail: Mail, told: Finding) -> list[Finding]:
    """Whose a machine-readable part without an address is: the words name him, or the message that it returns."""
    named = in_words(mail) if told.action in (Action.FAILED, None) else []
    if len(named) > 1:
        return named
    whom = named or lastresort.addressee(mail) or lastresort.sole_address(mail)
    return [replace(told, address=one.address) for one in whom] or [told]


def in_words(mail: Mail) -> list[Finding]:
    """The recipients by what the text says; none where it reports nothing."""
    if not evidence.reports(mail):
        return []
    readers = _IN_WORDS if lastresort.enclosed(mail) else _READERS
    return _told(mail, next((found for reader in readers if (found := reader(mail))), []))


def _told(mail: Mail, found: list[Finding]) -> list[Finding]:
    """The findings with what the notice says of the mail as a whole."""
    if len(found) == 1:
        context.widen(found[0], mail.notice)
    speaks = mail.is_from_robot or (mail.is_automatic and not replying.is_marked(mail))
    teller = addresses.domain(addresses.first(mail.sender)) if speaks else ""
    for finding in found:
        finding.action, finding.teller = finding.action or _action(mail, finding), teller
    return found


def _action(mail: Mail, finding: Finding) -> Action:
    """A refusal for good is none of the tries that a notice of delay speaks of."""
    if finding.status.startswith("5") or (finding.smtp_code or 0) >= 500:
        return Action.FAILED
    deferred = finding.status.startswith("4") or finding.smtp_code is not None
    waits = mail.is_delay or (deferred and not evidence.is_final(mail))
    return Action.DELAYED if waits else Action.FAILED


def _passed_on(mail: Mail) -> ParsedReport | None:
    """A report inside another mail: forwarded by a person, or wrapped by a gateway."""
    inner = (lastresort.enclosed(mail) or lastresort.quoted(mail)) if mail.is_automatic else None
    return _judge(inner) if inner else None


def _guessed(mail: Mail) -> ParsedReport | None:
    """A failure that names nobody is the addressee's of the message it returns."""
    found = lastresort.addressee(mail) if evidence.reports(mail) else []
    return _answer(mail, _type(_told(mail, found)), found) if found else None


def _unnamed(mail: Mail) -> ParsedReport | None:
    """A failure or delay that names nobody and returns nothing: it is of the one recipient of the mail it came to."""
    found = lastresort.unnamed(mail) if evidence.reports(mail) else []
    return _answer(mail, _type(_told(mail, found)), found) if found else None


def _answered(mail: Mail) -> ParsedReport:
    """A mail that reports nothing: an auto-reply without marks, or any mail."""
    if replying.is_unmarked(mail):
        return _answer(mail, ReportType.AUTO_REPLY, replying.replier(mail))
    return _answer(mail, ReportType.OTHER, [])


def _answer(mail: Mail, kind: ReportType, found: list[Finding]) -> ParsedReport:
    return ParsedReport(kind, tuple(_report(finding) for finding in found), _original_id(mail))


def _original_id(mail: Mail) -> str | None:
    """The Message-ID of ours: from what is returned, else from a field or line that the report has for it."""
    told = (mail.status_text or "", mail.notice)
    found = mail.returned_id or next((identity for text in told if (identity := original.message_id(text))), None)
    return found or replying.received_id(mail) or ses.message_id(mail)


def _type(found: list[Finding]) -> ReportType:
    if any(finding.reason is Reason.FEEDBACK for finding in found):
        return ReportType.COMPLAINT
    actions = {finding.action for finding in found}
    return next((kind for action, kind in _TYPES if action in actions), ReportType.OTHER)


def _report(finding: Finding) -> RecipientReport:
    reason = reasons.reason_of(finding)
    return RecipientReport(
        address=finding.address,
        action=finding.action,
        status=finding.status or None,
        smtp_code=finding.smtp_code,
        reason=reason,
        bounce_class=reasons.class_of(reason, finding),
        diagnostic=fold(finding.diagnostic or finding.context) or None,
    )
