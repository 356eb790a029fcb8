"""The address that is configured as the sender's is what mails and the helpdesk's answers name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from core.clock import SystemClock
from core.kinds import Kind
from helpdesk.vocabulary import Symptom
from todoke.cli.app import app
from todoke.wiring import Wiring

OURS, USUAL = "tsuchi@example.jp", "info@g-mis.net"


@pytest.mark.parametrize("prefecture", [None, "35"])
async def test_the_helpdesk_names_the_address_that_mails_come_from(
    sqlite_url: str, tmp_path: Path, prefecture: str | None
) -> None:
    settings = Settings(database_url=sqlite_url, data_dir=tmp_path, sender_address=OURS)
    wiring = Wiring(settings, SystemClock())
    told = json.dumps(await wiring.advisor.advise(Symptom.IN_SPAM, None, prefecture), ensure_ascii=False)
    assert OURS in told
    assert USUAL not in told
    assert OURS in wiring.catalog.render(wiring.catalog.sample(Kind.PRE_CHECK)).text
    await wiring.close()


def test_a_preview_shows_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TODOKE_SENDER_ADDRESS", OURS)
    shown = CliRunner().invoke(app, ["templates", "preview", "pre-check"])
    assert OURS in shown.output
    assert USUAL not in shown.output
    assert CliRunner().invoke(app, ["templates", "check"]).exit_code == 0
