"""The message a report returns: where it begins inside text, and what identifies it."""

from __future__ import annotations

import re

from bounce_handler.parsing import addresses
from bounce_handler.parsing.phrase_index import PhraseIndex

MAX_RETURNED = 64 * 1024
"""Characters of a returned message that are looked at: its headers come first."""

_MESSAGE_ID = re.compile(
    r"^[ \t>]*+(?:(?:x-)?original-)?message-id[ \t]*+:\s*+<?+\s*+([^<>\s]{1,250})", re.IGNORECASE | re.MULTILINE
)
_CITED_ID = re.compile(
    rf"(\b(?:message|msg)[ -]?id(?:entifier)?|メッセージID)[ \t:：=#]{{0,6}}<?{addresses.PATTERN}>?"
    rf"|(\bmessage|メッセージ)[ \t]?<{addresses.PATTERN}>",
    re.IGNORECASE,
)
_ID_SIGNS = (
    "message <",
    "message-id",
    "message id",
    "msgid",
    "msg-id",
    "msg id",
    "メッセージ<",
    "メッセージ <",
    "メッセージid",
)
_TRACE = r"(?:received|return-path|delivered-to|dkim-signature|authentication-results|x-[\w-]{1,40}|message-id)"
_ANY = r"(?:from|to|date|subject|message-id|mime-version|content-type|cc|reply-to|sender)"
_HEADER_SIGNS = (
    *("received:", "return-path:", "message-id:", "delivered-to:", "dkim-signature:"),
    *("\nx-", "subject:", "\nfrom:"),
)
# Header lines begin their line (perhaps quoted): what a notice cites of the message is indented.
_HEADERS = re.compile(
    rf"^(?:> ?)?(?:{_TRACE}:[^\n]*\n(?:>?[ \t]+\S[^\n]*\n){{0,30}}(?:> ?)?[A-Za-z][\w-]{{1,40}}:"
    rf"|{_ANY}:[^\n]*\n(?:> ?)?{_ANY}:[^\n]*\n(?:> ?)?{_ANY}:)",
    re.IGNORECASE | re.MULTILINE,
)
_TO = re.compile(r"^[ \t>]*to[ \t]*:[ \t]*([^\n]*(?:\n[ \t]+\S[^\n]*){0,50})", re.IGNORECASE | re.MULTILINE)
_MARKS = re.compile(r"^(?:>[ ]?)+")
_DECORATION = re.compile(r"[ \t|>]{0,20}[-=*_#]{0,60}[ \t]{0,20}\Z")
_MAX_DECORATION = 100
_KINDS = tuple(f"{kind} message" for kind in ("original", "unsent", "returned", "undelivered", "rejected"))
"""Separators only with the right words after them: a notice may speak of the original message too."""
_SEPARATORS = (
    *_KINDS,
    "below this line is a copy",
    "below the next line is a copy",
    "enclosed is a copy of the",
    "included is a copy of the message",
    "this is a copy of the message",
    "this is a copy of your message",
    "copy of the original message",
    "copy of your message",
    "the header of the original",
    "the headers of the original",
    "header of the original message",
    "headers of the original message",
    "header of unsent message",
    "original headers",
    "original mail info",
    "message header follows",
    "message headers follow",
    "message header part follows",
    "message text follows",
    "your message reads",
    "a summary of the undelivered message",
    "元のメッセージ",
    "元のメール",
)
_INDEX = PhraseIndex(_SEPARATORS)
_AFTER_KIND = re.compile(
    r"(?: (?:headers?|follows|details|is|text|below|info|as received)\b|[ \t]*[:\-=]|[ \t]*(?:\n|\Z))"
)


def split(text: str) -> tuple[str, str]:
    """The notice and the original message quoted after it (empty when none is)."""
    lower = same_length_lower(text)
    # Most notices quote no headers, which a few plain searches tell faster than the pattern.
    headers = _HEADERS.search(text) if any(map(lower.__contains__, _HEADER_SIGNS)) else None
    start = headers.start() if headers else len(text)
    start = min(start, _separator(lower[:start]))
    return text[:start], text[start:][:MAX_RETURNED]


def same_length_lower(text: str) -> str:
    """Lower case in which every position is the text's: U+0130 is the one letter whose lower case is longer."""
    return text.replace("\u0130", "I").lower()


def _separator(text: str) -> int:
    """Where the first line stands that says the original message follows; the text's length if none does."""
    starts = [_line_of(text, _SEPARATORS[number]) for number in _INDEX.matches(text)]
    return min(starts, default=len(text))


def _line_of(text: str, phrase: str) -> int:
    """The start of the first line that holds the phrase and before it nothing but rules and quotation marks."""
    at = text.find(phrase)
    while at >= 0:
        start = text.rfind("\n", max(0, at - _MAX_DECORATION), at) + 1
        before = text[start:at].removesuffix("the ")
        fits = (start or at < _MAX_DECORATION) and _DECORATION.match(before)
        if fits and (phrase not in _KINDS or _AFTER_KIND.match(text, at + len(phrase))):
            return start
        at = text.find(phrase, at + 1)
    return len(text)


def message_id(text: str) -> str | None:
    """The first Message-ID in header lines of the text, without angle brackets."""
    match = _MESSAGE_ID.search(text)
    return match.group(1) if match else None


def without_ids(text: str) -> str:
    """The text without the Message-IDs that it calls so: a message is named by one, a recipient by an address."""
    # Most notices cite none, which a few plain searches tell faster than the pattern.
    if not any(map(text.lower().__contains__, _ID_SIGNS)):
        return text
    return _CITED_ID.sub(lambda cited: cited[1] or cited[2], text)


def addressees(text: str) -> list[str]:
    """The addresses of the first To field in header lines of the text."""
    match = _TO.search(text)
    return addresses.find(match.group(1)) if match else []


def unquote(text: str) -> str:
    """The text from its first header line on, without the marks of quotation (`> `)."""
    match = _HEADERS.search(text)
    if match is None:
        return ""
    lines = text[match.start() :].split("\n")
    return "\n".join(_MARKS.sub("", line) for line in lines)
