"""From what a report says of a recipient to one reason and one class: pure, by ordered tables.

The words of the reply speak first, since servers choose them with more care than numbers; then a status code that
means one thing; then the words around the reply; then vague codes and vague words. So "expired" by its code comes
after what a server quotes that gave up: that has a meaning of its own.
"""

from __future__ import annotations

import re

from bounce_handler.parsing import addresses, codes, phrases, replies
from bounce_handler.parsing.findings import Finding
from bounce_handler.parsing.phrase_index import PhraseIndex
from bounce_handler.parsing.phrases import Meaning, Unknown
from core.reports import Action, BounceClass, Reason

_TABLE = phrases.load()
_STRONG = tuple(phrase for phrase in _TABLE if not phrase.weak)
_WEAK = tuple(phrase for phrase in _TABLE if phrase.weak)
_STRONG_INDEX = PhraseIndex(phrase.words for phrase in _STRONG)
_WEAK_INDEX = PhraseIndex(phrase.words for phrase in _WEAK)
# Japanese needs no blank before an address: what is not ASCII belongs to the sentence.
_NAMES = re.compile(
    r"(?<![^\s<>()\[\]:;,\"@\x80-\U0010ffff])[^\s<>()\[\]:;,\"@\x80-\U0010ffff]++(@)|(https?://[^\s#]*+)#\S*+"
)
_ASIDE = re.compile(r"(?<=[^\x00-\x7f]) ?[（(「『<][a-z0-9@._-]{3,120}[>）)」』](?= ?[^\x00-\x7f])")
_EXIT_STATUS = re.compile(r"x-unix; ?\d{1,3}")
_HOST_NAME = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+")
_QUOTES_SERVER = re.compile(
    r"transcript of session|<<<|\b(?:said|replied|responded|answered)\b|\bremote\b"
    r"|\bserver \S{4,80}[\[(]\[?[\d.:a-f]{7}"
    r"|(?:相手|接続先|先方|送信先|宛先|リモート)の?(?:メール)?サーバ",
    re.IGNORECASE,
)
_HARD_ALWAYS = frozenset({Reason.HOSTUNKNOWN, Reason.USERUNKNOWN, Reason.HASMOVED})
_OF_THE_RECIPIENT = frozenset({Reason.MAILBOXFULL, Reason.USERUNKNOWN, Reason.SUSPEND, Reason.HASMOVED})
_NOT_A_FAILURE = frozenset({Reason.DELIVERED, Reason.VACATION, Reason.FEEDBACK})
_SUCCESS = frozenset({Action.DELIVERED, Action.RELAYED, Action.EXPANDED})
_UNKNOWN_BY_CODE = frozenset({"1.0", "1.1", "1.10", "1.351"})


def reason_of(finding: Finding) -> Reason:
    """The reason, from everything the report says of this recipient."""
    reason = _told(finding)
    if finding.command == "MAIL" and reason in _HARD_ALWAYS:
        # Whatever the code, it is the sender's address that does not exist or has moved.
        return Reason.REJECTED
    return reason


def _told(finding: Finding) -> Reason:
    if finding.action in _SUCCESS:
        return Reason.DELIVERED
    if finding.reason is not None:
        return finding.reason
    if _EXIT_STATUS.fullmatch(finding.diagnostic.strip().lower()):
        return _of_exit_status(finding)
    reply = _folded(f"{finding.remark} {finding.diagnostic}")
    return (
        _by_specific_code(finding)
        or _by_words(reply, finding)
        or _by_clear_code(finding)
        or _by_words(_folded(finding.context), finding)
        or _by_code(finding)
        or _by_weak_words(reply, finding)
        or _by_weak_words(_folded(finding.context), finding)
        or _by_default(finding, reply)
    )


def class_of(reason: Reason, finding: Finding) -> BounceClass | None:
    """hard: the address is no good. None where nothing failed."""
    if reason in _NOT_A_FAILURE:
        return None
    if reason in _HARD_ALWAYS:
        return BounceClass.HARD
    if reason is Reason.NOTACCEPT and not _is_refused_for_now(finding):
        return BounceClass.HARD
    return BounceClass.SOFT


def _folded(text: str) -> str:
    """Lower case, white space folded, and names that are no words taken out: local parts, URL fragments, asides."""
    folded = " ".join(text.lower().split())
    return _NAMES.sub(_kept, folded if folded.isascii() else _ASIDE.sub("", folded))


def _kept(match: re.Match[str]) -> str:
    return match.group(1) or match.group(2)


def _is_temporary(finding: Finding) -> bool:
    if finding.action is Action.DELAYED:
        return True
    if finding.status:
        return finding.status.startswith("4")
    return finding.smtp_code is not None and finding.smtp_code < 500


def _is_refused_for_now(finding: Finding) -> bool:
    """Whether a host or code says so; 4.0.0 in a report of delay says only that the message is still tried."""
    if finding.smtp_code is not None:
        return finding.smtp_code < 500
    still_tried = finding.action is Action.DELAYED and replies.is_general(finding.status)
    return finding.status.startswith("4") and not still_tried


def _by_specific_code(finding: Finding) -> Reason | None:
    detail = finding.status[2:]
    reason = codes.BY_STATUS[detail] if detail in codes.SPECIFIC else None
    return None if _is_unproven(reason, finding) else reason


def _by_words(text: str, finding: Finding) -> Reason | None:
    matches = _STRONG_INDEX.matches(text) if text else []
    return _resolve(_STRONG[matches[0]].meaning, finding) if matches else None


def _by_weak_words(text: str, finding: Finding) -> Reason | None:
    matches = _WEAK_INDEX.matches(text) if text else []
    return _resolve(_WEAK[matches[0]].meaning, finding) if matches else None


def _resolve(meaning: Meaning, finding: Finding) -> Reason:
    if isinstance(meaning, Reason):
        return meaning
    if finding.command == "MAIL":
        # Who or what does not exist is the sender then.
        return Reason.REJECTED
    if meaning is Unknown.HOST:
        # A resolver's "no such name" that the reporter itself calls temporary is trouble of the network.
        return Reason.NETWORKERROR if _is_temporary(finding) else Reason.HOSTUNKNOWN
    if meaning is Unknown.MX:
        # Postfix since 3.0 has other words for a null MX; its forks have these for both.
        return Reason.NETWORKERROR if finding.reporter == "x-postfix" else Reason.NOTACCEPT
    return Reason.USERUNKNOWN if _names_missing_mailbox(finding) else Reason.FILTERED


def _names_missing_mailbox(finding: Finding) -> bool:
    """Whether words like "user unknown" are to be believed.

    In a reply to DATA they are what filters say (docomo, au). They name a missing mailbox where the code says so,
    where the recipient itself was refused at RCPT, where the host that said it is named and no code says otherwise
    (the reporter spoke with it, so that it was most likely at RCPT), or where the reporting system speaks of its own
    mailboxes: it is the recipient's, or quotes no SMTP reply.
    """
    if finding.command == "RCPT" or finding.status[2:] in _UNKNOWN_BY_CODE:
        return True
    if not finding.command and finding.status.endswith(".0.0") and _HOST_NAME.fullmatch(finding.host):
        return True
    if finding.command or finding.status[2:3] == "2":
        return False
    return finding.smtp_code is None or _tells_of_its_own(finding)


def _tells_of_its_own(finding: Finding) -> bool:
    """Whether the mail system is of the recipient's domain, or one above or below it, and quotes no other server."""
    if _is_temporary(finding) or _QUOTES_SERVER.search(finding.context):
        return False
    theirs, ours = f".{finding.teller}", f".{addresses.domain(finding.address)}"
    shorter = min(theirs, ours, key=len)
    return shorter.count(".") > 1 and theirs.endswith(shorter) and ours.endswith(shorter)


def _of_exit_status(finding: Finding) -> Reason:
    """A delivery program that gave a bare exit status: its output stands beside it, if it printed any."""
    reason = _by_words(_folded(finding.context), finding)
    return reason if reason in _OF_THE_RECIPIENT else Reason.MAILERERROR


def _by_clear_code(finding: Finding) -> Reason | None:
    detail = finding.status[2:]
    reason = None if detail in codes.VAGUE else codes.BY_STATUS.get(detail)
    return None if _is_unproven(reason, finding) else reason


def _is_unproven(reason: Reason | None, finding: Finding) -> bool:
    """Whether only a 4.x.x code says that mailbox or host is missing: that it could not be found out, mostly."""
    return reason in _HARD_ALWAYS and finding.status.startswith("4") and finding.command != "MAIL"


def _by_code(finding: Finding) -> Reason | None:
    if finding.action is Action.DELAYED and finding.status[2:3] in ("", "0", "4", "5"):
        return Reason.EXPIRED
    if not replies.is_general(finding.status):
        by_status = codes.BY_STATUS.get(finding.status[2:]) or codes.BY_SUBJECT.get(finding.status[2:3])
        if _is_unproven(by_status, finding):
            return Reason.NETWORKERROR if by_status is Reason.HOSTUNKNOWN else Reason.EXPIRED
        if by_status is not None:
            return by_status
    return codes.BY_REPLY.get(finding.smtp_code or 0)


def _by_default(finding: Finding, reply: str) -> Reason:
    if finding.action is Action.DELAYED:
        return Reason.EXPIRED
    return Reason.ONHOLD if reply else Reason.UNDEFINED
