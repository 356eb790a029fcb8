"""The mails as the sink captured them: what really went over the wire, and when by their own Date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime

from core.jst import to_tokyo
from core.kinds import Kind
from sink.server import Sink

_LINK = re.compile(r"https://www\.g-mis\.mhlw\.go\.jp/[sr]/[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Captured:
    """One mail. `at` is its Date: business time, in Asia/Tokyo."""

    kind: Kind
    to: str
    at: datetime
    header: str  # its Message-ID


async def captured_mails(sink: Sink) -> list[Captured]:
    """All of them, oldest first."""
    found = []
    for mail in reversed(sink.mails()):
        headers = BytesHeaderParser().parsebytes(await sink.raw(mail))
        at = to_tokyo(parsedate_to_datetime(str(headers["Date"])))
        to = mail.recipients[0]
        found.append(Captured(Kind(str(headers["X-Todoke-Kind"])), to, at, str(headers["Message-ID"]).strip()))
    return found


async def secret_links(sink: Sink) -> frozenset[str]:
    """The password-setting links that were mailed."""
    links: set[str] = set()
    for mail in sink.mails():
        if mail.kind in (Kind.GUIDE, Kind.PASSWORD_RESET):
            links |= links_in((await sink.read(mail)).text or "")
    return frozenset(links)


def links_in(text: str) -> frozenset[str]:
    """The links of that form in any text."""
    return frozenset(_LINK.findall(text))
