"""SMTP dialogues inside notices: who was named at RCPT, and what the server answered.

Old Sendmail, Courier, InterScan, MDaemon and Postfix's notices to the postmaster print them, each with its own
arrows. A recipient failed when his own RCPT was refused, or when DATA was after he had been accepted.
"""

from __future__ import annotations

import re

from bounce_handler.parsing import addresses, notices
from bounce_handler.parsing.findings import Finding
from bounce_handler.parsing.mail import Mail

MAX_LINES = 2000

_STAMP = r"[ \t]*(?:\w{3} [\d-]{10} [\d:]{8}: )?"
_COMMAND = re.compile(rf"^{_STAMP}(?:(?:sent )?(?:>>>|-->|in:)|sent <<<)[ \t]*([a-z]{{4}})\b(.*)$", re.IGNORECASE)
_ANSWER = re.compile(
    rf"^{_STAMP}(?:(?:received )?(?:<<<|<--|out:)|received >>>)[ \t]*(\d{{3}})[ -](.*)$", re.IGNORECASE
)
_VERDICT = re.compile(rf"^[ \t]*([45]\d\d)[ -](?:\d\.\d\.\d )?<?({addresses.PATTERN})>?\.\.\.[ \t]*(.*)$")
_SIGNS = (">>>", "<<<", "-->", "transcript of session")


def read(mail: Mail) -> list[Finding]:
    """The recipients that a dialogue in the notice shows to have failed."""
    text = mail.notice[: notices.MAX_NOTICE]
    if not any(sign in text.lower() for sign in _SIGNS):
        return []
    dialogue = _Dialogue()
    for line in text.split("\n")[:MAX_LINES]:
        dialogue.hear(line)
    return [notices.finding(*failure) for failure in dialogue.failures.values()]


class _Dialogue:
    """What has been said so far."""

    def __init__(self) -> None:
        self.failures: dict[str, tuple[str, str, str]] = {}
        self._accepted: list[str] = []
        self._named = ""
        self._command = ""

    def hear(self, line: str) -> None:
        """Take in one line of the notice."""
        if match := _COMMAND.match(line):
            self._command = match.group(1).upper()
            if self._command == "RCPT":
                self._named = addresses.first(match.group(2))
        elif match := _ANSWER.match(line):
            self._answer(match.group(1), line)
        elif match := _VERDICT.match(line):
            self._fail(match.group(2), line)

    def _answer(self, code: str, line: str) -> None:
        refused = code >= "400"
        if self._command == "RCPT" and self._named:
            if refused:
                self._fail(self._named, line)
            else:
                self._accepted.append(self._named)
        elif self._command == "DATA" and refused:
            for address in self._accepted:
                self._fail(address, line)

    def _fail(self, address: str, line: str) -> None:
        stage = self._command or "RCPT"
        self.failures.setdefault(address.lower(), (address, f"{stage} command\n{line}", line))
