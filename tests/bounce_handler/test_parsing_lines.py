"""Mails on disk to the lines that the command prints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bounce_handler.parsing.lines import lines

DATA = Path(__file__).parent / "data"
KEYS = {"address", "action", "status", "smtp_code", "reason", "bounce_class", "diagnostic"}


def test_a_line_has_the_keys_of_the_contract() -> None:
    (line,) = lines([DATA / "docomo-rcpt.eml"])
    assert set(line) == {"file", "type", "recipients"}
    assert set(line["recipients"][0]) == KEYS
    assert json.loads(json.dumps(line)) == {
        "file": str(DATA / "docomo-rcpt.eml"),
        "type": "bounce",
        "recipients": [
            {
                "address": "abc..def@docomo.ne.jp",
                "action": "failed",
                "status": "5.0.0",
                "smtp_code": 550,
                "reason": "userunknown",
                "bounce_class": "hard",
                "diagnostic": "550 Unknown user abc..def@docomo.ne.jp",
            }
        ],
    }


def test_every_file_below_a_folder_gives_one_line_in_order(tmp_path: Path) -> None:
    for name in ("b/2.eml", "a.eml", "b/c/3"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DATA / "qmail-cr.eml", target)
    (tmp_path / "empty").mkdir()
    (tmp_path / "d.eml").symlink_to(tmp_path / "a.eml")
    got = list(lines([tmp_path]))
    assert [line["file"] for line in got] == [str(tmp_path / n) for n in ("a.eml", "b/2.eml", "b/c/3", "d.eml")]
    assert {line["type"] for line in got} == {"bounce"}


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    got = list(lines([tmp_path / "gone", tmp_path / "never", DATA / "qmail-cr.eml"]))
    assert [line["type"] for line in got] == ["other", "other", "bounce"]
    assert [line.get("error") for line in got] == ["No such file or directory"] * 2 + [None]
    assert got[0]["recipients"] == []


def test_paths_are_given_back_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(DATA / "qmail-cr.eml", tmp_path / "a.eml")
    monkeypatch.chdir(tmp_path)
    assert [line["file"] for line in lines([Path("a.eml"), Path()])] == ["a.eml", "a.eml"]
