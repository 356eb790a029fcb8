"""Desks as a prefecture has chosen them for one fiscal year, as callers are told (rule 115)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

YEAR = """
[prefectures.35.years.2026.desks]
not-arrived = "secretariat"
unknown-login-id = "prefecture"
"""


@pytest.fixture
def config_dir(config_dir: Path) -> Path:
    (config_dir / "prefectures.toml").write_text(YEAR, "utf-8")
    return config_dir


async def test_a_years_own_desks_are_told_while_its_reporting_period_counts(sqlite_api: Any) -> None:
    await sqlite_api.publish(sqlite_api.job())

    async def told(symptom: str) -> tuple[str, str]:
        answer = await sqlite_api.get("/v1/advice", params={"institution_code": "3510012345", "symptom": symptom})
        return answer["id"], answer["contact"]["name"]

    assert await told("not-arrived") == ("contact-secretariat", "厚生労働省 G-MIS事務局")
    assert (await told("lost-guide"))[1] == "山口県医療政策課"
    sqlite_api.later(days=200)  # June 2027
    assert await told("not-arrived") == ("contact-prefecture", "山口県医療政策課")
    assert (await told("lost-guide"))[1] == "厚生労働省 G-MIS事務局"
