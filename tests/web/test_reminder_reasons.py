"""Why a reminder is due when it is due: its period, its step and its place among the others, on both pages."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import pytest

from store.people import Role

HTML = {"Accept": "text/html"}
PERIOD = "医療機能情報提供制度の山口県の報告期間は、1月5日（火）から3月31日（水）までです。"
STEPS = (
    "期間の最初の営業日の1月5日（火）が催促の日です。",
    "期間の最終営業日の10営業日前の3月16日（火）が催促の日です。",
    "期間の最終営業日の3営業日前の3月26日（金）が催促の日です。",
    "期間の最終営業日の3月31日（水）が催促の日です。",
)
SPREAD = "窓口への電話が集中しないよう、1時間に12通まで（宛先のドメインに上限がある場合は、それにもよる）に分けて送信"


@pytest.fixture
def config_dir(config_dir: Path) -> Path:
    """One reminder in each five minutes."""
    (config_dir / "spreading.toml").write_text("[prefectures]\ndefault = 12\n", "utf-8")
    return config_dir


async def shown(api: Any, place: str) -> str:
    answer = await api.ask(Role.PREFECTURE, "GET", place, headers=HTML)
    assert answer.status_code == 200
    return unescape(answer.text)


async def test_both_pages_say_period_step_and_spreading(api: Any) -> None:
    words = [
        {
            "fiscal_year": 2026,
            "institution": api.job(institution__code=code)["institution"],
            "recipient": {"email": f"soumu{code}@example.jp"},
            "status": "not-started",
        }
        for code in ("3510000001", "3510000002")
    ]
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/reports", json=words)
    assert answer.status_code == 207, answer.text
    first, second = [await shown(api, f"/institutions/{code}") for code in ("3510000001", "3510000002")]
    for page in (first, second):
        assert all(line in page for line in (PERIOD, *STEPS))
    assert (SPREAD in first) + (SPREAD in second) == 1
    for mail in (await api.get("/v1/messages", params={"kind": "reminder"}))["items"]:
        page = await shown(api, f"/messages/{mail['id']}")
        assert PERIOD in page
        assert sum(step in page for step in STEPS) == 1


async def test_one_that_was_published_says_what_holds_of_its_kind(sqlite_api: Any) -> None:
    sqlite_api.later(days=60)
    data = {"fiscal_year": 2026, "deadline": "2027-03-31"}
    job = sqlite_api.plain_job("reminder", data=data)
    del job["application"]
    await sqlite_api.publish(job)
    page = await shown(sqlite_api, "/institutions/3510012345")
    assert "催促のメールは、営業日の9時00分から17時00分までの間に送信します。" in page
    assert "報告期間" not in page
