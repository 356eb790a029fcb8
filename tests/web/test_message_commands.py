"""One message: its story, and what a person may do to it: cancel, resend, resolve."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.reports import Action, BounceClass, ParsedReport, Reason, RecipientReport, ReportType
from core.statuses import Status
from store.people import Role
from store.tables import messages

NOBODY = "01a20b11-1a80-7001-baab-85f6d60193e4"
COMMANDS = ["cancel", "resend", "resolve"]


async def command(api: Any, message_id: str, name: str, role: Role = Role.HELPDESK, **more: Any) -> Any:
    return await api.ask(role, "POST", f"/v1/messages/{message_id}/{name}", **more)


async def story(api: Any, message_id: str) -> list[tuple[str, str]]:
    events = (await api.get(f"/v1/messages/{message_id}"))["events"]
    return [(event["type"], event["status"]) for event in events]


async def row(api: Any, message_id: str) -> Any:
    async with api.wiring.db.read() as conn:
        return (await conn.execute(select(messages).where(messages.c.id == message_id))).one()


async def in_doubt(api: Any, job: Any) -> Any:
    """The first mail of a job, in doubt, and the others."""
    first, *others = await api.publish(job)
    await api.move(first["id"], Status.SENDING, Status.IN_DOUBT, ready_at=None)
    return first["id"], *(mail["id"] for mail in others)


async def test_a_message_tells_its_story_and_its_evidence(api: Any) -> None:
    [mail] = await api.publish(api.plain_job("application-complete"))
    await api.send(mail["id"])
    ours = RecipientReport(
        "SOUMU@example.jp", Action.FAILED, "5.1.1", 550, Reason.USERUNKNOWN, BounceClass.HARD, "550 no such user"
    )
    other = RecipientReport("other@example.com", Action.DELAYED, "4.0.0", None, None, None, None)
    api.later(minutes=1)
    bounce = ParsedReport(ReportType.BOUNCE, (other, ours))
    report_id = await api.report(bounce, state="applied", message_id=mail["id"], raw=b"")
    codes = {"smtp_code": 550, "enhanced_code": "5.1.1"}
    await api.move(mail["id"], Status.UNDELIVERED, reason="userunknown", bounce_class="hard", **codes)

    told = await api.get(f"/v1/messages/{mail['id']}")
    assert (told["status"], told["label"], told["reason"]) == ("undelivered", "不達", "userunknown")
    assert (told["smtp_code"], told["enhanced_code"], told["bounce_class"]) == (550, "5.1.1", "hard")
    [report] = told["delivery"]["reports"]
    assert (report["id"], report["type"], report["state"]) == (report_id, "bounce", "applied")
    assert (report["action"], report["enhanced_code"], report["diagnostic"]) == ("failed", "5.1.1", "550 no such user")
    types = [event["type"] for event in told["events"]]
    assert types == ["accepted", "sending", "sent", "undelivered"]
    assert told["events"][-1]["at"] == "2026-11-24T10:01:00+09:00"


@pytest.mark.parametrize("message_id", [NOBODY, "x", "%00", NOBODY + "0", "日本"])
async def test_an_id_that_is_none_names_no_message(api: Any, message_id: str) -> None:
    await api.publish(api.code_job())
    answer = await api.ask(Role.HELPDESK, "GET", f"/v1/messages/{message_id}")
    assert answer.status_code == 404
    for name in COMMANDS:
        body = {"outcome": "sent", "why": "電話で確認"}
        assert (await command(api, message_id, name, json=body)).status_code == 404


async def test_cancelling_a_pre_check_takes_its_guide_along(api: Any) -> None:
    pre_check, guide = await api.publish(api.job())
    answer = await command(api, pre_check["id"], "cancel")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reason"]) == ("cancelled", "withdrawn")
    followed = await api.get(f"/v1/messages/{guide['id']}")
    assert (followed["status"], followed["reason"]) == ("cancelled", "pre-check-cancelled")
    assert (await row(api, guide["id"])).secret is None
    assert (await api.audited())[0].action == "message-cancelled"


async def test_a_held_guide_can_be_cancelled_alone(api: Any) -> None:
    pre_check, guide = await api.publish(api.job())
    await api.move(pre_check["id"], Status.SENDING)
    assert (await command(api, guide["id"], "cancel")).json()["reason"] == "withdrawn"
    await api.move(pre_check["id"], Status.SENT)
    assert (await api.get(f"/v1/messages/{guide['id']}"))["status"] == "cancelled"
    assert (await api.get(f"/v1/messages/{pre_check['id']}"))["status"] == "sent"


@pytest.mark.parametrize("last", sorted(set(Status) - {Status.HELD, Status.SCHEDULED, Status.DEFERRED}))
async def test_what_has_left_or_ended_cannot_be_cancelled(sqlite_api: Any, last: Status) -> None:
    [mail] = await sqlite_api.publish(sqlite_api.code_job())
    path = {
        Status.SENDING: [Status.SENDING],
        Status.CANCELLED: [Status.CANCELLED],
        Status.EXPIRED: [Status.EXPIRED],
        Status.SUPPRESSED: [Status.SUPPRESSED],
    }.get(last, [Status.SENDING, last])
    await sqlite_api.move(mail["id"], *path)
    before = await story(sqlite_api, mail["id"])
    answer = await command(sqlite_api, mail["id"], "cancel")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/not-cancellable")
    assert await story(sqlite_api, mail["id"]) == before


async def test_a_deferred_mail_can_be_cancelled(api: Any) -> None:
    [mail] = await api.publish(api.code_job())
    await api.move(mail["id"], Status.SENDING, Status.DEFERRED, ready_at=api.clock.now())
    answer = await command(api, mail["id"], "cancel")
    assert (answer.json()["status"], answer.json()["next_attempt_at"]) == ("cancelled", None)
    assert (await row(api, mail["id"])).ready_at is None


RESENDABLE = {
    "application-complete": {},
    "rejection": {"reason": "重複\nのため"},
    "existing-user-confirm": {"login_id": "h1"},
    "address-changed": {"login_id": "h1"},
}


@pytest.mark.parametrize("kind", RESENDABLE)
async def test_a_mail_is_sent_again_as_a_new_message(api: Any, kind: str) -> None:
    account = "unpermitted" if kind == "existing-user-confirm" else "none"
    [first] = await api.publish(api.plain_job(kind, data=RESENDABLE[kind], application__account=account))
    await api.send(first["id"])
    api.later(hours=8)
    answer = await command(api, first["id"], "resend")
    assert answer.status_code == 202
    again = answer.json()
    assert again["id"] != first["id"]
    assert (again["kind"], again["status"], again["job_id"]) == (kind, "scheduled", f"{kind}-1")
    immediate = kind == "application-complete"
    assert again["due_at"] == ("2026-11-24T18:00:00+09:00" if immediate else "2026-11-25T09:00:00+09:00")
    assert again["rule"] == ("immediate" if immediate else "business-hours")
    assert again["delivery"]["resend_of"] == first["id"]
    old, new = await row(api, first["id"]), await row(api, again["id"])
    same = ["data", "recipient", "email", "application_id", "institution_code", "prefecture", "lane"]
    assert [getattr(old, name) for name in same] == [getattr(new, name) for name in same]
    assert old.message_id_header != new.message_id_header
    assert (await story(api, first["id"]))[-1] == ("resent", "sent")
    assert [event["detail"]["by"] for event in again["events"]] == ["helpdesk"]


async def test_a_mail_still_on_its_way_is_not_sent_twice(api: Any) -> None:
    [first] = await api.publish(api.plain_job("rejection", data={"reason": "重複"}))
    answer = await command(api, first["id"], "resend")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/resend-impossible")
    assert answer.json()["procedure"]["id"]
    assert len((await api.get("/v1/messages"))["items"]) == 1


async def test_a_suppressed_address_gets_nothing_sent_again_and_it_shows(api: Any) -> None:
    [first] = await api.publish(api.plain_job("application-complete"))
    hard = {"bounce_class": "hard", "reason": "userunknown"}
    await api.move(first["id"], Status.SENDING, Status.UNDELIVERED, **hard)
    again = (await command(api, first["id"], "resend")).json()
    assert (again["status"], again["reason"], again["due_at"]) == ("suppressed", "suppressed", None)
    [entry] = (await api.get("/v1/suppressions"))["items"]
    await api.ask(Role.HELPDESK, "DELETE", f"/v1/suppressions/{entry['id']}", json={"reason": "開設を確認"})
    assert (await command(api, again["id"], "resend")).json()["status"] == "scheduled"


NEVER_AGAIN = {
    "code": "reapply",
    "pre-check": "reapply",
    "guide": "ask-login-id-and-reset-password",
    "password-reset": "reset-password",
    "reminder": "press-report-button",
}


@pytest.mark.parametrize("kind", NEVER_AGAIN)
@pytest.mark.parametrize("role", [Role.HELPDESK, Role.ADMIN])
async def test_these_are_never_sent_again_and_the_answer_helps(api: Any, kind: str, role: Role) -> None:
    reset = {"reset_url": "https://www.g-mis.mhlw.go.jp/r", "expires_at": "2026-12-24T10:00:00+09:00"}
    reminder = {"fiscal_year": 2026, "deadline": "2027-03-31"}
    jobs = {
        "code": api.code_job(),
        "password-reset": api.plain_job("password-reset", data=reset),
        "reminder": api.plain_job("reminder", data=reminder),
    }
    mails = await api.publish(jobs.get(kind, api.job()))
    for mail in mails:
        await api.send(mail["id"])
    mail = next(mail for mail in mails if mail["kind"] == kind)
    answer = await command(api, mail["id"], "resend", role)
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/resend-impossible")
    assert answer.json()["procedure"]["id"] == NEVER_AGAIN[kind]
    assert len((await api.get("/v1/messages"))["items"]) == len(mails)


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.SENDING, Status.UNDELIVERED])
async def test_a_guide_is_not_sent_again_in_any_state(sqlite_api: Any, status: Status) -> None:
    pre_check, guide = await sqlite_api.publish(sqlite_api.job())
    await sqlite_api.send(pre_check["id"])
    path = {Status.SENDING: [Status.SENDING], Status.UNDELIVERED: [Status.SENDING, Status.UNDELIVERED]}
    await sqlite_api.move(guide["id"], *path.get(status, []))
    assert (await command(sqlite_api, guide["id"], "resend")).status_code == 409


async def test_a_doubt_settled_as_sent_opens_the_gate_from_now_on(api: Any) -> None:
    pre_check, guide = await in_doubt(api, api.job())
    api.later(days=2)  # Thursday
    body = {"outcome": "sent", "why": "受信者に電話で確認した。\n担当：田中様"}
    answer = await command(api, pre_check, "resolve", json=body)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["sent_at"]) == ("sent", "2026-11-24T10:00:00+09:00")  # when it was tried
    event = told["events"][-1]
    assert (event["type"], event["status"]) == ("resolved", "sent")
    assert event["detail"] == body | {"by": "helpdesk"}
    opened = await api.get(f"/v1/messages/{guide}")
    assert (opened["status"], opened["due_at"]) == ("scheduled", "2026-11-27T09:00:00+09:00")
    lines = [(line.action, line.subject, line.detail) for line in await api.audited()]
    assert ("message-resolved", pre_check, body) in lines


async def test_a_doubt_settled_as_undelivered_closes_the_gate(api: Any) -> None:
    pre_check, guide = await in_doubt(api, api.job())
    body = {"outcome": "undelivered", "why": "届いていない"}
    told = (await command(api, pre_check, "resolve", json=body)).json()
    assert (told["status"], told["reason"], told["bounce_class"]) == ("undelivered", "undefined", None)
    assert (await api.get(f"/v1/messages/{guide}"))["reason"] == "pre-check-undelivered"
    assert (await api.get("/v1/suppressions"))["items"] == []


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.IN_DOUBT, Status.HELD, Status.SCHEDULED}))
async def test_only_a_doubt_can_be_settled(sqlite_api: Any, status: Status) -> None:
    [mail] = await sqlite_api.publish(sqlite_api.code_job())
    direct = {Status.SENDING, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED, Status.DEFERRED}
    await sqlite_api.move(mail["id"], *([status] if status in direct else [Status.SENDING, status]))
    answer = await command(sqlite_api, mail["id"], "resolve", json={"outcome": "sent", "why": "x"})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/not-in-doubt")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"outcome": "sent"}, "why", "required"),
        ({"outcome": "sent", "why": " "}, "why", "empty"),
        ({"outcome": "sent", "why": "x" * 1001}, "why", "too-long"),
        ({"outcome": "sent", "why": "a\x00b"}, "why", "control-character"),
        ({"why": "x"}, "outcome", "required"),
        ({"outcome": "expired", "why": "x"}, "outcome", "choice"),
        ({"outcome": "sent", "why": "x", "at": "now"}, "at", "unknown-field"),
        ([], "", "type"),
    ],
)
async def test_settling_a_doubt_needs_a_reason(sqlite_api: Any, body: Any, field: str, code: str) -> None:
    [mail] = await in_doubt(sqlite_api, sqlite_api.code_job())
    answer = await command(sqlite_api, mail, "resolve", json=body)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert (await sqlite_api.get(f"/v1/messages/{mail}"))["status"] == "in-doubt"


async def test_a_verdict_that_is_no_json_is_unparsable(sqlite_api: Any) -> None:
    [mail] = await in_doubt(sqlite_api, sqlite_api.code_job())
    assert (await command(sqlite_api, mail, "resolve", content=b"{")).status_code == 400


async def test_each_command_leaves_one_line_in_the_audit_trail(api: Any) -> None:
    [mail] = await api.publish(api.plain_job("application-complete"))
    await api.send(mail["id"])
    again = (await command(api, mail["id"], "resend")).json()
    await command(api, again["id"], "cancel", Role.ADMIN)
    assert [(line.actor, line.action, line.subject) for line in await api.audited()] == [
        ("helpdesk", "message-resent", mail["id"]),
        ("admin", "message-cancelled", again["id"]),
    ]
