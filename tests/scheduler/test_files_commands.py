"""`todoke reports set` and `todoke publish`: what they say of a file, and that they take it in piece by piece."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer

from core.errors import TodokeError
from scheduler.file_columns import JOB_COLUMNS, REPORT_COLUMNS
from todoke.cli import publishing

REPORT: dict[str, Any] = {
    "fiscal_year": 2026,
    "institution": {"code": "3510000001", "name": "周南みなと病院", "type": "hospital", "prefecture": "35"},
    "status": "reported",
}
JOB = {"job_id": "c-1", "kind": "code", "recipient": {"email": "a@example.jp"}}


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def call(command: Callable[..., None], file: str | Path, *, as_json: bool = False) -> int:
    """The exit code."""
    try:
        command(str(file), as_json=as_json)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def report(code: str, **changes: Any) -> dict[str, Any]:
    return REPORT | {"institution": REPORT["institution"] | {"code": code}} | changes


def job(number: int) -> dict[str, Any]:
    return JOB | {"job_id": f"c-{number}", "data": {"code": "123456", "expires_at": "2090-01-01T00:00:00+09:00"}}


def lines(*items: Any) -> str:
    return "".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in items)


def test_statuses_are_set_and_bad_lines_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "r.ndjson"
    file.write_text(lines(report("1"), "nonsense", report("2", status="?", x=1), report("3"), report("3")))
    assert call(publishing.set_reports, file) == 1
    told = capsys.readouterr()
    assert told.out == "3 accepted, 2 refused\n"
    assert told.err.splitlines()[-2:] == [
        f"{file}:2: unparsable: not JSON at column 1: Expecting value",
        f"{file}:3: invalid (institution 2): status: must be one of not-started, in-progress, reported; "
        "x: this field does not belong here",
    ]


def test_words_older_than_what_is_on_record_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "r.json"
    file.write_text(json.dumps([report("1"), report("1", as_of="2020-01-01T00:00:00Z")], indent=1))
    assert call(publishing.set_reports, file) == 0
    assert capsys.readouterr().out == "2 accepted (1 of them older than what is on record), 0 refused\n"


def test_jobs_again_are_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "j.ndjson"
    file.write_text(lines(job(1), job(2)))
    assert call(publishing.publish_jobs, file) == 0
    assert call(publishing.publish_jobs, file) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 accepted, 0 refused",
        "2 accepted (2 of them repeated), 0 refused",
    ]


@pytest.mark.parametrize("items", [[], [report("1")], [report("1"), {}, report("2")]])
def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str], items: list[Any]) -> None:
    file = tmp_path / "r.ndjson"
    file.write_text(lines(*items))
    bad = sum(item == {} for item in items)
    assert call(publishing.set_reports, file, as_json=True) == (1 if bad else 0)
    document = json.loads(capsys.readouterr().out)
    results = document.pop("results")
    assert document == {"accepted": len(items) - bad, "repeated": 0, "stale": 0, "refused": bad}
    assert [result["line"] for result in results] == list(range(1, len(items) + 1))
    assert [result["http_status"] for result in results] == [422 if item == {} else 200 for item in items]


def test_a_csv_of_cp932_comes_through_a_pipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "fiscal_year,institution.code,institution.name,institution.type,institution.prefecture,status\r\n"
    text += "2026,3510000001,①㈱髙﨑病院,hospital,5,reported\r\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode("cp932"))))
    assert call(publishing.set_reports, "-") == 0
    assert capsys.readouterr().out == "1 accepted, 0 refused\n"


NAMES = "recipient.department,recipient.family_name,recipient.given_name"
PLACE = "institution.code,institution.name,institution.type,institution.prefecture"


def test_blank_cells_are_no_names_and_blank_names_of_ndjson_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports, jobs, broken = (tmp_path / name for name in ("r.csv", "j.csv", "r.ndjson"))
    where = "3510000001,周南みなと病院,hospital,35"
    reports.write_text(f"fiscal_year,{PLACE},status,recipient.email,{NAMES}\n2026,{where},reported,a@x.jp,, ,　\n")
    header = f"job_id,kind,recipient.email,{NAMES},data.code,data.expires_at"
    jobs.write_text(f"{header}\nc-1,code,a@x.jp,, ,　,123456,2090-01-01T00:00:00+09:00\n")
    broken.write_text(lines(report("1", recipient={"email": "a@example.jp", "department": "　"})))
    assert call(publishing.set_reports, reports) == 0
    assert call(publishing.publish_jobs, jobs) == 0
    assert call(publishing.set_reports, broken) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == ["1 accepted, 0 refused"] * 2 + ["0 accepted, 1 refused"]
    assert "recipient.department: must not be empty" in told.err


def test_a_pipe_by_name_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe.ndjson"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(lines(report("1")),))
    writer.start()
    assert call(publishing.set_reports, pipe) == 0
    writer.join()
    assert capsys.readouterr().out == "1 accepted, 0 refused\n"


@pytest.mark.parametrize(("name", "fault"), [("none.csv", "No such file"), (".", "Is a directory")])
def test_what_is_no_file_is_said(tmp_path: Path, name: str, fault: str) -> None:
    with pytest.raises(TodokeError, match=fault):
        call(publishing.set_reports, tmp_path / name)


def test_utf_16_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text("fiscal_year\n2026\n", encoding="utf-16")
    with pytest.raises(TodokeError, match="UTF-16"):
        call(publishing.set_reports, file)


@pytest.mark.parametrize(
    ("command", "text", "column"),
    [
        (publishing.publish_jobs, "memo", 1),
        (publishing.publish_jobs, "job_id,kind,prefecture\n", 3),
        (publishing.publish_jobs, "job_id,kind,status\n,,\n", 3),
        (publishing.set_reports, "fiscal_year,job_id\n", 2),
    ],
)
def test_a_first_line_alone_that_names_no_columns_of_ours_is_refused(
    tmp_path: Path, command: Callable[..., None], text: str, column: int
) -> None:
    for name in "x.txt", "x.csv":
        (tmp_path / name).write_text(text)
        with pytest.raises(TodokeError, match=f"{name}: was read as CSV: .* column {column} is no key known here$"):
            call(command, tmp_path / name)


@pytest.mark.parametrize(
    ("command", "columns"), [(publishing.publish_jobs, JOB_COLUMNS), (publishing.set_reports, REPORT_COLUMNS)]
)
def test_a_table_without_records_is_an_empty_one(
    tmp_path: Path, command: Callable[..., None], columns: Collection[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.csv").write_text(f"{','.join(sorted(columns))},,\n")
    assert call(command, tmp_path / "x.csv") == 0
    assert capsys.readouterr().out == "0 accepted, 0 refused\n"


def test_what_a_hostile_name_holds_does_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "j.ndjson"
    file.write_text(lines({"job_id": "\x1b[2Jx", "kind": "?"}, {"job_id": "x" * 500}, {"job_id": 5}))
    assert call(publishing.publish_jobs, file) == 1
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "(job  [2Jx)" in told
    assert "xxx" not in told


def test_a_long_file_is_answered_while_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many items are in memory at a time: a batch that is being accepted, and the next one."""
    file = tmp_path / "r.ndjson"
    file.write_text(lines(*({"status": "?"} for _ in range(40))))
    monkeypatch.setattr(publishing, "_REPORTS_AT_ONCE", 7)
    read: list[int] = []
    told: list[tuple[int, int]] = []
    real = publishing.read_lines

    def counting(*args: Any) -> Any:
        for line in real(*args):
            read.append(line.number)
            yield line

    monkeypatch.setattr(publishing, "read_lines", counting)
    monkeypatch.setattr(publishing, "complain", lambda text: told.append((len(read), int(text.split(":")[1]))))
    assert call(publishing.set_reports, file) == 1
    assert [number for _, number in told] == list(range(1, 41))
    assert all(number <= already <= number + 2 * 7 for already, number in told)
    assert capsys.readouterr().out == "0 accepted, 40 refused\n"


def issue(job_id: str, application: str) -> dict[str, Any]:
    """An account-issue from which no mail follows."""
    return JOB | {
        "job_id": job_id,
        "kind": "account-issue",
        "application": {"id": application, "route": "self", "account": "permitted", "received_on": "2026-01-05"},
        "institution": REPORT["institution"],
        "data": {},
    }


def test_a_line_that_brings_out_a_fault_of_ours_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "j.ndjson"
    file.write_text(lines(issue("a", "A-1"), issue("other", "A-2")))
    assert call(publishing.publish_jobs, file) == 0
    with closing(sqlite3.connect(tmp_path / "data" / "todoke.sqlite3")) as conn, conn:
        # Nothing can be told of their institution any more.
        conn.execute("UPDATE applications SET route = 'by-balloon' WHERE id = 'A-2'")
    file.write_text(lines(issue("b", "A-1"), job(1)))
    assert call(publishing.publish_jobs, file) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "1 accepted, 1 refused"
    assert f"{file}:1: already-issued (job b): " in told.err
