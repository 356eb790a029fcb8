"""The whole way, through the doors that users have: HTTP in, SMTP out, reports back, the helpdesk's answers.

`todoke serve` and `todoke sink` run as processes of their own, on a fast clock over a year-end.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from todoke.testing import TodokeSink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LINK = "https://www.g-mis.mhlw.go.jp/s/geheimer-link"
TOKEN = "geheimer-token"
SPEED = 20000


@dataclass
class Whole:
    """The running service and its sink."""

    api: httpx2.Client
    sink: TodokeSink
    data: Path
    log: Path

    def post(self, raw: dict[str, Any], status: int = 202) -> dict[str, Any]:
        answer = self.api.post("/v1/jobs", json=raw)
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def messages(self, **filters: str) -> list[dict[str, Any]]:
        answer = self.api.get("/v1/messages", params={"limit": "250", **filters})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def wait_until_final(self, wanted: int) -> dict[tuple[str, str], dict[str, Any]]:
        """All messages by application and kind, once none is on its way; the service's own answers are the signal."""
        while True:
            found = self.messages()
            waiting = [one for one in found if one["status"] in ("held", "scheduled", "sending", "deferred")]
            if len(found) >= wanted and not waiting:
                return {(one["application_id"], one["kind"]): one for one in found}
            breathe()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder = tmp_path_factory.mktemp("whole")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TODOKE_")} | {
        "TODOKE_DATA_DIR": str(folder / "data"),
        "TODOKE_API_TOKEN": TOKEN,
        "TODOKE_HTTP_PORT": "0",
        "TODOKE_BOUNCE_PORT": str(free_port()),
        "TODOKE_CLOCK": f"2026-12-28T00:30:00+09:00@{SPEED}",
    }
    bounces_to = f"127.0.0.1:{environment['TODOKE_BOUNCE_PORT']}"
    log = folder / "log"
    with TodokeSink(["--bounces-to", bounces_to]) as sink, log.open("wb") as errors:
        environment["TODOKE_SMTP_PORT"] = str(sink.smtp_port)
        command = [sys.executable, "-m", "todoke", "serve"]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, cwd=folder, text=True
        )
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            url = re.search(r"http://\S+", ready)
            assert url is not None, ready + log.read_text()
            headers = {"Authorization": f"Bearer {TOKEN}"}
            with httpx2.Client(base_url=url[0], headers=headers, timeout=30) as api:
                yield Whole(api, sink, folder / "data", log)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.stdout is not None
            process.stdout.close()
            assert process.wait(10) == 0


def breathe() -> None:
    """Between two questions to a process whose clock is not ours: asked again, never waited out."""
    threading.Event().wait(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def job(number: int, email: str, route: str = "self", account: str = "none", **changes: Any) -> dict[str, Any]:
    return {
        "job_id": f"job-{number}",
        "kind": "account-issue",
        "application": {"id": f"A-{number}", "route": route, "account": account, "received_on": "2026-12-01"},
        "institution": {
            "code": f"35{number:05d}",
            "name": f"第{number}みなと病院",
            "type": "hospital",
            "prefecture": "35",
        },
        "recipient": {"email": email, "family_name": "髙﨑", "given_name": "花子"},
        "data": {"login_id": f"h{number}", "setup_url": LINK},
    } | changes


CASES = {
    1: ("good@example.jp", "self", "none"),
    2: ("pre-check.bounce-5.1.1+a@example.jp", "self", "none"),
    3: ("guide.bounce-5.2.2+a@example.jp", "prefecture", "none"),
    4: ("b@example.jp", "self", "unpermitted"),
    5: ("c@example.jp", "self", "permitted"),
    6: ("d@example.jp", "prefecture", "unpermitted"),
    7: ("e@example.jp", "prefecture", "permitted"),
    8: ("guide.drop+a@example.jp", "self", "none"),
    9: ("reject-550-5.1.1+a@example.jp", "self", "none"),
    10: ("defer-2+a@example.jp", "self", "none"),
    11: ("delay+a@example.jp", "self", "none"),
    12: ("vacation+a@example.jp", "self", "none"),
    13: ("guide.reject-data-554+a@example.jp", "self", "none"),
    14: ("a..b.@docomo.ne.jp", "self", "none"),
}

EXPECTED = {
    (1, "pre-check"): "sent", (1, "guide"): "sent",
    (2, "pre-check"): "undelivered", (2, "guide"): "cancelled",
    (3, "pre-check"): "sent", (3, "guide"): "undelivered",
    (4, "existing-user-confirm"): "sent",
    (8, "pre-check"): "sent", (8, "guide"): "in-doubt",
    (9, "pre-check"): "undelivered", (9, "guide"): "cancelled",
    (10, "pre-check"): "sent", (10, "guide"): "sent",
    (11, "pre-check"): "sent", (11, "guide"): "sent",
    (12, "pre-check"): "sent", (12, "guide"): "sent",
    (13, "pre-check"): "sent", (13, "guide"): "undelivered",
    (14, "pre-check"): "sent", (14, "guide"): "sent",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(whole: Whole) -> dict[tuple[str, str], dict[str, Any]]:
    """All cases published and come to their ends."""
    for number, (email, route, account) in CASES.items():
        whole.post(job(number, email, route, account))
    whole.wait_until_final(len(EXPECTED))
    # The last report leaves the sink up to two seconds after its mail; its effect ends the wait.
    while whole.messages(kind="guide", application_id="A-3")[0]["status"] != "undelivered":
        breathe()
    return whole.wait_until_final(len(EXPECTED))


def test_statuses(run: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert {(int(key[0][2:]), key[1]): message["status"] for key, message in run.items()} == EXPECTED


def test_the_sink_holds_exactly_the_mails_of_the_rule_table(whole: Whole, run: dict[Any, dict[str, Any]]) -> None:
    left = {"sent", "in-doubt"}
    reported = {(2, "pre-check"), (3, "guide")}  # taken first, reported back later
    due = [key for key, status in EXPECTED.items() if status in left or key in reported]
    expected = sorted((kind, CASES[number][0]) for number, kind in due)
    held = sorted((mail.kind, mail.to[0]) for mail in whole.sink.messages())
    assert held == expected


def test_no_guide_left_on_the_day_of_its_pre_check_nor_on_a_closed_day(run: dict[Any, dict[str, Any]]) -> None:
    for (application, kind), message in run.items():
        if kind == "guide" and message["sent_at"]:
            sent = datetime.fromisoformat(message["sent_at"])
            pre_check = datetime.fromisoformat(run[application, "pre-check"]["sent_at"])
            assert sent.date() > pre_check.date()
            assert (sent.month, sent.day) not in {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)}
            assert sent.weekday() < 5
            assert 9 <= sent.hour


def test_reasons(run: dict[Any, dict[str, Any]]) -> None:
    assert run["A-2", "guide"]["reason"] == "pre-check-undelivered"
    assert (run["A-3", "guide"]["reason"], run["A-3", "guide"]["bounce_class"]) == ("mailboxfull", "soft")
    assert (run["A-9", "pre-check"]["reason"], run["A-9", "pre-check"]["smtp_code"]) == ("userunknown", 550)
    assert run["A-9", "pre-check"]["bounce_class"] == "hard"
    assert run["A-10", "guide"]["attempts"] == 3


def test_every_message_tells_its_story(whole: Whole, run: dict[Any, dict[str, Any]]) -> None:
    for message in run.values():
        story = whole.api.get(f"/v1/messages/{message['id']}").json()["events"]
        assert story[0]["type"] == "accepted"
        assert story[-1]["status"] == message["status"]
        if message["sent_at"]:
            told = [event["type"] for event in story]
            assert told.index("claimed") < told.index("sent")


def test_the_guide_as_its_reader_sees_it(whole: Whole, run: dict[Any, dict[str, Any]]) -> None:
    (mail,) = [mail for mail in whole.sink.messages(to="good@example.jp") if mail.kind == "guide"]
    assert mail.subject == "【厚生労働省G-MIS事務局】G-MISログインIDのお知らせ及びパスワード設定のご依頼"
    lines = mail.text.splitlines()
    assert lines[lines.index("システムをご利用するには") + 1] == LINK
    assert "髙﨑 花子 様" in lines
    assert LINK in mail.html
    assert mail.headers["Auto-Submitted"] == "auto-generated"
    assert mail.headers["Date"].endswith("+0900")


def test_no_secret_is_left_anywhere(whole: Whole, run: dict[Any, dict[str, Any]]) -> None:
    for file in sorted(whole.data.iterdir()):
        assert b"geheimer-link" not in file.read_bytes(), file.name
    log = whole.log.read_text()
    assert "geheim" not in log
    assert "@example.jp" not in log
    answers = json.dumps([whole.api.get(f"/v1/messages/{message['id']}").json() for message in run.values()])
    assert "geheimer-link" not in answers


def test_the_helpdesks_answers(whole: Whole, run: dict[Any, dict[str, Any]]) -> None:
    def advice(number: int, symptom: str) -> str:
        params = {"institution_code": f"35{number:05d}", "symptom": symptom}
        found: str = whole.api.get("/v1/advice", params=params).json()["id"]
        return found

    assert advice(3, "not-arrived") == "reapply"
    assert advice(3, "mailbox-full") == "free-mailbox"
    assert advice(1, "person-left") == "change-address"
    assert advice(1, "lost-guide") == "ask-login-id-and-reset-password"
    assert advice(5, "not-arrived") == "confirm-permission"
    institution = whole.api.get("/v1/institutions/3500003").json()
    assert "不達" in institution["summary"]
    assert institution["procedure"]["id"] == "reapply"


@pytest.mark.parametrize("number", [1, 3, 8])
def test_a_guide_is_never_sent_again(whole: Whole, run: dict[Any, dict[str, Any]], number: int) -> None:
    answer = whole.api.post(f"/v1/messages/{run[f'A-{number}', 'guide']['id']}/resend")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/resend-impossible")
    assert answer.json()["procedure"]["steps"]
    again = whole.post(job(number, "x@example.jp") | {"job_id": f"again-{number}"}, status=409)
    assert again["type"].endswith("/already-issued")
    before = len(whole.sink.messages(kind="guide"))
    assert before == len([key for key in EXPECTED if key[1] == "guide" and EXPECTED[key] != "cancelled"]) - 1


def test_a_guide_in_doubt_is_decided_by_a_person(whole: Whole, run: dict[Any, dict[str, Any]]) -> None:
    message_id = run["A-8", "guide"]["id"]
    answer = whole.api.post(f"/v1/messages/{message_id}/resolve", json={"outcome": "sent", "why": "電話で確認"})
    assert answer.status_code == 200
    assert answer.json()["status"] == "sent"


def test_what_is_sent_settles(whole: Whole, run: dict[Any, dict[str, Any]]) -> None:
    while not whole.messages(application_id="A-1", kind="guide")[0]["settled"]:
        breathe()
    assert whole.messages(application_id="A-1", kind="guide")[0]["label"] == "送信完了"
