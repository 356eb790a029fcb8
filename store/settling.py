"""Settling kept reports: each is tied to its message, judged and closed, and its effect recorded, in one transaction.

Of what is closed for good the mail is cut down; one that is for a person to look at stays whole.

The rows of the reports and of their messages stay locked until the end, so that what is judged is what is, and no
two processes settle one report. What somebody else holds is left for the next round rather than waited for:
waiting for one another's messages could end in a deadlock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Any, assert_never

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import TodokeError
from core.ids import IdSource
from core.messages import Change
from core.quoting import secrets_in, without_secrets
from core.reports import (
    DELIVERY_REPORTED,
    Correlation,
    Effect,
    Judge,
    KeptReport,
    ParsedReport,
    ReadReport,
    RecipientReport,
    ReportTarget,
    ReportType,
    Unmatched,
    Wait,
    reaches,
    without_quotations,
)
from core.return_path import ReturnPaths
from core.statuses import Status
from store.bulk import update_rows
from store.cipher import Cipher, SecretUnreadable
from store.doubts import handed_over
from store.ledger import Ledger
from store.report_mails import cut_down
from store.suppressions import suppress
from store.tables import events, messages, reports

_Place = tuple[bytes, str]
"""A report's fingerprint, with its message or, where it has none, the return path it came by."""


class EffectRefused(TodokeError):
    """A change that the ledger did not take, though its message was locked: judge and transition table disagree."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows about a round of reports; `targets` are locked.

    `secrets` are those that their mails still have, enciphered.
    """

    by_header: Mapping[str, str]
    targets: Mapping[str, ReportTarget]
    secrets: Mapping[str, str]
    applied: frozenset[_Place]
    unmatched: frozenset[_Place]


async def settle(
    conn: AsyncConnection,
    ledger: Ledger,
    cipher: Cipher,
    ids: IdSource,
    read: Sequence[ReadReport],
    judge: Judge,
    again: datetime,
) -> int:
    """Settle what is still open and held by nobody else; how many reports were closed. Raises EffectRefused."""
    ours = await _claim(conn, read)
    if not ours:
        return 0
    round_ = _Round(await _look_up(conn, ours), cipher, judge)
    for report in ours:
        round_.take(report)
    await _record(conn, ledger, ids, round_.effects)
    await update_rows(conn, reports, "id", round_.closed)
    await cut_down(conn, cipher, round_.tied)
    await update_rows(conn, reports, "id", [waiting | {"next_try_at": again} for waiting in round_.waiting])
    return len(round_.closed)


async def _claim(conn: AsyncConnection, read: Sequence[ReadReport]) -> list[ReadReport]:
    query = (
        select(reports.c.id)
        .where(reports.c.id.in_([report.kept.id for report in read]), reports.c.state == "new")
        .with_for_update(skip_locked=True)
    )
    claimed = frozenset((await conn.execute(query)).scalars())
    return [report for report in read if report.kept.id in claimed]


async def _look_up(conn: AsyncConnection, ours: Sequence[ReadReport]) -> _Known:
    by_header = await _by_header(conn, ours)
    wanted = {report.kept.message_id for report in ours} | set(by_header.values())
    targets, secrets = await _lock_targets(conn, [message_id for message_id in wanted if message_id is not None])
    if any(report.parsed.type is ReportType.BOUNCE for report in ours):
        for message_id in await _reached(conn, targets):
            targets[message_id] = replace(targets[message_id], reached=True)
    settled = await _settled(conn, ours)
    return _Known(by_header, targets, secrets, settled["applied"], settled["unmatched"])


async def _by_header(conn: AsyncConnection, ours: Sequence[ReadReport]) -> Mapping[str, str]:
    """The ids of the messages that the returned mails are, by their Message-IDs."""
    headers = {header for header in map(_header, ours) if header is not None}
    named = {ReturnPaths.named_in(header) for header in headers} - {None}
    if not named:
        return {}
    query = select(messages.c.message_id_header, messages.c.id).where(
        messages.c.id.in_(named), messages.c.message_id_header.in_(headers)
    )
    return {row.message_id_header: row.id for row in await conn.execute(query)}


def _header(report: ReadReport) -> str | None:
    named = report.parsed.original_message_id
    return None if named is None else f"<{named.strip().strip('<>')}>"


async def _lock_targets(conn: AsyncConnection, wanted: Sequence[str]) -> tuple[dict[str, ReportTarget], dict[str, str]]:
    """Messages that reports are about, and their secrets."""
    if not wanted:
        return {}, {}
    query = (
        select(messages.c.id, messages.c.status, messages.c.email, messages.c.secret)
        .where(messages.c.id.in_(wanted))
        .with_for_update(skip_locked=True)
    )
    rows = (await conn.execute(query)).all()
    tried = await handed_over(conn, [row.id for row in rows if row.status == Status.IN_DOUBT])
    targets = {row.id: ReportTarget(row.id, Status(row.status), row.email, tried.get(row.id)) for row in rows}
    return targets, {row.id: row.secret for row in rows if row.secret is not None}


async def _reached(conn: AsyncConnection, ids: Collection[str]) -> frozenset[str]:
    """Those of these messages that are known to have come to their own recipients."""
    query = select(events.c.message_id, events.c.type, events.c.detail).where(
        events.c.message_id.in_(ids), events.c.type == DELIVERY_REPORTED
    )
    rows = (await conn.execute(query)).all()
    return frozenset(row.message_id for row in rows if reaches(row.type, row.detail))


async def _settled(conn: AsyncConnection, ours: Sequence[ReadReport]) -> Mapping[str, frozenset[_Place]]:
    """The same reports, as far as they were settled before. What could not be processed does not count."""
    query = select(reports.c.digest, reports.c.message_id, reports.c.token_digest, reports.c.state).where(
        reports.c.digest.in_({report.kept.fingerprint for report in ours}),
        reports.c.state.in_(("applied", "unmatched")),
        reports.c.reason.is_distinct_from("not-processed"),
    )
    rows = (await conn.execute(query)).all()
    return {
        state: frozenset((row.digest, row.message_id or row.token_digest or "") for row in rows if row.state == state)
        for state in ("applied", "unmatched")
    }


class _Round:
    """Reports judged one after the other: each sees what those before it did."""

    def __init__(self, known: _Known, cipher: Cipher, judge: Judge) -> None:
        self.closed: list[dict[str, Any]] = []
        self.waiting: list[dict[str, Any]] = []
        self.effects: list[Effect] = []
        self.tied: list[KeptReport] = []
        """Their messages, or their equals, know all that their mails said."""
        self._known = known
        self._cipher = cipher
        self._judge = judge
        self._targets = dict(known.targets)
        self._applied = set(known.applied)
        self._unmatched = set(known.unmatched)

    def take(self, report: ReadReport) -> None:
        """Judge one report, unless somebody else is at work on its message."""
        returned = self._known.by_header.get(_header(report) or "")
        message_id = _tied_to(report.kept, returned)
        target = None if message_id is None else self._targets.get(message_id)
        if message_id is not None and target is None:
            return
        secret = self._known.secrets.get(message_id or "")
        if secret is not None:
            report = self._discreet(report, secret)
        place = (report.kept.fingerprint, message_id or report.kept.token_digest)
        verdict = self._judge(report, Correlation(target, returned))
        match verdict:
            case Wait():
                self.waiting.append({"id": report.kept.id, "message_id": message_id})
            case Unmatched():
                self._set_aside(report, place, verdict, message_id)
            case Effect():
                self._apply(report, place, verdict)
            case _:
                assert_never(verdict)

    def _discreet(self, report: ReadReport, enciphered: str) -> ReadReport:
        """Without what it quotes of its mail's secret, which is about to be erased."""
        try:
            secrets = secrets_in(self._cipher.decipher(enciphered))
        except SecretUnreadable:
            return report
        return without_quotations(report, partial(without_secrets, secrets=secrets))

    def _set_aside(self, report: ReadReport, place: _Place, unmatched: Unmatched, message_id: str | None) -> None:
        if place in self._unmatched:
            self._close(report, "duplicate", None, message_id)
            return
        self._unmatched.add(place)
        self._close(report, "unmatched", unmatched.reason, message_id)
        if unmatched.note is not None:
            self.effects.append(Effect(unmatched.note))

    def _apply(self, report: ReadReport, place: _Place, effect: Effect) -> None:
        change = effect.change
        if place in self._applied:
            self._close(report, "duplicate", None, change.message_id)
            return
        self._applied.add(place)
        self._close(report, "applied", None, change.message_id)
        self.effects.append(effect)
        target = self._targets[change.message_id]
        self._targets[change.message_id] = replace(
            target,
            status=change.target or target.status,
            reached=target.reached or reaches(change.event, change.detail),
        )

    def _close(self, report: ReadReport, state: str, reason: str | None, message_id: str | None) -> None:
        closing = {
            "id": report.kept.id,
            "state": state,
            "reason": reason,
            "type": report.parsed.type,
            "parsed": _plain(report.parsed),
            "message_id": message_id,
        }
        self.closed.append(closing)
        if state != "unmatched":
            self.tied.append(report.kept)


_RECIPIENT = tuple(one.name for one in fields(RecipientReport))


def _plain(parsed: ParsedReport) -> dict[str, Any]:
    """As it is stored; `dataclasses.asdict` copies every string, and takes ten times as long."""
    recipients = [{name: getattr(recipient, name) for name in _RECIPIENT} for recipient in parsed.recipients]
    return {"type": parsed.type, "recipients": recipients, "original_message_id": parsed.original_message_id}


def _tied_to(kept: KeptReport, returned: str | None) -> str | None:
    """By the signed return path first, then by the unguessable Message-ID; never by address."""
    if kept.message_id is not None or kept.doubt == "unknown-message":
        return kept.message_id
    return returned


async def _record(conn: AsyncConnection, ledger: Ledger, ids: IdSource, effects: Sequence[Effect]) -> None:
    changes = [effect.change for effect in effects]
    for change, moved in zip(changes, await ledger.apply(conn, changes), strict=True):
        if not moved:
            raise EffectRefused(f"{change.event} of {change.message_id} to {change.target}")
    for effect in effects:
        if effect.complaint:
            await _suppress_reminders(conn, ids, effect.change)


async def _suppress_reminders(conn: AsyncConnection, ids: IdSource, change: Change) -> None:
    row: Row[Any] = (await conn.execute(select(messages).where(messages.c.id == change.message_id))).one()
    if row.institution_code is not None:
        await suppress(conn, ids(), row, "reminder", change.at, reason="feedback")
