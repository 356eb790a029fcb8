"""From an SMTP outcome to the change it makes: 2xx sent, 4xx later, 5xx final by meaning, silence in doubt. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from core.kinds import Kind
from core.messages import CancelReason, Change, Message, Result, Taken
from core.ports import Classified, Postpone, ReplyClassifier
from core.reports import BounceClass, Reason
from core.retry import REPAIR_PAUSE, Schedule, Tries, after_trouble, doubt
from core.statuses import Status
from mailer.patience import own_wait
from mailer.session import LOGIN_WANTED
from mailer.transport import Accepted, Lost, Outcome, Refused, enhanced_code

MAX_DIAGNOSTIC = 1000

DEFERRED_BY_MEANING = frozenset({Reason.MAILBOXFULL, Reason.SYSTEMFULL, Reason.RATELIMITED})
"""5xx replies that mean "not now": a full mailbox, a full system, a rate limit (contract section 1, Retrying)."""


@dataclass(frozen=True, slots=True)
class OutcomeRules:
    """How outcomes are judged."""

    schedule: Schedule
    classify: ReplyClassifier
    doubt_waits: Callable[[Kind], bool]
    settles_at: Callable[[datetime, str | None], datetime]
    first_due: Callable[[Kind, datetime, str | None], datetime]
    """The first moment from one on at which a mail of this kind may leave, by its prefecture's calendar."""


def result_of(message: Message, outcome: Outcome, rules: OutcomeRules, lease: str, now: datetime) -> Result:
    """What records an outcome under the sender's lease."""
    match outcome:
        case Accepted():
            return _sent(message, outcome, rules, lease, now)
        case Refused():
            change = _refused(message, outcome, rules, lease, now)
        case Lost(in_doubt=True):
            change = _in_doubt(message, outcome, rules, lease, now)
        case Lost():
            change = _lost(message, outcome, rules, lease, now)
        case _:
            assert_never(outcome)
    return _in_hours(change, message, rules)


def of_the_relay(outcome: Outcome) -> bool:
    """Whether it says nothing of the mail: the relay could not be reached, or wants no mail of ours at all."""
    if isinstance(outcome, Accepted):
        return False
    wanted = isinstance(outcome, Refused) and outcome.stage == "mail" and outcome.code in LOGIN_WANTED
    return outcome.stage == "connect" or wanted


def waits_for_relay(
    message: Message, outcome: Refused | Lost, rules: OutcomeRules, until: datetime, lease: str, now: datetime
) -> Change:
    """Trouble of the relay: deferred until `until`; no try, and no interval used up. What is in doubt stays so.

    Where the hours of its kind have ended by then, it is deferred until they begin again.
    """
    if isinstance(outcome, Lost):
        values, told = _silence(outcome)
    else:
        found = rules.classify(outcome.code, enhanced_code(outcome.text), outcome.text, outcome.stage)
        values, told = _answered(outcome, _session_reason(found))
    doubtful = message.status is Status.IN_DOUBT
    target, event = (Status.IN_DOUBT, "postponed") if doubtful else (Status.DEFERRED, "deferred")
    detail = {**told, "relay": True, "next_attempt_at": until.isoformat()}
    columns = {"ready_at": until} if doubtful else {**values, "ready_at": until}
    return _in_hours(Change(message.id, target, event, now, detail, columns, lease), message, rules)


def given_back(message: Message, lease: str, now: datetime, why: str) -> Change:
    """A mail that was claimed and not tried stands where it stood before."""
    return Change(message.id, message.status, "given-back", now, {"why": why}, {"ready_at": now}, lease)


def postponed(message: Message, postpone: Postpone, lease: str, now: datetime) -> Change:
    """A mail that was claimed waits after all; it stands where it stood before."""
    detail = {"until": postpone.until.isoformat(), "why": postpone.why}
    values = {"ready_at": postpone.until} | ({"due_at": postpone.until} if message.status is Status.SCHEDULED else {})
    return Change(message.id, message.status, "postponed", now, detail, values, lease)


def held_back(message: Message, why: str, reason: str, rules: OutcomeRules, lease: str, now: datetime) -> Change:
    """A mail that cannot be made before somebody mends the set-up (rule 132): no try, and no interval used up."""
    until = rules.first_due(message.kind, now + REPAIR_PAUSE, message.prefecture)
    detail = {"why": why, "reason": reason, "alarm": True, "next_attempt_at": until.isoformat()}
    if message.status is Status.IN_DOUBT:
        return Change(message.id, Status.IN_DOUBT, "postponed", now, detail, {"ready_at": until}, lease)
    values = {"ready_at": until, "reason": reason, "diagnostic": bounded(why)}
    return Change(message.id, Status.DEFERRED, "deferred", now, detail, values, lease)


def left_in_doubt(message: Message, why: str, lease: str, now: datetime) -> Change:
    """A mail that met a fault of our own: it may have left, and waits for a report or a person."""
    of = message.kind, message.prefecture
    return doubt(message.id, _tries(message), None, now, of=of, why=bounded(why), detail={"alarm": True}, lease=lease)


def _in_hours(change: Change, message: Message, rules: OutcomeRules) -> Change:
    """With a next try at which the mail may leave: a claim before that would only put it off."""
    at: datetime | None = change.values.get("ready_at")
    if at is None:
        return change
    opens = rules.first_due(message.kind, at, message.prefecture)
    if opens == at:
        return change
    told = {**change.detail, "next_attempt_at": opens.isoformat()}
    return replace(change, detail=told, values={**change.values, "ready_at": opens})


def _sent(message: Message, outcome: Accepted, rules: OutcomeRules, lease: str, now: datetime) -> Result:
    taken = Taken(
        message_id=message.id,
        lease=lease,
        at=now,
        settles_at=rules.settles_at(now, message.prefecture),
        attempts=message.attempts + 1,
        first_attempt_at=message.first_attempt_at or now,
        smtp_code=outcome.code,
        enhanced_code=enhanced_code(outcome.text),
        reply=bounded(outcome.text),
    )
    return taken.change() if message.kind is Kind.PRE_CHECK else taken  # a guide waits for a pre-check


def _in_doubt(message: Message, outcome: Lost, rules: OutcomeRules, lease: str, now: datetime) -> Change:
    schedule = None if rules.doubt_waits(message.kind) else rules.schedule
    of, why = (message.kind, message.prefecture), bounded(outcome.detail)
    detail = {"stage": outcome.stage}
    return doubt(message.id, _tries(message), schedule, now, of=of, why=why, detail=detail, lease=lease)


def _lost(message: Message, outcome: Lost, rules: OutcomeRules, lease: str, now: datetime) -> Change:
    return _later(message, rules, lease, now, *_silence(outcome))


def _silence(outcome: Lost) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns and an event's detail of a connection that failed."""
    why = bounded(outcome.detail)
    values = {
        "reason": Reason.NETWORKERROR.value,
        "bounce_class": BounceClass.SOFT.value,
        "smtp_code": None,
        "enhanced_code": None,
        "diagnostic": why,
    }
    return values, {"stage": outcome.stage, "why": why}


def _refused(message: Message, outcome: Refused, rules: OutcomeRules, lease: str, now: datetime) -> Change:
    found = rules.classify(outcome.code, enhanced_code(outcome.text), outcome.text, outcome.stage)
    of_the_session = outcome.code in LOGIN_WANTED
    reason = _session_reason(found) if of_the_session else found.reason
    values, detail = _answered(outcome, reason)
    if outcome.code < 500 or of_the_session or reason in DEFERRED_BY_MEANING:
        return _later(message, rules, lease, now, values, detail, own_wait(outcome))
    tries = _tries(message).one_more(now)
    values |= tries.columns() | {"bounce_class": found.bounce_class.value}
    told = {"attempt": tries.attempts, **detail}
    return Change(message.id, Status.UNDELIVERED, "refused", now, told, values, lease)


def _session_reason(found: Classified) -> Reason:
    """What is said of a session is never said of a recipient."""
    return Reason.SYSTEMERROR if found.bounce_class is BounceClass.HARD else found.reason


def _answered(outcome: Refused, reason: Reason) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns and an event's detail of a refusal for now."""
    values = {"reason": reason.value, "bounce_class": BounceClass.SOFT.value, **_reply(outcome.code, outcome.text)}
    detail = {
        "stage": outcome.stage,
        "smtp_code": outcome.code,
        "reply": bounded(outcome.text),
        "reason": reason.value,
    }
    return values, detail


def _later(
    message: Message,
    rules: OutcomeRules,
    lease: str,
    now: datetime,
    values: Mapping[str, Any],
    detail: Mapping[str, Any],
    wait: timedelta | None = None,
) -> Change:
    """Tried again by the schedule; once tries have run out, 不達 with what the last one was answered.

    Not before the `wait` that a server asked for. What may have arrived before stays in doubt.
    """
    tries = _tries(message).one_more(now)
    told = {"attempt": tries.attempts, **detail}
    last = rules.schedule.last_try(tries.first_at or now, message.kind, message.prefecture)
    retry = after_trouble(rules.schedule, tries.troubles, last, now)
    columns = {**tries.columns(), "troubles": retry.used}
    at = None if retry.at is None else max(retry.at, now + (wait or timedelta()))
    if at is not None:
        told["next_attempt_at"] = at.isoformat()
    if message.status is Status.IN_DOUBT:
        return _still_in_doubt(message, columns, told, at, lease, now)
    columns |= values
    if at is None:
        columns["reason"] = CancelReason.RETRIES_EXHAUSTED
        return Change(message.id, Status.UNDELIVERED, "retries-exhausted", now, told, columns, lease)
    return Change(message.id, Status.DEFERRED, "deferred", now, told, columns | {"ready_at": at}, lease)


def _still_in_doubt(
    message: Message,
    columns: Mapping[str, Any],
    told: Mapping[str, Any],
    at: datetime | None,
    lease: str,
    now: datetime,
) -> Change:
    """What this try was answered says nothing of the one that may have arrived: a person's matter without another."""
    if at is not None:
        return Change(message.id, Status.IN_DOUBT, "deferred", now, told, {**columns, "ready_at": at}, lease)
    told = {**told, "needs_person": True, "tries": "exhausted"}
    values = {**columns, "ready_at": None, "secret": None}
    return Change(message.id, Status.IN_DOUBT, "tries-ended", now, told, values, lease)


def _tries(message: Message) -> Tries:
    return Tries(message.attempts, message.troubles, message.first_attempt_at)


def _reply(code: int, text: str) -> dict[str, Any]:
    return {"smtp_code": code, "enhanced_code": enhanced_code(text), "diagnostic": bounded(text)}


def bounded(text: str) -> str:
    """Foreign text as it may be stored: of bounded length, and no character that a database refuses."""
    if not text.isascii() or "\x00" in text:
        text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return text[:MAX_DIAGNOSTIC]
