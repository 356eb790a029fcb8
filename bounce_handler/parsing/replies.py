"""SMTP reply codes (RFC 5321 section 4.2), enhanced status codes (RFC 3463) and commands inside text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Not the dates of Japanese eras (R5.4.1), versions, postal codes (〒500-8384), telephone numbers or counted things.
# What may not stand before is asked behind the first digit, which is looked for fastest.
_STATUS = re.compile(
    r"([245](?<![\d.RrHhSsVv].)(?<![Vv]er.)(?<![Vv]er[. ].)(?<![Vv]er\. .)(?<!令和.)(?<!平成.)"
    r"\.\d{1,3}\.\d{1,3})(?![\d.]*\d)"
)
_MEASURED = (
    r"(?:bytes|sec(?:ond)?s?|hours|days|min(?:ute)?s?|[kmg]b|times)\b"
    r"|番(?!号)|号室|室|床|名(?!前|称)|円|件(?!名|数)|階(?!層)|通(?!信|知|常|過)|台(?!帳)|人(?!事|名)|年(?!末|齢)"
    r"|万|千|回(?!線|答)"
)
# "550 Messages from this host are not accepted" is a reply, "500 messages are queued" a number of them.
_COUNTED = (
    rf"{_MEASURED}|(?:messages|e?-?mails|users)\b"
    r"(?!'? (?:from|to|with|without|containing|larger|must|mailbox|account|inbox|quota)\b)"
)
_NO_CODE_BEFORE = r"(?<![A-DF-Za-df-z0-9_.@〒-].)(?<![A-Za-z0-9]E.)(?<!〒 .)(?<![第約全計内].)"
_NO_CODE_BEHIND = r"[A-Za-z0-9_@%]|\.\d|-\d{4}(?!\d)|[ -]\d{2,4}-\d|/\d{1,2}\b(?!\.)"
_REPLY = re.compile(
    rf"([45]{_NO_CODE_BEFORE}[0-5]\d)(?!{_NO_CODE_BEHIND}|\s?(?:{_COUNTED}))",
    re.IGNORECASE,
)
_LEADS_FIELD = re.compile(
    rf"\s*+(?:[\w-]{{1,20}};)?[\s\[(<\"'*]*+([45][0-5]\d)(?!{_NO_CODE_BEHIND}|\s?(?:{_MEASURED}))", re.IGNORECASE
)
"""A number at the start of a field is its reply, whatever follows but a unit."""
_STAGES = (
    # What an MTA says of the moment it was refused, and the command that was then being answered.
    ("DATA", ("end of data", "end-of-data", "after data", "reply to data", "our data", "data command")),
    ("DATA", ("text command", "after i sent the message", "smtp command data", "state 17)", "state 18)")),
    ("RCPT", ("rcpt", "does not like recipient", "state 13)", "state 14)")),
    ("MAIL", ("mail from:<", "mail from command", "after mail from", "mail_from", "does not like sender")),
    ("EHLO", ("helo", "ehlo", "my name was rejected")),
    ("CONN", ("initial connection", "refused to talk")),
)


def statuses(text: str) -> Iterator[re.Match[str]]:
    """Everything that has the form of an enhanced status code."""
    return _STATUS.finditer(text)


def codes(text: str) -> Iterator[re.Match[str]]:
    """Everything that has the form of an SMTP failure reply code."""
    return _REPLY.finditer(text)


def status(text: str) -> str:
    """The first enhanced status code of a failure in a field of a report, else of anything, else an empty string."""
    return preferred(match[1] for match in statuses(text))


def smtp_code(text: str) -> int | None:
    """The first SMTP failure reply in a field of a report."""
    match = _LEADS_FIELD.match(text) or _REPLY.search(text)
    return int(match[1]) if match else None


def preferred(found: Iterable[str]) -> str:
    """Of several enhanced status codes the one that says most: of a failure, and more than its class."""
    best = ""
    for code in found:
        if code[0] != "2" and not is_general(code):
            return code
        if not best or (best[0] == "2" and code[0] != "2"):
            best = code
    return best


def command(text: str) -> str:
    """The SMTP stage the text names: CONN, EHLO, MAIL, RCPT or DATA; empty when it names none."""
    contains = " ".join(text.lower().split()).__contains__
    return next((name for name, phrases in _STAGES if any(map(contains, phrases))), "")


def is_general(code: str) -> bool:
    """Whether an enhanced status code says no more than its class."""
    return not code or code.endswith(".0.0")
