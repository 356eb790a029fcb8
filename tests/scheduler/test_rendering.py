"""Messages rendered: every kind from what the store hands over, contacts of its own prefecture and of no other."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from config.periods import load_periods
from config.prefectures import load_prefectures
from config.reminders import load_reminder_policy
from core.clock import Anchor, SimulatedClock
from core.kinds import InstitutionType, Kind, Scheme
from core.mail import Institution, Recipient
from core.messages import Message, Reminder
from core.statuses import Status
from helpdesk.vocabulary import Symptom
from scheduler.calendar import BusinessCalendar
from scheduler.reminders import ReminderRules
from scheduler.rendering import ContactMissing, MessageRenderer, waiting_in_season
from scheduler.season import ReportingSeason
from templates.catalog import Catalog

DATA = {
    Kind.CODE: {"code": "123456"},
    Kind.GUIDE: {"login_id": "h1", "setup_url": "https://www.g-mis.mhlw.go.jp/s/abc"},
    Kind.EXISTING_USER_CONFIRM: {"login_id": "h1"},
    Kind.REJECTION: {"reason": "重複した申請のため"},
    Kind.PASSWORD_RESET: {"reset_url": "https://www.med-login.mhlw.go.jp/r/abc"},
    Kind.ADDRESS_CHANGED: {"login_id": "h1"},
}


@pytest.fixture(scope="module")
def renderer() -> MessageRenderer:
    prefectures = load_prefectures(None, list(Symptom))
    return MessageRenderer(Catalog.load(), prefectures, lambda own: prefectures.waiting_times(own.prefecture, 2026))


def message(kind: Kind, prefecture: str = "35", *, in_progress: bool = False) -> Message:
    reminder = Reminder(Scheme.MEDICAL_FUNCTION, 2026, date(2027, 3, 31), "L-10")
    stored: dict[str, Any] = {
        "scheme": "medical-function",
        "fiscal_year": 2026,
        "deadline": "2027-03-31",
        "step": "L-10",
    }
    return Message(
        id="01a2aa63-faa8-7000-8c03-8566dc55f3d8",
        kind=kind,
        status=Status.SENDING,
        recipient=Recipient("soumu@example.jp", "総務課", "田中", "花子"),
        institution=None
        if kind is Kind.CODE
        else Institution("351", "みなと病院", InstitutionType.HOSPITAL, prefecture),
        data=stored if kind is Kind.REMINDER else DATA.get(kind, {}),
        message_id_header="<a@b>",
        attempts=0,
        troubles=0,
        first_attempt_at=None,
        expires_at=datetime(2026, 12, 1, 3, tzinfo=UTC),
        reminder=reminder if kind is Kind.REMINDER else None,
        reminder_in_progress=in_progress,
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_rendered(renderer: MessageRenderer, kind: Kind) -> None:
    content = renderer.render(message(kind))
    assert content.subject.startswith("【厚生労働省G-MIS事務局】")
    contact = "050-3355-8230" if kind is Kind.CODE else "083-933-2924"
    assert contact in content.text
    assert contact in content.html


def test_a_report_under_way_is_told_of_the_button(renderer: MessageRenderer) -> None:
    assert "「報告」ボタン" in renderer.render(message(Kind.REMINDER, in_progress=True)).text
    assert "報告中" not in renderer.render(message(Kind.REMINDER)).text


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.CODE])
def test_no_mail_in_the_name_of_a_prefecture_without_a_contact(renderer: MessageRenderer, kind: Kind) -> None:
    with pytest.raises(ContactMissing) as missing:
        renderer.render(message(kind, "13"))
    assert missing.value.reason == "no-contact"


@pytest.mark.parametrize(("today", "desk"), [("2027-03-01", "G-MIS事務局"), ("2027-06-01", "都道府県窓口")])
def test_a_mail_names_the_desk_that_answers_in_the_season(tmp_path: Path, today: str, desk: str) -> None:
    text = '[prefectures.35]\nyears.2026.desks = { not-arrived = "secretariat" }\n'
    (tmp_path / "prefectures.toml").write_text(text, encoding="utf-8")
    prefectures = load_prefectures(tmp_path, list(Symptom))
    rules = ReminderRules(ReportingSeason(load_periods(), load_reminder_policy(), BusinessCalendar()))
    clock = SimulatedClock(Anchor(datetime.fromisoformat(f"{today}T10:00:00+09:00"), 0.0, 1.0), real=lambda: 0.0)
    renderer = MessageRenderer(Catalog.load(), prefectures, waiting_in_season(prefectures, rules, clock))
    assert f"下記の{desk}までお問い合わせ" in renderer.render(message(Kind.APPLICATION_COMPLETE)).text
