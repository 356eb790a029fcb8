"""The harness: what is missing is said and left out, processes end, queues are copied whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from benchmarks import command, machine, peers, post_office, relay
from benchmarks.figures import Section
from benchmarks.instance import Instance, multiply
from benchmarks.jobs import published
from benchmarks.plan import Plan
from benchmarks.postgres import VARIABLE, Postgres
from benchmarks.problems import Failed, Missing
from benchmarks.processes import cpu_seconds, end, first_line, free_port, has_ended, running, tool, wait_until
from benchmarks.sections import calendar, drain


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setenv(VARIABLE, f"postgresql://postgres@127.0.0.1:{port}/postgres")
    return port


def test_a_section_whose_server_is_missing_is_left_out_with_a_line(
    closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["claim", "--quick"]) == 0
    said = capsys.readouterr().err
    assert "claim is left out" in said
    assert "apt-get install postgresql" in said
    assert VARIABLE in said


def test_a_database_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://postgres@db.example.jp:5432/postgres")
    with pytest.raises(Missing, match="on this machine"):
        Postgres.found()


def test_a_missing_tool_names_its_package() -> None:
    with pytest.raises(Missing, match="apt-get install some-package"):
        tool("no-such-tool", "some-package")


def test_an_unknown_section_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["drains"])
    assert stopped.value.code == 2
    assert "they are weights, drain" in capsys.readouterr().err


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    plans: list[Plan] = []

    def measure(plan: Plan) -> Iterator[Section]:
        plans.append(plan)
        section = Section("calendar", "Nothing much.")
        section.add("todoke", "questions/s", [1.0, 3.0])
        yield section
        raise Failed("the rest did not work")

    monkeypatch.setattr(calendar, "measure", measure)
    return plans


def test_a_failed_section_keeps_its_tables_and_fails_the_run(
    measured: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["calendar", "--quick", "--json", str(tmp_path / "out.json")]) == 1
    shown = capsys.readouterr()
    assert "| todoke | 2.00 | 1.00 | 3.00 | questions/s |" in shown.out
    assert "calendar failed: the rest did not work" in shown.err
    written = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert written["sections"][0]["figures"][0]["values"] == [1.0, 3.0]
    assert written["machine"]["cores"] >= 1
    assert measured[0].quick
    assert not measured[0].folder.exists()


def test_the_machine_is_described_in_a_sentence() -> None:
    said = machine.sentence(machine.describe())
    assert f"Python {sys.version.split()[0]}" in said
    assert "load average" in said


def test_a_child_is_ended_even_when_its_user_fails(tmp_path: Path) -> None:
    children = []

    def use() -> None:
        with running([sys.executable, "-c", "input()"], log=tmp_path / "log") as child:
            children.append(child)
            assert not has_ended(child)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        use()
    assert children[0].returncode is not None


def test_ending_a_child_that_has_ended_does_no_harm(tmp_path: Path) -> None:
    with running([sys.executable, "-c", ""], log=tmp_path / "log") as child:
        wait_until(lambda: has_ended(child), "it ends", 10)
        end(child)


def test_a_child_that_dies_shows_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        running([sys.executable, "-c", "raise SystemExit('no such relay')"], log=log) as child,
        pytest.raises(Failed, match="no such relay"),
    ):
        first_line(child, log)


def test_cpu_time_counts_children_too(tmp_path: Path) -> None:
    burn = "sum(range(6_000_000))"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{burn}']); print('done', flush=True); input()"
    )
    with running([sys.executable, "-c", parent], log=tmp_path / "log") as child:
        assert first_line(child, tmp_path / "log") == "done"
        assert cpu_seconds(child.pid) >= 0.04


def test_what_does_not_happen_in_time_fails() -> None:
    with pytest.raises(Failed, match="the moon rises: not within"):
        wait_until(lambda: False, "the moon rises", 0.01)


def test_a_peer_that_fails_shows_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('cannot queue')")
    monkeypatch.setattr(peers, "python", lambda: Path(sys.executable))
    monkeypatch.setattr(peers, "_SCRIPTS", tmp_path)
    with pytest.raises(Failed, match="cannot queue"):
        peers.ask("broken.py")


def test_the_scripts_of_the_peers_are_there() -> None:
    names = {path.name for path in peers._SCRIPTS.glob("*.py")}
    assert names == {"flufl_bounce.py", "jpholiday_days.py", post_office._SCRIPT}


def test_every_mail_of_the_drains_has_a_folder_of_its_own(tmp_path: Path) -> None:
    mails = drain._mails(Plan(tmp_path))
    for mail in mails:
        (tmp_path / mail.name).mkdir()
    assert len(mails) == 3


def test_a_queue_is_multiplied_by_messages_that_can_be_claimed_and_sent(postgres_url: str, tmp_path: Path) -> None:
    url = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    Instance(tmp_path, url).publish(published("reminder", 10))
    multiply(url, 95)
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT id, message_id_header, email, status, ready_at FROM messages").fetchall()
    assert len(rows) == 100
    assert len({row[0] for row in rows}) == len({row[1] for row in rows}) == len({row[2] for row in rows}) == 100
    assert {row[3] for row in rows} == {"scheduled"}
    assert all(row[4] for row in rows)


def test_a_refused_job_fails_the_run(tmp_path: Path) -> None:
    jobs = [job | {"kind": "no-such-kind"} for job in published("code", 1)]
    with pytest.raises(Failed, match="1 jobs were refused"):
        Instance(tmp_path, f"sqlite:///{tmp_path / 'queue.sqlite3'}").publish(jobs)


def test_smtp_sink_takes_mails_or_it_is_said_what_to_install(tmp_path: Path) -> None:
    if shutil.which("smtp-sink", path="/usr/sbin:/usr/local/sbin:/usr/bin") is None:
        with pytest.raises(Missing, match="apt-get install postfix"), relay.smtp_sink(tmp_path):
            pass
        return
    with relay.smtp_sink(tmp_path) as sink:
        assert relay.ceiling(sink, 3000, 200) > 0
    with pytest.raises(subprocess.CalledProcessError):
        relay.ceiling(sink, 3000, 1)
