"""`todoke demo` as a newcomer runs it: from any folder, to its end; and as one who stays to look around."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.kinds import Kind
from core.statuses import Status

pytestmark = pytest.mark.slow

SECONDS = 60.0
"""The demo ends within a minute. Others may be busy on this machine: what is bounded here is its processor time."""

COMMAND = (sys.executable, "-m", "todoke", "demo")


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """The command in a folder of its own, whose temporary files go there too."""
    paths = os.pathsep.join(sys.path)
    misleading = {"TODOKE_ENVIRONMENT": "production", "TODOKE_HTTP_PORT": "80", "TODOKE_CLOCK": "never"}
    environment = {**os.environ, **misleading, "PYTHONPATH": paths, "TMPDIR": str(folder)}
    return subprocess.Popen(
        [*COMMAND, *options], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def processor_seconds() -> float:
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `todoke demo` prints."""
    folder = tmp_path_factory.mktemp("demo")
    before = processor_seconds()
    process = start(folder)
    output, errors = process.communicate(timeout=2 * SECONDS)
    assert process.returncode == 0, output[-2000:] + errors
    assert errors == ""
    assert processor_seconds() - before < SECONDS / 2
    assert list(folder.iterdir()) == []
    return output


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """`todoke demo --serve --json`, once it has told everything and stays up."""
    process = start(tmp_path_factory.mktemp("serve"), "--serve", "--json")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            break
    yield process, json.loads("".join(lines))
    process.kill()
    process.communicate()


def test_checks_hold(told: str) -> None:
    checks = told.partition("== 確認した規則")[2].partition("== 次に")[0]
    assert len(re.findall(r"^OK  ", checks, re.MULTILINE)) >= 10
    assert "NG" not in checks


def test_says_what_is_being_done(told: str) -> None:
    assert "2026-12-25 (金) 08:30  申請を受け付ける" in told
    assert "2026-12-28 (月) 10:00  申請と各種のメールを受け付ける" in told
    assert "2027-01-04 (月) 08:00  年末年始の休みが明ける" in told
    assert re.search(r"× \d+行目 invalid: .*\(recipient\.email: ", told)
    assert re.search(r"× \d+行目 pre-check-undelivered: ", told)


def test_each_message_has_its_line(told: str) -> None:
    lines = told.partition("== 1通ごとの経過")[2].partition("== まとめ")[0].strip().splitlines()[1:]
    total = sum(int(row.split()[-2]) for row in _table(told))
    assert len(lines) == total
    assert any(re.match(r"demo-app-0301 +guide +送信完了 +12-28 10:.*→ 01-04 09:", line) for line in lines)


def test_counts_by_kind_and_status(told: str) -> None:
    assert [row.split()[0] for row in _table(told)] == list(Kind)
    for label in ("送信完了", "送信予約", "送信結果不明", "不達", "取消", "期限切れ", "送信停止"):
        assert label in told.partition("== 種類と状態")[2].splitlines()[1]


def _table(told: str) -> list[str]:
    return told.partition("== 種類と状態")[2].partition("\n\n")[0].splitlines()[2:]


def test_three_timelines_with_evidence(told: str) -> None:
    shown = told.partition("== 3つの申請の経過")[2].partition("== 問い合わせ")[0]
    good, pre_check, guide = shown.split("■")[1:]
    assert re.search(r"2026-12-28 \(月\) \d\d:\d\d  送信完了 \(sent\)", good)
    assert re.search(r"2027-01-04 \(月\) 09:\d\d  送信完了 \(sent\)", good)
    assert re.search(r"不達（不達通知） \(bounced\) +550 5\.1\.1 userunknown", pre_check)
    assert "pre-check-undelivered" in pre_check
    assert "相手側サーバの回答" in guide


def test_helpdesk_answers(told: str) -> None:
    answers = told.partition("== 問い合わせ")[2].partition("== 確認")[0]
    for procedure in ("reapply", "free-mailbox", "change-address", "ask-login-id-and-reset-password"):
        assert f"({procedure})" in answers
    assert re.search(r"POST /v1/messages/[0-9a-f-]{36}/resend → 409", answers)


def test_plain_text_when_piped(told: str) -> None:
    assert "\x1b" not in told
    assert told.startswith("todoke demo")


def test_json_is_one_document_of_everything(served: tuple[Any, dict[str, Any]]) -> None:
    _, document = served
    assert document["holds"] is True
    assert document["applications"] >= 300
    assert set(document["timelines"]) == {"good", "pre-check-undelivered", "guide-undelivered"}
    assert [answer["http_status"] for answer in document["helpdesk"]] == [200, 200, 200, 200, 409]
    assert all(check["holds"] and check["tried"] for check in document["checks"])
    assert {message["status"] for message in document["messages"]} >= {
        *(Status.SENT, Status.UNDELIVERED, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED, Status.IN_DOUBT)
    }
    refused = [refusal["code"] for upload in document["uploads"] for refusal in upload["refused"]]
    assert {"invalid", "no-contact", "already-issued", "pre-check-undelivered", "job-id-reused"} <= set(refused)
    assert sum(document["mails_in_sink"].values()) >= 500


def test_stays_up_and_ends_when_told(served: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    process, document = served
    serving = document["serving"]
    code = document["timelines"]["guide-undelivered"]["messages"][0]["institution_code"]
    answer = json.loads(_get(f"{serving['api']}/v1/institutions/{code}", serving["token"]))
    assert answer["procedure"]["id"] == "reapply"
    assert "<html" in _get(serving["docs"], None).lower()
    assert 'name="password"' in _get(f"{serving['pages']}/login", None)
    assert {"user", "password"} <= set(serving)
    assert "<html" in _get(serving["sink"], None).lower()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 0


def _get(url: str, token: str | None) -> str:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers), timeout=15) as reply:
        body: bytes = reply.read()
    return body.decode()
