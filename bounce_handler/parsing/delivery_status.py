"""RFC 3464 reports and their internationalised form (RFC 6533): the machine-readable part.

Tolerant of what is met: fields without blank lines between recipients or with blank lines inside one, blocks in the
wrong order, white space before the colon, the part labelled as text, and fields standing in the human-readable text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bounce_handler.parsing import addresses, replies
from bounce_handler.parsing.findings import Finding
from core.reports import Action

TYPES = frozenset(
    {"message/delivery-status", "message/global-delivery-status", "message/xdelivery-status"},
)
MAX_RECIPIENTS = 1000

_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]{2,40})[ \t]*:[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n")
_FINAL = "final-recipient"
_RECIPIENTS = ("original-recipient", _FINAL, "x-actual-recipient")
_OF_RECIPIENTS = frozenset({"action", "status", "diagnostic-code", "remote-mta"})
_GRAVITY: dict[Action | None, int] = {Action.FAILED: 2, Action.DELAYED: 1, None: 1}
_ACTIONS = {
    "failed": Action.FAILED,
    "failure": Action.FAILED,
    "fail": Action.FAILED,
    # Some gateways' word for a message given up after its retries: a failure in RFC 3464's terms.
    "expired": Action.FAILED,
    "delayed": Action.DELAYED,
    "deferred": Action.DELAYED,
    "delivered": Action.DELIVERED,
    "deliverable": Action.DELIVERED,
    "relayed": Action.RELAYED,
    "expanded": Action.EXPANDED,
}
_DIAGNOSTIC_TYPE = re.compile(r"^\s*([\w.-]{1,30})\s*;\s*")
_NO_MAILBOX = re.compile(r"(?:unknown (?:local )?user|(?:local )?user unknown|no such user)\b", re.IGNORECASE)

Fields = dict[str, str]


def read(text: str) -> list[Finding]:
    """The recipients of a delivery-status body, or of several one after the other, in order.

    A body that gives none of its recipients an address (a local user's bare name, X.400, a name blacked out) has
    one finding without an address, of the gravest that it says; none where it says nothing of delivery.
    """
    findings, message = _all(text)
    named = [finding for finding in findings if finding.address.rpartition("@")[0]]
    return _one_each(named) if named else _unnamed([*findings, _finding(message, {})])


def _all(text: str) -> tuple[list[Finding], Fields]:
    """What is said of each recipient, named or not, and the fields of the message as a whole."""
    message: Fields = {}
    findings: list[Finding] = []
    for group in _joined(_groups(text)):
        if _names_recipient(group):
            findings.append(_finding(group, message))
        else:
            message.update(group)
        if len(findings) >= MAX_RECIPIENTS:
            break
    return findings, message


def _unnamed(findings: Iterable[Finding]) -> list[Finding]:
    telling = [finding for finding in findings if finding.action or finding.status]
    gravest = sorted(telling, key=_gravity, reverse=True)[:1]
    return [replace(finding, address="") for finding in gravest]


def fields(text: str) -> Fields:
    """All fields of a machine-readable body as one group; of a repeated field the first."""
    group: Fields = {}
    for name, value in _FIELD.findall(text):
        group.setdefault(name.lower(), value.strip())
    return group


def _groups(text: str) -> Iterator[Fields]:
    """Groups of fields: cut at blank lines, and where a recipient field comes a second time."""
    for block in _BLANK.split(text):
        group: Fields = {}
        for name, value in _FIELD.findall(block):
            key = name.lower()
            if key == _FINAL and key in group:
                yield group
                group = {}
            group.setdefault(key, value.strip())
        if group:
            yield group


def _joined(groups: Iterable[Fields]) -> Iterator[Fields]:
    """The groups, each recipient's with those of its fields that a blank line parts from it."""
    last: Fields = {}
    for group in groups:
        if _continues(last, group):
            last |= group
            continue
        if last:
            yield last
        last = group
    if last:
        yield last


def _continues(last: Fields, group: Fields) -> bool:
    """Whether the later group has no recipient of its own, and says what is not yet said of the earlier one's."""
    if not _names_recipient(last) or _names_recipient(group):
        return False
    return not _OF_RECIPIENTS.isdisjoint(group) and last.keys().isdisjoint(group)


def _names_recipient(group: Fields) -> bool:
    return any(name in group for name in _RECIPIENTS)


def _one_each(findings: Iterable[Finding]) -> list[Finding]:
    """Of each address the gravest that is said of it: some reports tell of a delay and its end."""
    found: dict[str, Finding] = {}
    for finding in findings:
        earlier = found.setdefault(finding.address.lower(), finding)
        if _gravity(finding) > _gravity(earlier):
            found[finding.address.lower()] = finding
    return list(found.values())


def _gravity(finding: Finding) -> int:
    return _GRAVITY.get(finding.action, 0)


def _finding(group: Fields, message: Fields) -> Finding:
    diagnostic = group.get("diagnostic-code", "")
    typed = _DIAGNOSTIC_TYPE.match(diagnostic)
    reporter = typed[1].lower() if typed else ""
    status = replies.status(group.get("status", ""))
    words = diagnostic[typed.end() :] if typed else diagnostic
    # The reply of a delivery program (x-unix) is told from that of a server by its type alone.
    bare = diagnostic if reporter == "x-unix" and not _is_of_mailbox(status, words) else words
    if replies.is_general(status):
        status = replies.status(bare) or status
    return Finding(
        address=_address(group),
        action=_action(group.get("action", message.get("action", "")), status),
        status=status,
        smtp_code=replies.smtp_code(bare),
        diagnostic=bare,
        reporter=reporter,
        remark=group.get("status", "").partition("(")[2],
        command=replies.command(bare),
        host=addresses.typed(group.get("remote-mta", "")).rpartition(";")[2].strip().lower(),
    )


def _is_of_mailbox(status: str, words: str) -> bool:
    """Whether a delivery program has not failed itself, but says what is the matter with the mailbox."""
    return status[2:4] in ("1.", "2.") or _NO_MAILBOX.match(words) is not None


def _address(group: Fields) -> str:
    """The address the sender used where the report has it: that is the one the sender knows."""
    candidates = [addresses.typed(group[name]) for name in _RECIPIENTS if name in group]
    return next((c for c in candidates if "@" in c), candidates[0] if candidates else "")


def _action(value: str, status: str) -> Action | None:
    """None where no action is given and the status does not tell: a temporary one may have ended in either way."""
    words = value.lower().replace("(", " ").split()
    if words and words[0].strip(".,;") in _ACTIONS:
        return _ACTIONS[words[0].strip(".,;")]
    return {"5": Action.FAILED, "2": Action.DELIVERED}.get(status[:1])
