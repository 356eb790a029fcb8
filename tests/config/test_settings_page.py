"""docs/settings.md: it tells every setting as it is, and its examples are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.dataset import FILES, load_data
from config.reference import GROUPS, with_tables
from config.settings import Settings, load_settings
from core.mail import Contact
from helpdesk.desks import FIXED
from helpdesk.vocabulary import Symptom

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_tables_are_those_of_the_settings() -> None:
    assert with_tables(PAGE) == PAGE, "run `python -m config.reference docs/settings.md`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_its_line(name: str) -> None:
    [meaning] = re.findall(rf"^\| `TODOKE_{name.upper()}` \| `{name}` \| [^|]*\| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert meaning.endswith(".")


def test_every_group_has_its_heading() -> None:
    assert re.findall(r"^### (.+)$", PAGE.partition("<!-- end -->")[0], re.MULTILINE) == list(GROUPS.values())


def test_the_example_of_a_file_of_settings_is_read(house: Path) -> None:
    (house / "todoke.toml").write_text(EXAMPLES[0].replace("/etc/todoke", str(house)), "utf-8")
    settings = load_settings()
    assert settings.notices() == []
    told = {origin.name for origin in settings.origins() if origin.source == "todoke.toml"}
    assert told == set(re.findall(r"^(\w+) = ", EXAMPLES[0], re.MULTILINE))


def test_the_example_of_prefectures_is_read(tmp_path: Path) -> None:
    (tmp_path / "prefectures.toml").write_text(EXAMPLES[1], "utf-8")
    prefectures = load_data(tmp_path, [*Symptom], FIXED).prefectures
    assert prefectures.contact("34") == Contact("広島県 医療政策担当課", "000-000-0000", "madoguchi@example.jp")
    assert (prefectures["13"].trouble_weeks, prefectures["34"].issue_weeks) == (5, (1, 3))
    assert prefectures["13"].notice


@pytest.mark.parametrize("name", FILES)
def test_every_data_file_is_linked(name: str) -> None:
    assert f"[{name}](../config/data/{name})" in PAGE
    assert (ROOT / "config" / "data" / name).read_text("utf-8").startswith("# ")
