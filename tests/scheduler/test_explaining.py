"""Why a reminder is due when it is due, step by step."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from config.settings import Settings
from core.jst import TOKYO
from core.kinds import Kind
from scheduler.explaining import Explainer
from todoke.wiring import Wiring


@pytest.fixture
def explainer(tmp_path: Path) -> Explainer:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "spreading.toml").write_text("[prefectures]\n35 = 600\n")
    return Wiring(Settings(data_dir=tmp_path, config_dir=folder)).explainer


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def test_a_dry_run_tells_period_steps_hours_and_spreading(explainer: Explainer) -> None:
    plan = explainer.explain(Kind.REMINDER, at("2027-03-16T08:00"), "35")
    assert plan.due_at == at("2027-03-16T09:00")
    assert plan.because[0] == "山口県の報告期間は、1月5日（火）から3月31日（水）までです。"
    assert "期間の最終営業日の10営業日前の3月16日（火）" in plan.because[1]
    assert any("1時間に600通まで" in line for line in plan.because)
    assert plan.because[-1] == "令和9年3月16日（火）9時00分に送信します。"


def test_outside_its_period_nothing_would_be_sent(explainer: Explainer) -> None:
    plan = explainer.explain(Kind.REMINDER, at("2026-12-29T10:00"), "35")
    assert (
        plan.because[-1] == "令和9年1月4日（月）9時00分は報告期間の外のため、送信せずに取り消します（outside-period）。"
    )


def test_other_kinds_are_explained_as_ever(explainer: Explainer) -> None:
    plan = explainer.explain(Kind.REJECTION, at("2027-03-16T08:00"), "35")
    assert not any("催促" in line for line in plan.because)


def test_a_reminder_on_record_tells_its_step_and_its_place_among_the_others(explainer: Explainer) -> None:
    planned = {"step": "L-10", "scheme": "medical-function", "fiscal_year": 2026, "spread": True}
    told = explainer.reminder(planned, at("2027-03-17T10:25"), "35")
    assert told == [
        "医療機能情報提供制度の山口県の報告期間は、1月5日（火）から3月31日（水）までです。",
        "期間の最終営業日の10営業日前の3月16日（火）が催促の日です。",
        "3月16日（火）の送信時間に入りきらないため、3月17日（水）に続けて送信します。",
        "窓口への電話が集中しないよう、1時間に600通まで（宛先のドメインに上限がある場合は、それにもよる）に分けて"
        "送信するため、10時25分になります。",
        "令和9年3月17日（水）10時25分に送信します。そのときに報告済であれば、送信しません。",
    ]


def test_one_planned_before_its_event_told_the_step_is_explained_by_its_time(explainer: Explainer) -> None:
    told = explainer.reminder({"step": "L"}, at("2027-03-31T09:00"), "35")
    assert told == ["令和9年3月31日（水）9時00分に送信します。そのときに報告済であれば、送信しません。"]
