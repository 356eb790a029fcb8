"""`todoke bounces ingest`: files, mboxes, Maildirs and stdin are handled as the listener handles its mails."""

from __future__ import annotations

import asyncio
import io
import json
import mailbox
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
import typer

from core.errors import TodokeError
from core.statuses import Status
from todoke.cli.bouncing import ingest
from todoke.cli.mailfiles import find_mails

T = TypeVar("T")


class Desk:
    """The command with its database, and messages in it."""

    def __init__(self, url: str, opened: Callable[[str], Any], capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._opened = opened
        self._capsys = capsys

    def do(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """Something with the database that a test's event loop would do."""

        async def with_bounces() -> T:
            bounces = await self._opened(self.url)
            try:
                return await work(bounces)
            finally:
                await bounces.wiring.close()

        return asyncio.run(with_bounces())

    def messages(self, count: int) -> list[str]:
        async def make(bounces: Any) -> list[str]:
            return [await bounces.message(email=f"soumu{number}@example.jp") for number in range(count)]

        return self.do(make)

    def statuses(self, message_ids: list[str]) -> list[Status]:
        async def ask(bounces: Any) -> list[Status]:
            return [await bounces.status(message_id) for message_id in message_ids]

        return self.do(ask)

    def told(self, message_id: str) -> list[str]:
        return self.do(lambda bounces: bounces.told(message_id))

    def ingest(self, path: str | Path) -> tuple[int, dict[str, Any], str]:
        """Exit code, the JSON document, and stderr."""
        self._capsys.readouterr()
        code = 0
        try:
            ingest(str(path), as_json=True)
        except typer.Exit as ended:
            code = ended.exit_code
        said = self._capsys.readouterr()
        return code, json.loads(said.out), said.err

    def table(self, path: str | Path) -> str:
        """What a person reads."""
        self._capsys.readouterr()
        ingest(str(path), as_json=False)
        return self._capsys.readouterr().out


@pytest.fixture
def desk(
    database_url: str,
    open_bounces: Callable[[str], Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Desk:
    monkeypatch.setenv("TODOKE_DATABASE_URL", database_url)
    monkeypatch.setenv("TODOKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TODOKE_RETURN_PATH_DOMAIN", "bounces.example.jp")
    monkeypatch.setenv("TODOKE_SECRET_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    monkeypatch.setenv("TODOKE_BOUNCE_MAX_BYTES", "100000")
    return Desk(database_url, open_bounces, capsys)


@pytest.fixture
def path_of(desk: Desk) -> Callable[[str], str]:
    """The return path of a message."""

    def path(message_id: str) -> str:
        async def ask(bounces: Any) -> str:
            address: str = bounces.return_path(message_id)
            return address

        return desk.do(ask)

    return path


def test_a_file_is_one_mail(desk: Desk, path_of: Any, compose: Any, tmp_path: Path) -> None:
    (message_id,) = desk.messages(1)
    file = tmp_path / "bounce.eml"
    file.write_bytes(compose(to=path_of(message_id)))
    code, told, errors = desk.ingest(file)
    assert (code, errors) == (0, "")
    assert (told["taken_in"], told["applied"], told["unmatched"]) == (1, 1, 0)
    assert told["reports"][0] | {"id": ""} == {
        "where": str(file),
        "id": "",
        "state": "applied",
        "reason": None,
        "type": "bounce",
        "message_id": message_id,
    }
    assert desk.statuses([message_id]) == [Status.UNDELIVERED]


def test_twice_the_same_folder_changes_nothing(desk: Desk, path_of: Any, compose: Any, tmp_path: Path) -> None:
    ids = desk.messages(3)
    for number, message_id in enumerate(ids):
        (tmp_path / "in" / str(number)).mkdir(parents=True)
        (tmp_path / "in" / str(number) / "mail").write_bytes(compose(to=path_of(message_id)))
    (tmp_path / "in" / "foreign.eml").write_bytes(compose(to="<postmaster@elsewhere.example>"))
    code, told, _ = desk.ingest(tmp_path / "in")
    assert (code, told["applied"], told["unmatched"], told["duplicate"]) == (0, 3, 1, 0)
    code, told, _ = desk.ingest(tmp_path / "in")
    assert (code, told["applied"], told["unmatched"], told["duplicate"]) == (0, 0, 0, 4)
    assert [desk.told(message_id) for message_id in ids] == [["bounced"]] * 3


def test_a_maildir_is_read_without_what_is_still_coming(desk: Desk, path_of: Any, compose: Any, tmp_path: Path) -> None:
    ids = desk.messages(3)
    box = mailbox.Maildir(tmp_path / "Maildir")
    for message_id in ids[:2]:
        box.add(compose(to=path_of(message_id)))
    (tmp_path / "Maildir" / "tmp" / "coming").write_bytes(compose(to=path_of(ids[2])))
    _, told, _ = desk.ingest(tmp_path / "Maildir")
    assert told["applied"] == 2
    assert desk.statuses(ids) == [Status.UNDELIVERED, Status.UNDELIVERED, Status.SENT]


def test_an_mbox_and_stdin(
    desk: Desk, path_of: Any, compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = desk.messages(2)
    box = mailbox.mbox(tmp_path / "box")
    for message_id in ids:
        box.add(compose(to=path_of(message_id), text="From here on it is quoted"))
    box.close()
    octets = (tmp_path / "box").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))
    _, told, _ = desk.ingest("-")
    assert told["applied"] == 2
    assert [row["where"] for row in told["reports"]] == ["stdin: mail 1", "stdin: mail 2"]
    _, told, _ = desk.ingest(tmp_path / "box")
    assert (told["duplicate"], desk.statuses(ids)) == (2, [Status.UNDELIVERED] * 2)


@pytest.mark.parametrize(
    "field",
    [
        "Delivered-To: {path}",
        "X-Original-To: {path}",
        "Envelope-To: <{path}>",
        "TO: Registration <{path}>",
        "Received: from a by b (Postfix)\r\n\twith ESMTP id 1\r\n\tfor <{path}>;\r\n\tTue, 24 Nov 2026 10:00:00 +0900",
        "To: {upper}",
    ],
)
def test_the_return_path_is_found_where_hosts_leave_it(sqlite_desk: Desk, compose: Any, field: str) -> None:
    async def arrive(bounces: Any) -> str | None:
        from bounce_handler.addressed import arrival_of

        path = bounces.return_path(await bounces.message())
        head = field.format(path=path, upper=path.upper())
        raw = head.encode() + b"\r\n" + compose(to="somebody@bounces.example.jp")
        found: str | None = arrival_of(raw, bounces.return_paths).message_id
        assert found == bounces.return_paths.verify(path.partition("@")[0])
        return found

    assert sqlite_desk.do(arrive) is not None


@pytest.fixture
def sqlite_desk(
    sqlite_url: str, open_bounces: Callable[[str], Any], capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> Desk:
    monkeypatch.setenv("TODOKE_DATABASE_URL", sqlite_url)
    return Desk(sqlite_url, open_bounces, capsys)


@pytest.mark.parametrize(
    ("field", "doubt"),
    [
        ("Subject: {path}", None),
        ("References: <{path}>", None),
        ("Received: from a (envelope-from <{path}>) by b", None),
        ("To: {elsewhere}", None),
        ("To: {forged}", "bad-token"),
    ],
)
def test_only_a_signed_envelope_recipient_counts(
    sqlite_desk: Desk, compose: Any, field: str, doubt: str | None
) -> None:
    async def arrive(bounces: Any) -> None:
        from bounce_handler.addressed import arrival_of

        path = bounces.return_path(await bounces.message())
        head = field.format(
            path=path,
            elsewhere=path.replace("bounces.example.jp", "elsewhere.example"),
            forged=f"r-{'a' * 26}-{'b' * 24}@bounces.example.jp",
        )
        arrival = arrival_of(head.encode() + b"\r\n" + compose(to="x@y.example"), bounces.return_paths)
        assert (arrival.message_id, arrival.doubt) == (None, doubt)

    sqlite_desk.do(arrive)


def test_what_cannot_be_taken_in_is_named_and_the_rest_is_done(
    desk: Desk, path_of: Any, compose: Any, tmp_path: Path
) -> None:
    (message_id,) = desk.messages(1)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a-empty.eml").touch()
    (folder / "b-large.eml").write_bytes(b"Subject: large\n\n" + b"x" * 100_000)
    (folder / "c-good.eml").write_bytes(compose(to=path_of(message_id)))
    code, told, errors = desk.ingest(folder)
    assert (code, told["taken_in"], told["applied"]) == (1, 1, 1)
    first, second = errors.splitlines()
    assert "a-empty.eml: not taken in: empty" in first
    assert "b-large.eml: not taken in: larger than 100,000 octets" in second


def test_a_path_that_is_not_there_is_refused(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(TodokeError, match="no such file or folder"):
        ingest(str(tmp_path / "nowhere"), as_json=False)


def test_a_person_reads_a_table(desk: Desk, compose: Any, tmp_path: Path) -> None:
    file = tmp_path / "foreign.eml"
    file.write_bytes(compose(to="x@elsewhere.example"))
    heading, row, summary = desk.table(file).splitlines()
    assert heading.split() == ["mail", "type", "state", "reason", "message"]
    assert row.split()[1:] == ["bounce", "unmatched", "no-token"]
    assert summary == "1 taken in: 0 applied, 0 duplicate, 1 unmatched, 0 new"


def test_an_empty_maildir_is_no_problem(desk: Desk, tmp_path: Path) -> None:
    mailbox.Maildir(tmp_path / "Maildir")
    code, told, _ = desk.ingest(tmp_path / "Maildir")
    assert (code, told["taken_in"]) == (0, 0)


def mails_of(octets: bytes, tmp_path: Path, most: int = 1000) -> list[tuple[bytes, str | None]]:
    (tmp_path / "box").write_bytes(octets)
    return [(mail.raw, mail.problem) for mail in find_mails(str(tmp_path / "box"), most)]


@pytest.mark.parametrize(
    ("octets", "mails"),
    [
        (b"From a\nSubject: 1\n\none\n\nFrom b\nSubject: 2\n\ntwo\n", [b"Subject: 1\n\none\n", b"Subject: 2\n\ntwo\n"]),
        (b"From a\r\nS: 1\r\n\r\none\r\n\r\nFrom b\r\nS: 2\r\n\r\n", [b"S: 1\r\n\r\none\r\n", b"S: 2\r\n"]),
        (b"From a\nS: 1\n\nFrom the start\n>From me\n>>From\n", [b"S: 1\n", b"From me\n>>From\n"]),
        (
            b"From a\nS: 1\n\none\nFrom no blank line\n\n\n\nFrom b\nS: 2",
            [b"S: 1\n\none\nFrom no blank line\n\n\n", b"S: 2"],
        ),
        (b"S: 1\n\none\n\nFrom a\n", [b"S: 1\n\none\n\nFrom a\n"]),
    ],
)
def test_an_mbox_is_cut_where_its_mails_begin(octets: bytes, mails: list[bytes], tmp_path: Path) -> None:
    assert mails_of(octets, tmp_path) == [(mail, None) for mail in mails]


def test_one_large_mail_does_not_hide_the_others(tmp_path: Path) -> None:
    octets = b"From a\nS: 1\n\n" + b"x" * 300_000 + b"\n" * 2000 + b"From b\nS: 2\n\ntwo\n"
    assert mails_of(octets, tmp_path) == [(b"", "larger than 1,000 octets"), (b"S: 2\n\ntwo\n", None)]


def test_a_large_mbox_is_read_as_it_comes(tmp_path: Path) -> None:
    """The first mails are there before the last are read: a pipe that is still open gives them."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from todoke.cli.mailfiles import find_mails\nfor m in find_mails('-', 99):print(len(m.raw),flush=True)",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"From a\nS: 1\n\none\n\n" + b"From b\nS: 2\n\ntwo\n\n" * 20_000)
    process.stdin.flush()
    assert process.stdout.readline() == b"10\n"
    process.stdin.close()
    assert len(process.stdout.readlines()) == 20_000
    process.stdout.close()
    assert process.wait() == 0
