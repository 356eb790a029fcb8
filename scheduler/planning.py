"""From an accepted job to rows: the rule table applied to what is on record (contract sections 3 and 8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.ids import IdSource
from core.jobs import Job, Note
from core.jst import rfc3339, tokyo_date
from core.kinds import DECIDING, URGENT_KINDS, Kind
from core.mail import Recipient
from core.return_path import ReturnPaths
from core.statuses import Status
from scheduler.links import LONG_LINK
from scheduler.ports import Timing
from scheduler.refusals import Refusals
from scheduler.reminders import ReminderRules
from scheduler.rules import RULE_GUIDE, Follow
from store.candidates import suppresses
from store.cipher import Cipher
from store.intake import Batch, Known, KnownApplication, KnownJob, KnownMessage

_LANES: Mapping[Kind, int] = {**dict.fromkeys(URGENT_KINDS, 0), Kind.REMINDER: 2}
_ORDINARY_LANE = 1

_NAMED_AGAIN = frozenset({None, Kind.PRE_CHECK, Kind.GUIDE})
"""Kinds (None: account-issue) for which it is worth saying that the institution was sent a guide before."""

_EXPIRING = frozenset({Kind.CODE, Kind.PASSWORD_RESET})
"""Kinds whose one mail must leave before `expires_at`; a guide has its gate before it as well."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a new message starts."""

    status: Status
    rule: str
    due_at: datetime | None
    waits_for: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Makings:
    """What rows are made with."""

    ids: IdSource
    return_paths: ReturnPaths
    cipher: Cipher
    timing: Timing
    reminders: ReminderRules


class Planner:
    """Decides and makes rows; reads and writes nothing itself."""

    def __init__(self, makings: Makings, refusals: Refusals) -> None:
        self._makings = makings
        self._refusals = refusals

    def plan(self, job: Job, found: Known, now: datetime) -> Planned:
        """What follows from a valid job at this moment. Raises Refused."""
        return Planned(self._makings, job, self._refusals.judge(job, found, now), now)


class Planned:
    """A job that will be accepted."""

    def __init__(self, makings: Makings, job: Job, decided: Follow, now: datetime) -> None:
        self._makings = makings
        self._job = job
        self._decided = decided
        self._now = now

    def write(self, batch: Batch, found: Known, publisher: str, digest: bytes) -> dict[str, Any]:
        """Add the rows to the batch and to what is known, and give the job's answer."""
        job, now = self._job, self._now
        note = self._note(found)
        rows = self._messages(found)  # first: what raises here has added nothing yet
        if job.institution is not None:
            batch.add_institution(job.institution, now)
        if job.application is not None and job.institution is not None:
            self._write_application(batch, found)
        answer = {"job_id": job.job_id, "messages": [_summary(row) for row in rows], "note": note}
        batch.jobs.append(self._job_row(publisher, digest, note, answer))
        batch.messages += rows
        batch.events += [self._accepted(row) for row in rows]
        self._release(batch, found, rows)
        found.jobs[job.job_id] = KnownJob(digest, answer)
        return answer

    def _job_row(self, publisher: str, digest: bytes, note: str | None, answer: dict[str, Any]) -> dict[str, Any]:
        job = self._job
        linked = job.application is not None and job.institution is not None
        return {
            "job_id": job.job_id,
            "kind": job.kind_name,
            "digest": digest,
            "publisher": publisher,
            "application_id": job.application.id if linked and job.application else None,
            "institution_code": job.institution.code if job.institution else None,
            "created_at": self._now,
            "note": note,
            "answer": answer,
        }

    def _note(self, found: Known) -> str | None:
        return ",".join(self._notes(found)) or None

    def _notes(self, found: Known) -> Iterator[str]:
        job = self._job
        if self._decided.note:
            yield self._decided.note
        if job.kind in _NAMED_AGAIN and self._guided_before(found):
            yield Note.GUIDE_ALREADY_SENT
        if len(job.secret.get("setup_url", "")) > LONG_LINK:
            yield Note.LONG_LINK
        if self._guide_expires_first(found):
            yield Note.GUIDE_EXPIRES_FIRST
        if job.kind in _EXPIRING and job.expires_at is not None and job.expires_at <= self._first_due(job.kind):
            yield Note.EXPIRES_FIRST
        if job.kind is Kind.REMINDER:
            yield from self._makings.reminders.notes(job, tokyo_date(self._first_due(job.kind)))

    def _guide_expires_first(self, found: Known) -> bool:
        """Whether the guide is over before it can leave at the earliest."""
        job = self._job
        if job.expires_at is None or Kind.GUIDE not in self._decided.kinds:
            return False
        return job.expires_at <= self._earliest_guide(found)

    def _earliest_guide(self, found: Known) -> datetime:
        job, timing = self._job, self._makings.timing
        assert job.application is not None
        assert job.institution is not None
        pre_check = found.messages.get(job.application.id, {}).get(Kind.PRE_CHECK)
        if pre_check is not None and pre_check.became_sent_at is not None:
            return self._guide_due(pre_check.became_sent_at)
        own = job.not_before if job.kind is None else None  # of an account-issue, it is the pre-check's too
        at = max(self._now, own or self._now)
        return self._guide_due(timing.first_due(Kind.PRE_CHECK, at, job.institution.prefecture))

    def _guide_due(self, sent_at: datetime) -> datetime:
        """When the guide goes whose pre-check became `sent` then."""
        timing = self._makings.timing
        prefecture = self._job.institution.prefecture if self._job.institution else None
        at = max(timing.guide_due(sent_at, prefecture), self._now, self._job.not_before or self._now)
        return timing.first_due(Kind.GUIDE, at, prefecture)

    def _guided_before(self, found: Known) -> bool:
        job = self._job
        if job.institution is None or job.application is None:
            return False
        return bool(found.guided.get(job.institution.code, set()) - {job.application.id})

    def _write_application(self, batch: Batch, found: Known) -> None:
        job = self._job
        assert job.application is not None
        assert job.institution is not None
        batch.add_application(job.application, job.institution.code, self._now)
        application = job.application
        fresh = KnownApplication(job.institution.code, None, application.route, application.account)
        known = found.applications.setdefault(application.id, fresh)
        known.route, known.account = application.route, application.account or known.account
        if job.kind in (None, Kind.GUIDE):
            known.issue_job_id = job.job_id
            decision = self._decided.note or "mail"
            batch.issued[job.application.id] = (job.job_id, decision)

    def _messages(self, found: Known) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for kind in self._decided.kinds:
            rows.append(self._message_row(kind, self._place(kind, found, rows)))
            self._remember(kind, rows[-1], found)
        return rows

    def _remember(self, kind: Kind, row: dict[str, Any], found: Known) -> None:
        if row["step_key"] is not None:
            found.step_keys.add(row["step_key"])
        if row["application_id"] is not None and kind in DECIDING:
            message = KnownMessage(row["id"], kind, Status(row["status"]), row["email_key"], None)
            found.add_message(row["application_id"], message)

    def _place(self, kind: Kind, found: Known, before: list[dict[str, Any]]) -> _Place:
        if kind is Kind.GUIDE:
            return self._guide_place(found, before)
        rule = self._makings.timing.rule(kind)
        if kind is not Kind.PRE_CHECK and self._suppressed(kind, found):
            return _Place(Status.SUPPRESSED, rule, None, reason="suppressed")
        return _Place(Status.SCHEDULED, rule, self._first_due(kind))

    def _first_due(self, kind: Kind) -> datetime:
        """When a mail that waits for no other one goes."""
        at = max(self._now, self._job.not_before or self._now)
        prefecture = self._job.institution.prefecture if self._job.institution else None
        return self._makings.timing.first_due(kind, at, prefecture)

    def _guide_place(self, found: Known, before: list[dict[str, Any]]) -> _Place:
        if before:
            return _Place(Status.HELD, RULE_GUIDE, None, waits_for=before[0]["id"])
        assert self._job.application is not None
        pre_check = found.messages[self._job.application.id][Kind.PRE_CHECK]
        if self._suppressed(Kind.GUIDE, found):
            return _Place(Status.SUPPRESSED, RULE_GUIDE, None, waits_for=pre_check.id, reason="suppressed")
        if pre_check.status is not Status.SENT or pre_check.became_sent_at is None:
            return _Place(Status.HELD, RULE_GUIDE, None, waits_for=pre_check.id)
        due_at = self._guide_due(pre_check.became_sent_at)
        return _Place(Status.SCHEDULED, RULE_GUIDE, due_at, waits_for=pre_check.id)

    def _suppressed(self, kind: Kind, found: Known) -> bool:
        if self._job.institution is None:
            return False
        pair = (self._job.recipient.email.lower(), self._job.institution.code)
        return suppresses(kind, found.suppressed.get(pair, frozenset()))

    def _release(self, batch: Batch, found: Known, rows: list[dict[str, Any]]) -> None:
        """The pre-check of a later application is a new probe: it releases the entry."""
        for row in rows:
            pair = (row["email_key"], row["institution_code"])
            if row["kind"] == Kind.PRE_CHECK and found.suppressed.pop(pair, None):
                batch.released.append(pair)

    def _message_row(self, kind: Kind, place: _Place) -> dict[str, Any]:
        job = self._job
        final = place.status.final
        message_id = self._makings.ids()
        return {
            "id": message_id,
            "job_id": job.job_id,
            "kind": kind,
            "status": place.status,
            "application_id": job.application.id if job.application and job.institution else None,
            "institution_code": job.institution.code if job.institution else None,
            "prefecture": job.institution.prefecture if job.institution else None,
            "email": job.recipient.email,
            "email_key": job.recipient.email.lower(),
            "recipient": recipient_column(job.recipient),
            "data": self._data(kind),
            "secret": None if final else self._secret(kind),
            "message_id_header": self._makings.return_paths.message_id_header(message_id),
            "rule": place.rule,
            "lane": lane(kind),
            "created_at": self._now,
            "due_at": place.due_at,
            "ready_at": None if final else place.due_at,
            "not_before": job.not_before,
            "expires_at": self._expires_at(kind),
            "waits_for": place.waits_for,
            "step_key": self._step_key(kind, place),
            "reason": place.reason,
        }

    def _data(self, kind: Kind) -> dict[str, Any]:
        if kind is Kind.PRE_CHECK:
            return {}
        if kind is Kind.REMINDER:
            return self._makings.reminders.data_of(self._job)
        return dict(self._job.data)

    def _secret(self, kind: Kind) -> str | None:
        return None if kind is Kind.PRE_CHECK else self._makings.cipher.encipher(self._job.secret)

    def _expires_at(self, kind: Kind) -> datetime | None:
        if kind is Kind.REMINDER:
            return self._makings.reminders.expiry_of(self._job, self._now)
        return self._job.expires_at if kind is Kind.GUIDE or kind in _EXPIRING else None

    def _step_key(self, kind: Kind, place: _Place) -> str | None:
        if kind is not Kind.REMINDER or place.due_at is None:
            return None
        return self._makings.reminders.direct_step_key(self._job, place.due_at)

    def _accepted(self, row: dict[str, Any]) -> dict[str, Any]:
        detail = {"job_id": self._job.job_id, "rule": row["rule"], "due_at": rfc3339(row["due_at"])}
        if row["reason"] is not None:
            detail["reason"] = row["reason"]
        return {
            "message_id": row["id"],
            "at": self._now,
            "type": "accepted",
            "status": row["status"],
            "detail": detail,
        }


def lane(kind: Kind) -> int:
    """Which queue a kind stands in; a lower one goes first."""
    return _LANES.get(kind, _ORDINARY_LANE)


def recipient_column(recipient: Recipient) -> dict[str, str]:
    """The person behind an address, as stored."""
    named = {
        "department": recipient.department,
        "family_name": recipient.family_name,
        "given_name": recipient.given_name,
    }
    return {key: value for key, value in named.items() if value is not None}


def _summary(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "kind": str(row["kind"]),
        "status": str(row["status"]),
        "due_at": rfc3339(row["due_at"]),
        "waits_for": row["waits_for"],
        "rule": row["rule"],
    }
