"""The helpdesk's texts as an office words them: `procedures` in the configuration folder (rule 3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from core.errors import ConfigurationError
from helpdesk.wording import BUILT_IN
from todoke.cli.app import app
from todoke.service import Role, serve

CODE = "3510012345"


def put(folder: Path, place: str, title: str) -> None:
    """A text of its own, with another title."""
    path = folder / "procedures" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (BUILT_IN / path.name).read_text("utf-8").splitlines()
    own = [f'title = "{title}"' if line.startswith("title = ") else line for line in lines]
    path.write_text("\n".join(own), "utf-8")


@pytest.fixture
def config_dir(config_dir: Path) -> Path:
    put(config_dir, "use-login-url.toml", "国の言葉")
    put(config_dir, "prefectures/35/use-login-url.toml", "山口県の言葉")
    put(config_dir, "prefectures/35/ask-login-id-and-reset-password.toml", "山口県の窓口に聞く")
    return config_dir


async def test_a_prefectures_own_words_are_told_to_its_institutions_alone(sqlite_api: Any) -> None:
    there = {"code": "1300000001", "name": "江東薬局", "type": "pharmacy", "prefecture": "13"}
    theirs = sqlite_api.job(job_id="theirs", application__id="A-2", institution=there)
    await sqlite_api.publish(sqlite_api.job(), theirs)
    titles = {}
    for code in (CODE, "1300000001", "4700000001"):
        answer = await sqlite_api.get("/v1/advice", params={"institution_code": code, "symptom": "sso-error"})
        titles[code] = answer["title"]
    assert titles == {CODE: "山口県の言葉", "1300000001": "国の言葉", "4700000001": "国の言葉"}


async def test_refusals_and_pages_tell_them_too(sqlite_api: Any) -> None:
    pre_check, guide = await sqlite_api.publish(sqlite_api.job())
    await sqlite_api.send(pre_check["id"])
    await sqlite_api.send(guide["id"])
    refusal = await sqlite_api.ask("helpdesk", "POST", f"/v1/messages/{guide['id']}/resend", json={})
    assert (refusal.status_code, refusal.json()["procedure"]["title"]) == (409, "山口県の窓口に聞く")
    page = await sqlite_api.ask("helpdesk", "GET", f"/institutions/{CODE}?symptom=sso-error")
    assert "山口県の言葉" in page.text


def doctor(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict[str, str]]:
    """What `todoke doctor` finds, by the name of the check."""
    monkeypatch.setenv("TODOKE_CONFIG_DIR", str(folder))
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path / "data"))
    told = CliRunner().invoke(app, ["doctor", "--json"])
    return {found["check"]: found for found in json.loads(told.stdout)["checks"]}


def test_the_doctor_reads_them(config_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = doctor(config_dir, monkeypatch, tmp_path)
    assert found["configuration folder"]["result"] == "ok"
    assert found["helpdesk procedures"]["result"] == "ok"
    assert found["helpdesk procedures"]["detail"] == f"in order, with those in {config_dir}/procedures"


@pytest.mark.parametrize(
    ("place", "text", "told"),
    [
        ("wait.toml", "steps = [", "wait.toml: is not TOML in UTF-8"),
        (
            "prefectures/35/wait.toml",
            'steps = ["{sent_on}"]',
            "wait.toml: steps no. 1: there is no placeholder {sent_on}",
        ),
        ("prefectures/35/waiting.toml", "", "prefectures/35/waiting.toml: is not a file that the helpdesk uses"),
        ("prefectures/48/wait.toml", "", "prefectures/48: is no prefecture; they are 01 to 47"),
    ],
)
async def test_faults_keep_the_service_from_starting(
    config_dir: Path, tmp_path: Path, place: str, text: str, told: str
) -> None:
    path = config_dir / "procedures" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        await serve(Settings(config_dir=config_dir, data_dir=tmp_path / "data"), [Role.API], lambda _: None)
    assert told in str(refusal.value)


def test_the_doctor_tells_a_fault(config_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (config_dir / "procedures" / "waiting.toml").touch()
    found = doctor(config_dir, monkeypatch, tmp_path)["helpdesk procedures"]
    assert found["result"] == "FAILED"
    assert found["detail"].startswith("waiting.toml: is not a file that the helpdesk uses")
