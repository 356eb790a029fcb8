"""`todoke status` and `todoke plan`: what happened, and what would."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.errors import TodokeError
from core.jst import TOKYO, parse_rfc3339, to_tokyo
from core.kinds import Kind
from scheduler.addresses import AddressRefused, address_key
from scheduler.fields import normalise_code
from scheduler.job_parsing import PREFECTURES
from todoke.cli.output import print_json, print_line, print_table, printable
from todoke.cli.running import open_wiring, run, settings_of_command, wrong_usage
from todoke.wiring import Wiring

_MOST = 250
_COLUMNS = {
    "kind_label": "メール",
    "label": "状態",
    "email": "宛先",
    "due": "予定",
    "sent": "送信",
    "reason": "理由",
    "id": "id",
}


class NothingKnown(TodokeError, LookupError):
    """Nothing on record under what was asked for."""


def show_status(
    institution: str | None,
    application: str | None,
    email: str | None,
    message: str | None,
    *,
    as_json: bool,
) -> None:
    """What happened, as the helpdesk sees it."""
    if message is not None and (institution, application, email) == (None, None, None):
        answer = run(_one(message))
        print_json(answer) if as_json else _print_story(answer)
    elif institution is not None and (application, email, message) == (None, None, None):
        answer = run(_institution(normalise_code(institution)))
        print_json(answer) if as_json else _print_institution(answer)
    elif message is None and (institution, application, email) != (None, None, None):
        rows = run(_several(institution, application, email))
        print_json({"items": rows}) if as_json else _print_messages(rows)
    else:
        wrong_usage("status: name --institution, --application, --email or --message (a message by itself)")


async def _one(message_id: str) -> dict[str, Any]:
    from store.reading import EVERYTHING, message_record
    from store.reading_views import record_view

    async with open_wiring() as wiring, wiring.db.read() as conn:
        record = await message_record(conn, _canonical_id(message_id), EVERYTHING)
        if record is None:
            raise NothingKnown("no message has this id")
        return record_view(record, wiring.clock.now())


def _canonical_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NothingKnown("no message has this id") from None


async def _institution(code: str) -> dict[str, Any]:
    from store.reading import EVERYTHING

    async with open_wiring() as wiring:
        view = await wiring.advisor.institution_view(code, EVERYTHING, whole=True)
    if view is None:
        raise NothingKnown("no job and no report names an institution of this code")
    return view


async def _several(institution: str | None, application: str | None, email: str | None) -> list[dict[str, Any]]:
    from store.reading import EVERYTHING, MessageFilter, message_page
    from store.reading_views import message_view

    wanted = MessageFilter(
        institution_code=None if institution is None else normalise_code(institution),
        application_id=application,
        email_key=None if email is None else _address_key(email),
    )
    async with open_wiring() as wiring, wiring.db.read() as conn:
        page = await message_page(conn, wanted, EVERYTHING, None, _MOST)
        now = wiring.clock.now()
    if not page.rows:
        raise NothingKnown("no message is on record for this")
    return [message_view(row, now, whole=True) for row in page.rows]


def _address_key(email: str) -> str:
    try:
        return address_key(email)
    except AddressRefused as refused:
        wrong_usage(f"--email: {refused}")


def _print_institution(answer: Mapping[str, Any]) -> None:
    institution = answer["institution"]
    print_line(f"{printable(institution['name'])}（{institution['code']}）")
    print_line(answer["summary"])
    for application in answer["applications"]:
        print_line()
        print_line(f"申請 {application['id']}  {application['route']} / {application['account'] or '-'}")
        _print_messages(application["messages"])
    if answer["messages"]:
        print_line()
        _print_messages(answer["messages"])
    print_line()
    _print_procedure(answer["procedure"])


def _print_procedure(procedure: Mapping[str, Any]) -> None:
    print_line(f"対応方法: {procedure['title']}（{procedure['id']}）")
    for number, step in enumerate(procedure["steps"], start=1):
        print_line(f"  {number}. {step}")
    for sentence in procedure["not_possible"]:
        print_line(f"  ※ {sentence}")
    contact = procedure["contact"]
    print_line(f"  連絡先: {contact['name']} {contact['phone']} {contact['email']}")


def _print_messages(rows: Sequence[Mapping[str, Any]]) -> None:
    print_table([_row(row) for row in rows], _COLUMNS)


def _row(message: Mapping[str, Any]) -> dict[str, Any]:
    return dict(message) | {
        "kind_label": Kind(message["kind"]).label,
        "due": _short(message["due_at"]),
        "sent": _short(message["sent_at"]),
    }


def _short(moment: str | None) -> str:
    return "" if moment is None else moment[:16].replace("T", " ")


def _print_story(answer: Mapping[str, Any]) -> None:
    _print_messages([answer])
    print_line()
    for event in answer["events"]:
        detail = ", ".join(f"{name}={value}" for name, value in event["detail"].items() if value is not None)
        print_line(printable(f"{_short(event['at'])}  {event['type']:<18} {event['status']:<12} {detail}").rstrip())


def show_plan(
    kind_name: str,
    at_text: str,
    prefecture: str | None,
    business_days: int | None,
    *,
    as_json: bool,
) -> None:
    """When a mail would go, and by which rule."""
    if kind_name not in set(Kind):
        wrong_usage(f"--kind {kind_name}: no such kind; they are {', '.join(Kind)}")
    if prefecture is not None and prefecture not in PREFECTURES:
        wrong_usage("--prefecture: must be 01 to 47")
    explainer = Wiring(settings_of_command()).explainer
    plan = explainer.explain(Kind(kind_name), moment_of("--at", at_text), prefecture, business_days).as_dict()
    if as_json:
        print_json(plan)
        return
    print_line(f"{plan['due_at']}  ({plan['rule']})")
    for sentence in plan["because"]:
        print_line(f"  {sentence}")


def moment_of(option: str, text: str) -> datetime:
    """RFC 3339; a time without offset is Asia/Tokyo's, and a date alone its first moment."""
    try:
        return parse_rfc3339(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        wrong_usage(f"{option}: must be an ISO time such as 2026-12-28T10:00:00+09:00")
    return to_tokyo(moment if moment.tzinfo else moment.replace(tzinfo=TOKYO))
