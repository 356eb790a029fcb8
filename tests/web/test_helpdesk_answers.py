"""Institutions, advice and dry runs as the helpdesk asks for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.kinds import Kind
from core.mail import Recipient
from core.messages import Message
from core.statuses import Status
from helpdesk.vocabulary import Symptom
from mailer.outcomes import result_of
from mailer.transaction import Refused
from store.people import Role

PROCEDURE = {"id", "title", "steps", "contact", "urls", "not_possible", "who", "version", "summary"}
CODE = "3510012345"


async def advice(api: Any, symptom: str = "not-arrived", **params: str) -> Any:
    return await api.get("/v1/advice", params={"institution_code": CODE, "symptom": symptom, **params})


async def test_an_institution_shows_its_applications_and_what_to_tell(api: Any) -> None:
    pre_check, guide = await api.publish(api.job())
    await api.send(pre_check["id"])
    page = await api.get(f"/v1/institutions/{CODE}")
    assert page["institution"] == api.job()["institution"]
    [application] = page["applications"]
    shown = {key: application[key] for key in api.job()["application"]}
    assert shown == api.job()["application"]
    assert application["decision"] == "mail"
    assert [mail["id"] for mail in application["messages"]] == [pre_check["id"], guide["id"]]
    assert page["summary"] == "G-MIS利用案内メールは 11月25日（水）以降に送信する予定です。"
    assert set(page["procedure"]) == PROCEDURE
    assert page["procedure"] == await advice(api)


async def test_the_newest_application_stands_first_and_mails_without_one_apart(api: Any) -> None:
    await api.publish(api.job())
    api.later(days=1)
    reset = {"reset_url": "https://www.g-mis.mhlw.go.jp/r", "expires_at": "2026-12-24T10:00:00+09:00"}
    again = api.job(job_id="again", application__id="A-2")
    await api.publish(again, api.plain_job("password-reset", data=reset) | {"application": None})
    page = await api.get(f"/v1/institutions/{CODE}")
    assert [application["id"] for application in page["applications"]] == ["A-2", "A-1001"]
    assert [mail["kind"] for mail in page["messages"]] == ["password-reset"]


async def test_a_decision_without_mail_is_recorded_for_the_helpdesk(api: Any) -> None:
    await api.publish(api.job(application__account="permitted"))
    [application] = (await api.get(f"/v1/institutions/{CODE}"))["applications"]
    assert (application["decision"], application["messages"]) == ("no-mail-permitted", [])
    assert (await advice(api))["id"] == "confirm-permission"


@pytest.mark.parametrize("code", ["3599999999", "x", "%00", "35%2F1", "1" * 21, "%E3%81%82"])
async def test_an_unknown_institution_is_not_found(api: Any, code: str) -> None:
    assert (await api.ask(Role.HELPDESK, "GET", f"/v1/institutions/{code}")).status_code == 404


async def test_a_code_is_found_however_wide_it_is_typed(api: Any) -> None:
    await api.publish(api.job())
    assert (await api.get("/v1/institutions/３５１００１２３４５"))["institution"]["code"] == CODE


@pytest.mark.parametrize("symptom", Symptom)
async def test_each_symptom_has_an_answer_known_institution_or_not(sqlite_api: Any, symptom: str) -> None:
    unknown = await advice(sqlite_api, symptom)
    await sqlite_api.publish(sqlite_api.job())
    known = await advice(sqlite_api, symptom)
    nobody = await sqlite_api.get("/v1/advice", params={"symptom": symptom})
    for answer in (unknown, known, nobody):
        assert set(answer) == PROCEDURE
        assert answer["steps"]
    assert known["contact"]["name"] in ("山口県医療政策課", "厚生労働省 G-MIS事務局")


async def test_advice_follows_what_became_of_the_mails(api: Any) -> None:
    assert (await advice(api))["id"] == "contact-prefecture"
    await api.publish(api.job(application__received_on="2026-11-20"))
    assert (await advice(api))["id"] == "wait"
    pre_check, guide = [item["id"] for item in reversed((await api.get("/v1/messages"))["items"])]
    await api.send(pre_check)
    await api.send(guide)
    assert (await advice(api))["id"] == "check-spam-folder"
    assert (await advice(api, "lost-guide"))["id"] == "ask-login-id-and-reset-password"
    api.later(hours=1)
    await api.move(guide, Status.UNDELIVERED, reason="mailboxfull", bounce_class="soft")
    assert (await advice(api))["id"] == "reapply"
    assert (await advice(api, "mailbox-full"))["id"] == "free-mailbox"


@pytest.mark.parametrize("reply", [(452, "Mailbox full"), (552, "Mailbox is full"), (552, "5.2.2 over quota")])
async def test_a_full_mailbox_is_told_also_where_tries_ran_out_over_it(api: Any, reply: tuple[int, str]) -> None:
    pre_check, guide = [mail["id"] for mail in await api.publish(api.job())]
    await api.send(pre_check)
    await api.move(guide, Status.SENDING)
    tried = Message(
        id=guide,
        kind=Kind.GUIDE,
        status=Status.SENDING,
        recipient=Recipient("soumu@example.jp"),
        institution=None,
        data={},
        message_id_header="<m@example.jp>",
        attempts=20,
        troubles=20,
        first_attempt_at=api.clock.now() - timedelta(days=30),
        expires_at=None,
    )
    change = result_of(tried, Refused(*reply, "rcpt"), api.wiring.outcome_rules, "a sender", api.clock.now())
    assert await api.wiring.ledger.record([change]) == [True]
    assert (await api.get(f"/v1/messages/{guide}"))["reason"] == "retries-exhausted"
    assert (await advice(api, "mailbox-full"))["id"] == "free-mailbox"


async def test_a_late_failure_of_the_pre_check_warns_but_advice_follows_the_guide(api: Any) -> None:
    pre_check, guide = await api.publish(api.job())
    await api.send(pre_check["id"])
    await api.send(guide["id"])
    api.later(days=1)
    await api.move(pre_check["id"], Status.UNDELIVERED, reason="userunknown")
    page = await api.get(f"/v1/institutions/{CODE}")
    assert "届いていないおそれ" in page["summary"]
    assert "11月25日（水）に不達" in page["summary"]
    assert page["procedure"]["id"] == "check-spam-folder"


async def test_advice_knows_the_report(api: Any) -> None:
    report = {"institution": api.job()["institution"], "status": "in-progress", "last_year_data": False}
    answer = await api.ask(Role.PUBLISHER, "PUT", f"/v1/reports/2026/{CODE}", json=report)
    assert answer.status_code == 200
    [shown] = (await api.get(f"/v1/institutions/{CODE}"))["reports"]
    assert (shown["status"], shown["scheme"], shown["last_year_data"]) == ("in-progress", "medical-function", False)
    told = await advice(api, "reminded-though-reported")
    assert told["id"] == "press-report-button"


async def test_who_reports_on_paper_is_told_so_until_a_report_is_made_online(api: Any) -> None:
    report = {"institution": api.job()["institution"], "status": "not-started"}
    for channel, right in (("paper", "report-on-paper"), ("online", "press-report-button")):
        body = report | {"channel": channel}
        assert (await api.ask(Role.PUBLISHER, "PUT", f"/v1/reports/2026/{CODE}", json=body)).status_code == 200
        assert (await advice(api, "reminded-though-reported"))["id"] == right
        on_paper = any("G-MISからのメールは送信されません" in step for step in (await advice(api))["steps"])
        assert on_paper is (channel == "paper")
        api.later(hours=1)


async def test_a_period_is_told_only_where_the_prefecture_is_known(api: Any) -> None:
    api.later(days=45)  # 8 January, within the national period
    general = await api.get("/v1/advice", params={"symptom": "report-button-greyed"})
    assert general["id"] == "check-period"
    assert not any("3月31日" in step for step in general["steps"])
    assert general["steps"][-1].startswith("都道府県からのご案内") or "新規報告" in general["steps"][-1]
    await api.publish(api.job())
    assert any("3月31日" in step for step in (await advice(api, "report-button-greyed"))["steps"])


async def test_the_usual_day_of_an_account_is_a_business_day(api: Any) -> None:
    api.later(days=25)
    days = {"application__received_on": "2026-12-18", "application__approved_on": "2026-12-19"}
    await api.publish(api.plain_job("application-complete", **days))  # two weeks after the approval is 2 January
    assert any("目安は1月4日（月）頃まで" in step for step in (await advice(api))["steps"])


async def test_a_grey_button_within_the_period_is_last_years_missing_data_whatever_the_report_said(api: Any) -> None:
    report = {"institution": api.job()["institution"], "status": "not-started"}
    assert (await api.ask(Role.PUBLISHER, "PUT", f"/v1/reports/2026/{CODE}", json=report)).status_code == 200
    assert (await advice(api, "report-button-greyed"))["id"] == "check-period"
    api.later(days=45)  # 8 January
    assert (await advice(api, "report-button-greyed"))["id"] == "use-new-report"


async def test_an_office_is_told_of_unknown_institutions_with_its_own_contact(api: Any) -> None:
    told = await api.get("/v1/advice?symptom=not-arrived&institution_code=35999", Role.PREFECTURE)
    assert told["contact"]["name"] == "山口県医療政策課"


@pytest.mark.parametrize(
    ("params", "field", "code"),
    [
        ({"institution_code": CODE}, "symptom", "required"),
        ({"symptom": ""}, "symptom", "required"),
        ({"symptom": "headache"}, "symptom", "choice"),
        ({"symptom": "not-arrived", "institution_code": "a/b"}, "institution_code", "format"),
        ({"symptom": "not-arrived", "code": CODE}, "code", "unknown-field"),
    ],
)
async def test_bad_questions_are_refused_by_their_field(
    sqlite_api: Any, params: dict[str, str], field: str, code: str
) -> None:
    answer = await sqlite_api.ask(Role.HELPDESK, "GET", "/v1/advice", params=params)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    ("params", "due_at", "rule"),
    [
        ({"kind": "code", "at": "2026-11-23T03:00:00+09:00"}, "2026-11-23T03:00:00+09:00", "immediate"),
        ({"kind": "pre-check", "at": "2026-12-28T16:59:59+09:00"}, "2026-12-28T16:59:59+09:00", "business-hours"),
        ({"kind": "pre-check", "at": "2026-12-28T17:00:00+09:00"}, "2027-01-04T09:00:00+09:00", "business-hours"),
        (
            {"kind": "guide", "at": "2026-12-28T16:59:00+09:00"},
            "2027-01-04T09:00:00+09:00",
            "next-business-day-after-pre-check",
        ),
        (
            {"kind": "guide", "at": "2026-12-28T07:59:00Z", "business_days": "9", "prefecture": "35"},
            "2027-01-15T09:00:00+09:00",
            "next-business-day-after-pre-check",
        ),
        (
            {"kind": "code", "at": "2026-11-23T03:00:00+09:00", "business_days": "0"},
            "2026-11-23T03:00:00+09:00",
            "immediate",
        ),
        ({"kind": "code", "at": "1949-01-01T00:00:00+09:00"}, "1949-01-01T00:00:00+09:00", "immediate"),
        ({"kind": "code", "at": "2099-12-31T23:59:59+09:00"}, "2099-12-31T23:59:59+09:00", "immediate"),
        ({"kind": "pre-check", "at": "2099-12-31T23:59:59+09:00"}, "2100-01-04T09:00:00+09:00", "business-hours"),
        ({"kind": "reminder", "at": "2099-12-31T12:00:00+09:00"}, "2100-01-04T09:00:00+09:00", "business-hours"),
        (
            {"kind": "guide", "at": "2099-12-28T10:00:00+09:00", "prefecture": "35"},
            "2100-01-04T09:00:00+09:00",
            "next-business-day-after-pre-check",
        ),
    ],
)
async def test_a_dry_run_says_when_and_why(sqlite_api: Any, params: dict[str, str], due_at: str, rule: str) -> None:
    told = await sqlite_api.get("/v1/plan", Role.PUBLISHER, params=params)
    assert (told["due_at"], told["rule"]) == (due_at, rule)
    assert told["because"]
    assert (await sqlite_api.get("/v1/messages"))["items"] == []


async def test_a_plus_sign_in_a_dry_run_is_understood(sqlite_api: Any) -> None:
    told = await sqlite_api.get("/v1/plan?kind=code&at=2026-11-24T10:00:00+09:00")
    assert told["due_at"] == "2026-11-24T10:00:00+09:00"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"at": "2026-11-24T10:00:00Z"}, "kind"),
        ({"kind": "account-issue", "at": "2026-11-24T10:00:00Z"}, "kind"),
        ({"kind": "code"}, "at"),
        ({"kind": "code", "at": "2026-11-24T10:00:00"}, "at"),
        ({"kind": "code", "at": "2026-11-24"}, "at"),
        ({"kind": "code", "at": "1948-12-31T23:59:59+09:00"}, "at"),
        ({"kind": "code", "at": "2100-01-01T00:00:00+09:00"}, "at"),
        ({"kind": "code", "at": "0001-01-01T00:00:00+09:00"}, "at"),
        ({"kind": "pre-check", "at": "2100-01-01T00:00:00+09:00"}, "at"),
        ({"kind": "guide", "at": "2099-12-31T10:00:00+09:00", "business_days": "6"}, "at"),
        ({"kind": "guide", "at": "2026-11-24T10:00:00Z", "business_days": "90000"}, "at"),
        ({"kind": "guide", "at": "2026-11-24T10:00:00Z", "business_days": "0"}, "business_days"),
        ({"kind": "guide", "at": "2026-11-24T10:00:00Z", "business_days": "1.5"}, "business_days"),
        ({"kind": "code", "at": "2026-11-24T10:00:00Z", "prefecture": "48"}, "prefecture"),
        ({"kind": "code", "at": "2026-11-24T10:00:00Z", "when": "now"}, "when"),
    ],
)
async def test_a_bad_dry_run_is_refused_by_its_field(sqlite_api: Any, params: dict[str, str], field: str) -> None:
    answer = await sqlite_api.ask(Role.PUBLISHER, "GET", "/v1/plan", params=params)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
