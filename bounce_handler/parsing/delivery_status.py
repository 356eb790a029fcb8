"""RFC 3464 reports and their internationalised form (RFC 6533): the machine-readable part.

Tolerant of what is met: fields without blank lines between recipients or with blank lines inside one, blocks in the
wrong order, white space before the colon, the part labelled as text, and fields standing in the human-readable text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

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
_GRAVITY: dict[Action | None, int] = {Action.FAILED: 2, Action.DELAYED: 1}
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

Fields = dict[str, str]


def read(text: str) -> list[Finding]:
    """The recipients of a delivery-status body, or of several one after the other, in order."""
    message: Fields = {}
    findings: list[Finding] = []
    for group in _joined(_groups(text)):
        if _names_recipient(group):
            findings.append(_finding(group, message))
        else:
            message.update(group)
        if len(findings) >= MAX_RECIPIENTS:
            break
    return _one_each(finding for finding in findings if finding.address.rpartition("@")[0])


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
        if _GRAVITY.get(finding.action, 0) > _GRAVITY.get(earlier.action, 0):
            found[finding.address.lower()] = finding
    return list(found.values())


def _finding(group: Fields, message: Fields) -> Finding:
    diagnostic = group.get("diagnostic-code", "")
    typed = _DIAGNOSTIC_TYPE.match(diagnostic)
    reporter = typed[1].lower() if typed else ""
    # The reply of a delivery program (x-unix) is told from that of a server by its type alone.
    bare = diagnostic[typed.end() :] if typed and reporter != "x-unix" else diagnostic
    status = replies.status(group.get("status", ""))
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


def _address(group: Fields) -> str:
    """The address the sender used where the report has it: that is the one the sender knows."""
    candidates = [addresses.typed(group[name]) for name in _RECIPIENTS if name in group]
    return next((c for c in candidates if "@" in c), candidates[0] if candidates else "")


def _action(value: str, status: str) -> Action | None:
    words = value.lower().replace("(", " ").split()
    if words and words[0].strip(".,;") in _ACTIONS:
        return _ACTIONS[words[0].strip(".,;")]
    return {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.DELIVERED}.get(status[:1])
