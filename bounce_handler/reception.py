"""What the listener takes and what it refuses: aiosmtpd's hooks (contract section 8).

Only the return-path domain is ours, nothing is relayed. A local part of the return path's own form that does not
verify is refused at RCPT and noted; anything else at the domain is accepted and kept. The 250 after the final dot
means that the mail is durable; where it cannot be made so the sender keeps it and tries again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session, TLSSetupException

from bounce_handler.budgets import NoteBudget
from bounce_handler.tracing import with_return_path
from core.batching import Batcher
from core.ending import within
from core.reports import Arrival
from core.return_path import ReturnPaths
from core.trouble import Trouble

log = structlog.get_logger("bounces")

KEPT = "250 2.0.0 Kept"
TOO_LARGE = "552 5.3.4 Larger than this host takes"
_LINGER_SECONDS = 0.004  # for the next mails of connections that were answered together
_KEEP_SECONDS = 60.0  # then a batch that hangs is given up: all later ones wait for it
_MOST_RECIPIENTS = 100  # what RFC 5321 section 4.5.3.1.8 asks for at least


class ReportKeeper(Protocol):
    """Where received mails are kept."""

    async def keep(self, arrivals: Sequence[Arrival]) -> Sequence[str]:
        """Keep mails durably, all or none of them; their report ids."""

    async def refuse(self, peer: str, token_digest: str) -> None:
        """Note a refused return path."""


def token_digest(local_part: str) -> str:
    """What is kept of a token: enough to recognise it, not enough to use it."""
    return hashlib.sha256(local_part.lower().encode("utf-8", "surrogateescape")).hexdigest()


class Reception:
    """One for all conversations of a listener: mails that arrive together are kept together."""

    def __init__(self, keeper: ReportKeeper, return_paths: ReturnPaths, notes: NoteBudget) -> None:
        self._keeper = keeper
        self._return_paths = return_paths
        self._notes = notes
        self._trouble = Trouble(log, "could not keep a report", "keeps reports again")
        self._note_trouble = Trouble(log, "could not note a refused return path", "notes refused return paths again")
        self._keeping: Batcher[Sequence[Arrival], None] = Batcher(self._keep, most=100, linger=_LINGER_SECONDS)

    async def handle_EHLO(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Offer what a relay can use; there is nobody to log in here."""
        session.host_name = hostname
        offered = [line for line in responses[:-1] if not line.startswith("250-AUTH")]
        return [*offered, "250 PIPELINING"]

    async def handle_VRFY(self, server: SMTP, session: Session, envelope: Envelope, address: str) -> str:
        """Tell nobody which return paths are good."""
        return "502 5.5.1 VRFY is not offered"

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept a return path that verifies, and any other address at our domain that does not look like one."""
        local_part, _, domain = address.rpartition("@")
        if domain.lower() != self._return_paths.domain and address.lower() != "postmaster":
            return "550 5.7.1 No relaying: this host takes delivery reports only"
        if self._return_paths.is_form(local_part) and self._return_paths.verify(local_part) is None:
            await self._note(peer_of(session), token_digest(local_part))
            return "550 5.1.1 Unknown return path"
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def take(self, peer: str, reverse_path: str, recipients: Sequence[str], raw: bytes) -> str:
        """Keep a mail once for each message it may be about; the reply to its final dot."""
        try:
            await self._keeping.add(self._arrivals(peer, recipients, with_return_path(raw, reverse_path)))
        except Exception:
            self._trouble.met()
            return "451 4.3.0 Cannot keep it now, please try again later"
        return KEPT

    async def handle_exception(self, error: Exception) -> str:
        """Whatever went wrong, it was not for good: the sender keeps the mail."""
        if isinstance(error, TLSSetupException):
            log.info("a conversation ended at its TLS handshake", why=repr(error.__cause__))
        else:
            log.error("a conversation went wrong", exc_info=error)
        return "451 4.3.0 Something went wrong, please try again later"

    def _arrivals(self, peer: str, recipients: Sequence[str], raw: bytes) -> list[Arrival]:
        """One for each signed return path; where there is none, one for all addresses together."""
        local_parts = [address.rpartition("@")[0] or address for address in recipients]
        signed = {self._return_paths.verify(local_part): local_part for local_part in local_parts}
        if len(signed) > 1:
            signed.pop(None, None)
        return [Arrival(peer, token_digest(local_part), message_id, raw) for message_id, local_part in signed.items()]

    async def _keep(self, mails: Sequence[Sequence[Arrival]]) -> list[None]:
        await within(_KEEP_SECONDS, self._keeper.keep([arrival for mail in mails for arrival in mail]))
        self._trouble.passed()
        return [None] * len(mails)

    async def _note(self, peer: str, digest: str) -> None:
        if not self._notes.allows(peer):
            log.info("refused a return path without noting it: there are many of them", peer=peer)
            return
        try:
            await self._keeper.refuse(peer, digest)
        except Exception:
            self._note_trouble.met()
        else:
            self._note_trouble.passed()


def peer_of(session: Session) -> str:
    """The address of the other host."""
    return str((session.peer or ("unknown",))[0])
