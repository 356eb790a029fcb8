"""メールアドレスの変更依頼: requested, approved by the office and done, or rejected (rules 81, 90, 91, 106-109).

A request changes nothing in mails on record: a guide that is held or scheduled goes to the address of its
application. What follows from it is one new mail, which tells the login ID to the new address.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from config.prefectures import Prefecture
from core.clock import Clock
from core.errors import FieldError
from core.ids import IdSource
from core.jst import rfc3339, tokyo_date
from core.kinds import Kind
from core.mail import Contact
from core.masking import mask_email
from core.problems import Problem, field_problem
from core.return_path import ReturnPaths
from core.statuses import Status
from helpdesk.dates import day_text
from helpdesk.vocabulary import ProcedureId, Symptom
from scheduler import present
from scheduler.calendar import BusinessCalendar
from scheduler.commands import Actor, CommandRefused
from scheduler.fields import Reader
from scheduler.job_parsing import PREFECTURES, parse_address
from scheduler.planning import lane
from scheduler.ports import Timing
from store import address_changes as store
from store import suppressions
from store.address_changes import ChangeState
from store.candidates import suppresses
from store.engine import Database
from store.people import AuditEntry, write_audit
from store.reading import AnyRow, Sight
from store.search import email_key, name_key
from store.tables import events, messages


class ChangeAdvice(Protocol):
    """What helps a caller whose person in charge has left."""

    async def advise(
        self, symptom: Symptom, institution_code: str | None, prefecture: str | None = None
    ) -> dict[str, Any]:
        """The procedure for a symptom."""


class PrefectureDesks(Protocol):
    """What differs between prefectures."""

    def __getitem__(self, code: str) -> Prefecture:
        """The prefecture; `address_change_weeks` is how long a change takes there."""

    def contact(self, code: str) -> Contact | None:
        """The prefecture's desk."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """The four items of rule 107. Without `institution_code`, `prefecture` says where the name is looked up."""

    institution_name: str
    institution_code: str | None
    prefecture: str | None
    old_email: str
    new_email: str


def parse_request(reader: Reader, sight: Sight, carrier_domains: Collection[str]) -> ChangeRequest:
    """A validated request. Raises CommandRefused with every error found."""
    name = reader.line("institution_name", required=True)
    code = reader.institution_code("institution_code") if _is_given(reader, "institution_code") else None
    prefecture = _prefecture(reader, sight)
    old_email = parse_address(reader, "old_email", carrier_domains)
    new_email = parse_address(reader, "new_email", carrier_domains)
    if old_email and new_email and email_key(old_email) == email_key(new_email):
        reader.refuse("new_email", "same", "must differ from old_email")
    reader.unknown()
    if reader.errors or name is None or old_email is None or new_email is None:
        raise CommandRefused(field_problem(reader.errors))
    return ChangeRequest(name, code, prefecture, old_email, new_email)


def _prefecture(reader: Reader, sight: Sight) -> str | None:
    """A prefecture office's own; else the one that is named, which a name without a code cannot do without."""
    needed = sight.prefecture is None and not _is_given(reader, "institution_code")
    named = reader.one_of("prefecture", PREFECTURES, required=needed)
    if named is not None and sight.prefecture not in (None, named):
        reader.refuse("prefecture", "not-yours", "must be your own prefecture, or absent")
    return sight.prefecture or named


def _is_given(reader: Reader, key: str) -> bool:
    value = reader.get(key)
    return value is not None and not (isinstance(value, str) and not value.strip())


class ChangeNotices:
    """Makes the mail that tells the login ID; planned as any other mail of its kind."""

    def __init__(self, ids: IdSource, return_paths: ReturnPaths, timing: Timing) -> None:
        self._ids = ids
        self._return_paths = return_paths
        self._timing = timing

    async def plan(self, conn: AsyncConnection, change: AnyRow, login_id: str, who: str, now: datetime) -> str:
        """Enter the mail to the new address, `suppressed` where that gets no mail; the message's id."""
        row = self._row(change, now, blocked=await _blocked(conn, change))
        await conn.execute(insert(messages).values(row | {"data": {"login_id": login_id}}))
        detail = {"address_change": change.id, "by": who, "rule": row["rule"], "due_at": rfc3339(row["due_at"])}
        if row["reason"] is not None:
            detail["reason"] = row["reason"]
        accepted = {"message_id": row["id"], "at": now, "type": "accepted", "status": row["status"], "detail": detail}
        await conn.execute(insert(events).values(accepted))
        return str(row["id"])

    def _row(self, change: AnyRow, now: datetime, *, blocked: bool) -> dict[str, Any]:
        kind, message_id = Kind.ADDRESS_CHANGED, self._ids()
        due_at = None if blocked else self._timing.first_due(kind, now, change.prefecture)
        return {
            "id": message_id,
            "kind": kind,
            "status": Status.SUPPRESSED if blocked else Status.SCHEDULED,
            "reason": "suppressed" if blocked else None,
            "institution_code": change.institution_code,
            "prefecture": change.prefecture,
            "email": change.new_email,
            "email_key": change.new_email_key,
            "recipient": {},
            "message_id_header": self._return_paths.message_id_header(message_id),
            "rule": self._timing.rule(kind),
            "lane": lane(kind),
            "created_at": now,
            "due_at": due_at,
            "ready_at": due_at,
        }


async def _blocked(conn: AsyncConnection, change: AnyRow) -> bool:
    pair = (change.new_email_key, change.institution_code)
    scopes = (await suppressions.active(conn, [pair])).get(pair, frozenset())
    return suppresses(Kind.ADDRESS_CHANGED, scopes)


class AddressChanges:
    """Takes requests and moves them on. All raise CommandRefused, with `not-found` for what the actor cannot see."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        ids: IdSource,
        notices: ChangeNotices,
        advice: ChangeAdvice,
        desks: PrefectureDesks,
        calendar: BusinessCalendar,
        carrier_domains: Collection[str],
    ) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids
        self._notices = notices
        self._advice = advice
        self._desks = desks
        self._calendar = calendar
        self._carrier_domains = carrier_domains

    async def request(self, reader: Reader, by: Actor) -> AnyRow:
        """Take a request; the same one again comes to the one on record while that is not done.

        Refused with `reapply-instead` where pre-check or guide are 不達 (rules 60, 108), `ambiguous-institution` where
        the name fits several, `already-requested` where the same new address is to replace another one.
        """
        asked = parse_request(reader, by.sight, self._carrier_domains)
        async with self._db.read() as conn:
            institution = await _institution(conn, asked, by.sight)
        await self._refuse_undelivered(institution.code)
        row = self._row(asked, institution, by)
        async with self._db.write() as conn:
            entered = await store.enter(conn, row)
            if entered.old_email_key != row["old_email_key"]:
                raise CommandRefused(Problem("already-requested", extra={"address_change_id": entered.id}))
            again = {"again": True} if entered.id != row["id"] else None
            await self._audit(conn, by, "address-change-requested", entered, again)
            return await _record(conn, entered.id, by.sight)

    def _row(self, asked: ChangeRequest, institution: AnyRow, by: Actor) -> dict[str, Any]:
        now = self._clock.now()
        first, last = self._desks[institution.prefecture].address_change_weeks
        today = tokyo_date(now)
        return {
            "id": self._ids(),
            "institution_code": institution.code,
            "institution_name": asked.institution_name,
            "old_email": asked.old_email,
            "old_email_key": email_key(asked.old_email),
            "new_email": asked.new_email,
            "new_email_key": email_key(asked.new_email),
            "state": ChangeState.REQUESTED,
            "due_from": self._calendar.next_open(today + timedelta(weeks=first), institution.prefecture),
            "due_to": self._calendar.next_open(today + timedelta(weeks=last), institution.prefecture),
            "requested_at": now,
            "requested_by": by.who.name,
        }

    async def _refuse_undelivered(self, institution_code: str) -> None:
        procedure = await self._advice.advise(Symptom.PERSON_LEFT, institution_code)
        if procedure["id"] == ProcedureId.REAPPLY:
            raise CommandRefused(Problem("reapply-instead", extra={"procedure": procedure}))

    async def approve(self, change_id: str, by: Actor) -> AnyRow:
        """The prefecture office agrees. Refused with `reapply-instead` where one of them has become 不達 meanwhile."""
        async with self._db.read() as conn:
            change = await _record(conn, change_id, by.sight)
        if change.state == ChangeState.REQUESTED:
            await self._refuse_undelivered(change.institution_code)
        values = {"state": ChangeState.APPROVED, "approved_at": self._clock.now(), "approved_by": by.who.name}
        async with self._db.write() as conn:
            if not await store.advance(conn, change_id, (ChangeState.REQUESTED,), values):
                raise await _elsewhere(conn, "change-not-requested", change_id, by.sight)
            await self._audit(conn, by, "address-change-approved", change)
            return await _record(conn, change_id, by.sight)

    async def complete(self, change_id: str, login_id: str, by: Actor) -> AnyRow:
        """The address is changed: the login ID is told to the new one, once."""
        now = self._clock.now()
        async with self._db.write(wake=True) as conn:
            change = await _record(conn, change_id, by.sight)
            message_id = await self._notices.plan(conn, change, login_id, by.who.name, now)
            told = {"login_id": login_id, "message_id": message_id}
            values = {"state": ChangeState.DONE, "done_at": now, "done_by": by.who.name, **told}
            if not await store.advance(conn, change_id, (ChangeState.APPROVED,), values):
                raise await _elsewhere(conn, "change-not-approved", change_id, by.sight)
            self._refuse_without_contact(change.prefecture)
            await self._audit(conn, by, "address-change-done", change, {"message": message_id})
            return await _record(conn, change_id, by.sight)

    async def reject(self, change_id: str, why: str, by: Actor) -> AnyRow:
        """It will not be carried out. Refused with `change-not-open` once it is done or rejected."""
        values = {"state": ChangeState.REJECTED, "rejected_at": self._clock.now(), "rejected_by": by.who.name}
        async with self._db.write() as conn:
            change = await _record(conn, change_id, by.sight)
            if not await store.advance(conn, change_id, store.OPEN_STATES, values | {"rejected_why": why}):
                raise await _elsewhere(conn, "change-not-open", change_id, by.sight)
            await self._audit(conn, by, "address-change-rejected", change, {"why": why})
            return await _record(conn, change_id, by.sight)

    def _refuse_without_contact(self, prefecture: str) -> None:
        if self._desks.contact(prefecture) is None:
            raise CommandRefused(Problem("no-contact"))

    async def _audit(
        self, conn: AsyncConnection, by: Actor, action: str, change: AnyRow, more: Mapping[str, Any] | None = None
    ) -> None:
        what = {
            "institution_code": change.institution_code,
            "old_email": mask_email(change.old_email),
            "new_email": mask_email(change.new_email),
        }
        await write_audit(conn, by.who, AuditEntry(action, change.id, what | dict(more or {})), self._clock.now())


async def _record(conn: AsyncConnection, change_id: str, sight: Sight) -> AnyRow:
    row = await store.change_record(conn, change_id, sight)
    if row is None:
        raise CommandRefused(Problem("not-found"))
    return row


async def _elsewhere(conn: AsyncConnection, problem: str, change_id: str, sight: Sight) -> CommandRefused:
    """A refusal that says how far the request is: somebody else may have been quicker."""
    return CommandRefused(Problem(problem, present.change_stands(await _record(conn, change_id, sight))))


async def _institution(conn: AsyncConnection, asked: ChangeRequest, sight: Sight) -> AnyRow:
    if asked.institution_code is None:
        return await _named(conn, asked)
    found = await store.institution_of(conn, asked.institution_code, sight)
    if found is None:
        raise CommandRefused(_unknown("not-found", "institution_code", "no institution of this code is known"))
    if asked.prefecture not in (None, found.prefecture):
        raise CommandRefused(_unknown("invalid", "prefecture", "the institution of this code lies in another one"))
    return found


async def _named(conn: AsyncConnection, asked: ChangeRequest) -> AnyRow:
    found = await store.institutions_named(conn, name_key(asked.institution_name), asked.prefecture or "")
    if not found:
        detail = "no institution of this name is known in the prefecture; give institution_code"
        raise CommandRefused(_unknown("invalid", "institution_name", detail))
    if len(found) > 1:
        candidates = [
            {"code": row.code, "name": row.name, "type": row.type, "prefecture": row.prefecture} for row in found
        ]
        raise CommandRefused(Problem("ambiguous-institution", extra={"candidates": candidates}))
    return found[0]


def _unknown(problem: str, field: str, detail: str) -> Problem:
    return Problem(problem, errors=[FieldError(field, "unknown", detail)])


def next_step(change: AnyRow, today: date) -> str:
    """What happens next and who does it, in Japanese. `today` is the date in Asia/Tokyo."""
    first, last = (day_text(day, today) for day in (change.due_from, change.due_to))
    expected = first if first == last else f"{first}から{last}まで"
    match ChangeState(change.state):
        case ChangeState.REQUESTED:
            return f"都道府県窓口で依頼の内容をご確認のうえ、承認してください。変更の完了は、{expected}の見込みです。"
        case ChangeState.APPROVED:
            return (
                "アカウントのメールアドレスを変更し、ログインIDを添えて完了を登録してください。"
                f"変更の完了は、{expected}の見込みです。"
            )
        case ChangeState.DONE:
            return _AFTER_DONE.get(Status(change.mail_status), _ON_ITS_WAY)
        case ChangeState.REJECTED:
            return "この依頼は却下されました。依頼した報告機関に、却下の理由をお知らせください。"


_RESET = (
    "そのログインIDにより、G-MISのログイン画面（URL：https://www.med-login.mhlw.go.jp/）から"
    "「パスワードをお忘れですか？」のリンクを押し、パスワードリセットを実施していただくようご案内ください。"
)
_ON_ITS_WAY = f"変更後のメールアドレス宛に、ログインIDをお知らせするメールを送信します。{_RESET}"
_NOT_TOLD = "都道府県窓口から報告機関に、ログインIDを直接お知らせください。"
_AFTER_DONE: Mapping[Status, str] = {
    Status.SENT: f"変更後のメールアドレス宛に、ログインIDをお知らせするメールを送信しました。{_RESET}",
    Status.SUPPRESSED: "変更後のメールアドレスが送信停止となっていたため、"
    f"ログインIDをお知らせするメールは送信していません。送信停止を解除して再送するか、{_NOT_TOLD}",
    Status.UNDELIVERED: f"ログインIDをお知らせするメールは、不達となりました。{_NOT_TOLD}",
    Status.CANCELLED: f"ログインIDをお知らせするメールは、取り消されました。{_NOT_TOLD}",
    Status.EXPIRED: f"ログインIDをお知らせするメールは、期限切れとなりました。{_NOT_TOLD}",
}
