"""What the human-readable part adds to a machine-readable one: the stage of the refusal, and missing replies."""

from __future__ import annotations

import re

from bounce_handler.parsing import quotations, replies
from bounce_handler.parsing.findings import Finding

MAX_CONTEXT = 8 * 1024

_EXCHANGE = re.compile(r"^[ \t>]*?>>> ?([A-Za-z]{4})[^\n]*\n((?:(?!>>>)[^\n]*\n?){0,12})", re.MULTILINE)
_COMMANDS = {"RCPT": "RCPT", "MAIL": "MAIL", "DATA": "DATA", "EHLO": "EHLO", "HELO": "EHLO", "AUTH": "EHLO"}
_NO_RECIPIENT_LEFT = re.compile(
    r"<<< 5\d\d[^\n]{0,40}(?:need rcpt|rcpt first|no valid recipients|need recipient)", re.IGNORECASE
)


def enrich(findings: list[Finding], notice: str) -> None:
    """Give each finding the part of the notice that speaks of it, and the SMTP stage named there."""
    text = notice[:MAX_CONTEXT]
    for finding in findings:
        finding.context = text if len(findings) == 1 else _paragraph(text, finding.address)
        if not finding.command:
            finding.command = _transcript_stage(text, finding) or replies.command(finding.context)
        if finding.smtp_code is None:
            finding.smtp_code = quotations.smtp_code(finding.context)
        if replies.is_general(finding.status):
            finding.status = quotations.status(finding.context) or finding.status


def widen(finding: Finding, notice: str) -> None:
    """Where a notice speaks of one recipient, all of it speaks of him."""
    finding.context = notice[:MAX_CONTEXT]
    finding.status = finding.status or quotations.status(finding.context)
    finding.smtp_code = finding.smtp_code or quotations.smtp_code(finding.context)


def _paragraph(text: str, address: str) -> str:
    """From the last mention of the address to the next empty line."""
    at = text.lower().rfind(f"<{address.lower()}>:")
    if at < 0:
        return ""
    return text[at:].partition("\n\n")[0]


def _transcript_stage(text: str, finding: Finding) -> str:
    """The command that Sendmail's transcript shows before the reply of this recipient.

    Sendmail pipelines, so that a reply to RCPT may stand below `>>> DATA`; that the server then asks for a
    recipient tells which it was.
    """
    if ">>>" not in text:
        return ""
    start = finding.diagnostic.strip()[:40].lower()
    for match in _EXCHANGE.finditer(text):
        answer = match.group(2).lower()
        if "<<<" not in answer or (start and start not in " ".join(answer.split()) and start not in answer):
            continue
        command = _COMMANDS.get(match.group(1).upper(), "")
        return "RCPT" if command == "DATA" and _NO_RECIPIENT_LEFT.search(match.group(2)) else command
    return ""
