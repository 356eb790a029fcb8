"""Everything that the page of an institution shows, gathered under one pair of eyes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.kinds import Kind
from core.statuses import Status
from helpdesk.copies import weight
from helpdesk.vocabulary import Symptom
from store.address_changes import OPEN_STATES, ChangeFilter, ChangeState, change_page
from store.people import Principal
from store.reading import AnyRow
from store.reading_institutions import InstitutionRecord, institution_record
from store.reading_lists import SuppressionFilter, suppression_page
from store.reading_queues import open_work_of
from store.reading_story import Sharing, institution_events, sharing
from store.search import email_key
from web.auth import sight_of
from web.pages.mails import PreCheck, because_of_the_season, mail_view
from web.pages.timeline import Entry, entries, merged
from web.pages.vocabulary import CALM, DOUBT, LOOKS, SPENT, Look
from web.problems import not_found
from web.services import Services

_MOST = 20

_TELLING = (Kind.GUIDE, Kind.PRE_CHECK, Kind.EXISTING_USER_CONFIRM, Kind.REJECTION)
"""Mails of which the sentence speaks."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the database says of an institution, at one moment."""

    record: InstitutionRecord
    events: Mapping[str, Sequence[AnyRow]]
    sharing: Sequence[Sharing]
    suppressions: Sequence[AnyRow]
    changes: Sequence[AnyRow]
    open_work: Collection[str]


async def institution_page(services: Services, who: Principal, code: str, symptom: Symptom) -> dict[str, Any]:
    """The values of the page. Refused as not found where these eyes may see no such institution."""
    found = await _find(services, who, code)
    view = services.advisor.view_of(found.record, symptom, whole=False)
    mails = _mails(services, found)
    return {
        "institution": view["institution"],
        "summary": view["summary"],
        "look": _look(mails, view["applications"]),
        "procedure": view["procedure"],
        "applications": view["applications"],
        "reports": view["reports"],
        "mails": mails,
        "timeline": _timeline(found),
        "seen": max((row.id for rows in found.events.values() for row in rows), default=0),
        "sharing": found.sharing,
        "suppressions": found.suppressions,
        "changes": _changes(found.changes),
        "late_bounce": _late_bounce(mails),
        "open_work": [mail for mail in mails if mail["id"] in found.open_work],
        "doubts": [mail for mail in mails if mail["in_doubt"]],
    }


async def _find(services: Services, who: Principal, code: str) -> _Found:
    sight = sight_of(who)
    async with services.db.read() as conn:
        record = await institution_record(conn, code, sight)
        if record is None:
            raise not_found()
        keys = {email_key(row.email) for row in record.messages}
        suppressed = await suppression_page(conn, SuppressionFilter(institution_code=code), sight, None, _MOST)
        changes = await change_page(conn, ChangeFilter(institution_code=code), sight, None, _MOST)
        return _Found(
            record,
            await institution_events(conn, code, sight),
            await sharing(conn, code, keys, sight),
            suppressed.rows,
            changes.rows,
            await open_work_of(conn, code, sight),
        )


def _changes(rows: Sequence[AnyRow]) -> list[dict[str, Any]]:
    """Requests, newest first, that are open, and the last that is done while its notice has not been sent."""
    done = next((row for row in rows if row.state == ChangeState.DONE), None)
    shown = [row for row in rows if row.state in OPEN_STATES or (row is done and row.mail_status != Status.SENT)]
    return [{"id": row.id, "label": _change_label(row)} for row in shown]


def _change_label(row: AnyRow) -> str:
    label = ChangeState(row.state).label
    return label if row.state in OPEN_STATES else f"{label}、お知らせは{Status(row.mail_status).label(settled=False)}"


def _mails(services: Services, found: _Found) -> list[dict[str, Any]]:
    """Newest first."""
    pre_checks = {
        row.id: PreCheck(Status(row.status), found.record.status_at[row.id])
        for row in found.record.messages
        if row.kind == Kind.PRE_CHECK
    }
    return [_mail(services, found, row, pre_checks.get(row.waits_for)) for row in reversed(found.record.messages)]


def _mail(services: Services, found: _Found, row: AnyRow, pre_check: PreCheck | None) -> dict[str, Any]:
    now, prefecture = services.clock.now(), found.record.institution.prefecture
    mail = mail_view(row, now, services.timing, prefecture, pre_check, found.record.status_at[row.id])
    if mail["waiting"]:
        season = because_of_the_season(row, found.events.get(row.id, ()), services.explainer, prefecture)
        mail["because"] = season or mail["because"]
    return mail


def _timeline(found: _Found) -> list[Entry]:
    return merged(entries(found.events.get(row.id, ()), row.kind) for row in found.record.messages)


def _look(mails: Sequence[Mapping[str, Any]], applications: Sequence[Mapping[str, Any]]) -> Look:
    """Mark and tone of the sentence, by the newest guide or what stands in for it; a doubt outweighs what went well."""
    if any(mail["in_doubt"] for mail in mails) or _late_bounce(mails):
        return Look("△", DOUBT)
    telling = next((mail for mail in mails if mail["kind"] in _TELLING and mail["status"] != Status.CANCELLED), None)
    if telling is not None:
        status = Status(_speaking(telling, mails)["status"])
        lost = status is Status.SENT and _is_notice_lost(mails[: mails.index(telling)])
        return Look("△", DOUBT) if lost else LOOKS[status]
    return Look("□", CALM) if applications else Look("－", SPENT)


def _is_notice_lost(since: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the address was changed since, and the new one took no mail."""
    notice = next((mail for mail in since if mail["kind"] == Kind.ADDRESS_CHANGED), None)
    return notice is not None and _speaking(notice, since)["status"] in (Status.UNDELIVERED, Status.SUPPRESSED)


def _speaking(mail: Mapping[str, Any], mails: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of a mail and its copies the one that the sentence speaks of; `mails` stand newest first."""
    copies = [one for one in mails if all(one[key] == mail[key] for key in ("kind", "application_id"))]
    return max(copies, key=lambda one: weight(Status(one["status"])))


def _late_bounce(mails: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a guide was sent whose pre-check became 不達 afterwards (contract section 1)."""
    bounced = {mail["application_id"] for mail in mails if _is(mail, Kind.PRE_CHECK, Status.UNDELIVERED)}
    return any(_is(mail, Kind.GUIDE, Status.SENT) and mail["application_id"] in bounced for mail in mails)


def _is(mail: Mapping[str, Any], kind: Kind, status: Status) -> bool:
    return (mail["kind"], mail["status"]) == (kind, status)
