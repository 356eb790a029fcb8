"""What a mail of each kind weighs."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figures import Section
from benchmarks.mails import Mail, octets
from benchmarks.plan import Plan
from core.kinds import Kind


def measure(_plan: Plan) -> Iterator[Section]:
    """One table."""
    section = Section("weights", "The sample mail of each kind on the wire: text and HTML in base64, with headers.")
    for kind in sorted(Kind, key=lambda kind: octets(Mail(kind, kind))):
        section.add(f"`{kind}`", "octets", [octets(Mail(kind, kind))])
    yield section
