"""`todoke.testing`: the class, and the fixture in a project of somebody else."""

from __future__ import annotations

import ast
import os
import shutil
import smtplib
import subprocess
import sys
import venv
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from typer.main import get_command

import todoke.testing
from sink.server import SinkSettings
from tests.sink.conftest import mail_bytes
from todoke.cli.app import app
from todoke.testing import NoMailArrived, SinkFailed, TodokeSink

COMMAND = (sys.executable, "-m", "sink.command")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[TodokeSink]:
    with TodokeSink(command=COMMAND) as sink:
        yield sink


@pytest.fixture
def box(running: TodokeSink) -> TodokeSink:
    running.clear()
    return running


def post(sink: TodokeSink, to: str, raw: bytes) -> None:
    with smtplib.SMTP(sink.smtp_host, sink.smtp_port) as client:
        client.sendmail("v+1@bounce.example.jp", [to], raw)


def test_finds_and_reads_mails(box: TodokeSink) -> None:
    body = mail_bytes("=?utf-8?b?6YCa55+l?=", kind="guide").replace(b"Text.", b"https://www.g-mis.mhlw.go.jp/s/x")
    post(box, "soumu@example.jp", body)
    post(box, "other@example.jp", mail_bytes(kind="code"))
    mail = box.wait_for(to="SOUMU@example.jp", kind="guide", subject="通")
    assert (mail.subject, mail.kind, mail.to, mail.sender) == (
        "通知",
        "guide",
        ("soumu@example.jp",),
        "v+1@bounce.example.jp",
    )
    assert mail.links == ["https://www.g-mis.mhlw.go.jp/s/x"]
    assert mail.headers["X-Todoke-Kind"] == "guide"
    assert (mail.text.strip(), mail.html, mail.attachments) == ("https://www.g-mis.mhlw.go.jp/s/x", "", [])
    assert mail.raw == body
    assert mail.received_at.utcoffset() is not None
    assert [each.kind for each in box.messages()] == ["code", "guide"]
    assert [each.kind for each in box.messages(kind="code")] == ["code"]


def test_the_command_bounds_what_is_kept() -> None:
    with TodokeSink(["--max-messages", "2", "--max-size", "5000"]) as sink:
        for number in (1, 2, 3):
            post(sink, f"soumu{number}@example.jp", mail_bytes())
        assert [mail.to for mail in sink.messages()] == [("soumu3@example.jp",), ("soumu2@example.jp",)]
        with pytest.raises(smtplib.SMTPException, match="552"):
            post(sink, "soumu@example.jp", mail_bytes() + b"x" * 5000)


def test_the_command_bounds_it_by_the_sinks_own_defaults() -> None:
    options = {option.name: option.default for option in get_command(app).commands["sink"].params}
    assert options["max_messages"] == SinkSettings().max_messages
    assert options["max_size"] == SinkSettings().max_message_octets


def test_says_what_it_holds_when_nothing_came(box: TodokeSink) -> None:
    with pytest.raises(NoMailArrived, match="the sink is empty"):
        box.wait_for(to="nobody@example.jp", timeout=0.01)
    post(box, "soumu@example.jp", mail_bytes("Something else"))
    with pytest.raises(
        NoMailArrived, match=r"to=nobody@example.jp within 0.01 s.*\n.*soumu@example.jp.*Something else"
    ):
        box.wait_for(to="nobody@example.jp", timeout=0.01)


def test_lists_more_than_a_page(box: TodokeSink) -> None:
    with smtplib.SMTP(box.smtp_host, box.smtp_port) as client:
        for _ in range(1_001):
            client.sendmail("v@b.jp", ["a@example.jp"], mail_bytes())
    assert len(box.messages()) == 1_001


def test_a_mail_that_was_cleared_says_so(box: TodokeSink) -> None:
    post(box, "a@example.jp", mail_bytes())
    mail = box.wait_for(to="a@example.jp")
    box.clear()
    with pytest.raises(SinkFailed, match="404"):
        assert mail.text


@pytest.mark.parametrize("wanted", [{"to": ""}, {"subject": ""}, {"kind": ""}])
def test_an_empty_filter_is_refused_by_name(box: TodokeSink, wanted: dict[str, str]) -> None:
    post(box, "a@example.jp", mail_bytes())
    (name,) = wanted
    with pytest.raises(ValueError, match=f"^{name} must not be empty"):
        box.messages(**wanted)
    with pytest.raises(ValueError, match=f"^{name} must not be empty"):
        box.wait_for(**wanted)


def test_a_time_that_is_over_is_no_time_to_wait(box: TodokeSink) -> None:
    with pytest.raises(NoMailArrived, match="within -1 s"):
        box.wait_for(to="a@example.jp", timeout=-1)
    post(box, "a@example.jp", mail_bytes())
    assert box.wait_for(to="a@example.jp", timeout=-1).to == ("a@example.jp",)


def test_a_sink_starts_once_at_a_time(running: TodokeSink) -> None:
    port = running.smtp_port
    with pytest.raises(SinkFailed, match="started already"):
        running.start()
    assert running.smtp_port == port
    assert running.messages() is not None


def test_a_sink_that_ended_says_so() -> None:
    sink = TodokeSink(command=COMMAND).start()
    sink.stop()
    sink.stop()
    with pytest.raises(SinkFailed, match="does not answer"):
        sink.messages()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((*COMMAND, "--nonsense"), "unrecognized arguments"),
        ((sys.executable, "-c", "print('hello')"), "hello"),
        ((sys.executable, "-c", ""), "instead of its ports"),
    ],
)
def test_a_start_that_fails_says_why(command: tuple[str, ...], reason: str) -> None:
    with pytest.raises(SinkFailed, match=reason):
        TodokeSink(command=command).start()


PROJECT = """
import smtplib

def post(sink):
    with smtplib.SMTP(sink.smtp_host, sink.smtp_port) as client:
        client.sendmail("v@b.jp", ["soumu@example.jp"], b"Subject: hello\\r\\n\\r\\ntext\\r\\n")

def test_one(todoke_sink):
    post(todoke_sink)
    assert todoke_sink.wait_for(to="soumu@example.jp").subject == "hello"

def test_two_begins_empty(todoke_sink):
    assert todoke_sink.messages() == []
"""


@pytest.mark.parametrize("folders", [[], ["."], ["src"], [".", "src"]])
def test_another_project_gets_the_fixture_by_installing_todoke(tmp_path: Path, folders: list[str]) -> None:
    """Whatever its own packages are called, and wherever PYTHONPATH leads: Django's settings are often `config`."""
    for folder, name in product((tmp_path, tmp_path / "src"), ("core", "config", "sink", "store")):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('not the {name} you are looking for')")
    (tmp_path / "test_project.py").write_text(PROJECT)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    )
    path = os.pathsep.join([*folders, *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-q"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in run.stdout, run.stdout + run.stderr


def test_installed_packages_are_not_put_before_the_standard_library(tmp_path: Path) -> None:
    """As a wheel, todoke lies among packages such as the argparse of 2010, which many installations still bring."""
    site_packages = Path(venv_python(tmp_path, "import site; print(site.getsitepackages()[0])").strip())
    (site_packages / "todoke").mkdir()
    shutil.copy(todoke.testing.__file__, site_packages / "todoke" / "testing.py")
    (site_packages / "todoke" / "__init__.py").touch()
    code = "from todoke.testing import _environment; print(_environment({'PYTHONPATH': 'x', 'A': 'b'}))"
    found = venv_python(tmp_path, code)
    assert found == "{'A': 'b'}\n"


def venv_python(folder: Path, code: str) -> str:
    """What Python says in a virtual environment there, which is made where there is none."""
    if not (folder / "venv").exists():
        venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("outer", ["", "src"])
def test_a_checkout_is_put_before_all_that_pythonpath_leads_to(outer: str) -> None:
    found = todoke.testing._environment({"PYTHONPATH": outer})["PYTHONPATH"].split(os.pathsep)
    assert found == [str(Path(todoke.__file__).resolve().parents[1]), *filter(None, [outer])]


def test_imports_the_standard_library_and_todoke_only() -> None:
    tree = ast.parse(Path(todoke.testing.__file__).read_text())
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else name.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported <= set(sys.stdlib_module_names) | {"todoke", "__future__"}


def test_the_class_needs_no_pytest() -> None:
    code = "import sys; sys.modules['pytest'] = None; import todoke.testing; print(todoke.testing.TodokeSink.__name__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "TodokeSink\n"
