"""`todoke simulate` as it is called: what it refuses before it begins, and the files that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from todoke.rehearsal import Outputs, run

FULL = Path("/dev/full")
"""Linux has it: whatever is written there meets a full disk."""


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def called(outputs: Outputs, *, seeds: int | None = None, institutions: int = 1, as_json: bool = False) -> int:
    """The exit code of a season of a day."""
    try:
        run("2027-03-31", "2027-04-01", institutions, 1, seeds, None, 1, outputs, as_json=as_json)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.integration
def test_the_result_is_printed_and_written(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = Outputs(Path("a.json"), Path("a.svg"), Path("a.html"))
    assert called(outputs, as_json=as_json) == 0
    told = capsys.readouterr()
    assert told.err.splitlines()[-3:] == ["a.json", "a.svg", "a.html"]
    result = json.loads(Path("a.json").read_text())
    assert json.loads(told.out) == result if as_json else "2027-03-31" in told.out
    assert "<svg" in Path("a.svg").read_text()
    assert "<svg" in Path("a.html").read_text()


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        (Outputs(json=Path("none/x.json")), "--json-file: none/x.json: No such file or directory"),
        (Outputs(chart=Path("folder")), "--chart: folder: Is a directory"),
        (Outputs(page=Path("file/x.html")), "--page: file/x.html: Not a directory"),
        (Outputs(page=Path("x" * 300)), f"--page: {'x' * 300}: File name too long"),
        (Outputs(chart=Path("x"), page=Path("./folder/../x")), "--page: is the file of --chart"),
    ],
)
def test_what_could_not_be_written_is_refused_before_a_season_is_played(
    outputs: Outputs, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    Path("file").write_text("as it was")
    before = sorted(Path().iterdir())
    assert called(outputs, institutions=1_000_000) == 2
    assert capsys.readouterr() == ("", f"todoke: {why}\n")
    assert sorted(Path().iterdir()) == before


def test_looking_at_a_file_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("kept").write_text("as it was")
    Path("link").symlink_to("new")
    assert called(Outputs(json=Path("link"), chart=Path("kept"), page=Path("none/x")), institutions=1_000_000) == 2
    assert Path("kept").read_text() == "as it was"
    assert Path("link").is_symlink()
    assert not Path("new").exists()


@pytest.mark.parametrize("option", ["--json-file", "--chart", "--page"])
def test_many_seasons_are_written_nowhere(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = {"--json-file": "json"}.get(option, option[2:])
    assert called(Outputs(**{name: Path("x")}), seeds=3, institutions=1_000_000) == 2
    assert capsys.readouterr().err == (
        f"todoke: {option}: is of one season; leave --seeds away, and name the season by --seed\n"
    )


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.integration
def test_a_file_that_fails_takes_neither_the_result_nor_the_others_along(capsys: pytest.CaptureFixture[str]) -> None:
    assert called(Outputs(json=Path("a.json"), chart=FULL, page=Path("a.html"))) == 1
    told = capsys.readouterr()
    assert told.out
    assert told.err.splitlines()[-3:] == ["a.json", "todoke: /dev/full: No space left on device", "a.html"]
    assert json.loads(Path("a.json").read_text())["holds"]
    assert "<svg" in Path("a.html").read_text()
