"""The sample files are what they promise: encodings, rule rows, hard cases, and lines refused for their own reasons."""

from __future__ import annotations

import asyncio
import json
import re
import time
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from config.dataset import load_data
from config.samples import FOLDER, make
from config.settings import Settings
from core.clock import Anchor, SimulatedClock
from core.jst import TOKYO
from core.kinds import Kind
from helpdesk.vocabulary import Symptom
from scheduler.files import Line, read_lines
from scheduler.intake import Answer
from scheduler.rules import RULE_TABLE
from todoke.service import prepare
from todoke.wiring import Wiring

Results = Mapping[str, list[tuple[Line, Answer]]]

PUBLISHED_AT = {
    "applications.csv": datetime(2026, 12, 25, 8, 30, tzinfo=TOKYO),
    "reports.ndjson": datetime(2026, 12, 28, 9, 30, tzinfo=TOKYO),
    "applications.ndjson": datetime(2026, 12, 28, 10, 0, tzinfo=TOKYO),
    "reports-january.ndjson": datetime(2027, 1, 5, 8, 40, tzinfo=TOKYO),
}
REFUSED = {
    "applications.csv": [
        *("format", "local-part", "format", "host", "future"),
        *("no-contact", "not-by-rule", "not-for-this-route", "unparsable"),
    ],
    "reports.ndjson": ["choice"],
    "applications.ndjson": [
        *("recipient-differs", "unknown-field", "past", "already-issued", "another-institution", "no-pre-check"),
        *("paper-channel", "job-id-reused", "unparsable"),
    ],
    "reports-january.ndjson": [],
}
"""In the order of their lines. `pre-check-undelivered` needs a bounce and is seen in the whole demo."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """All files handed in, each at its moment, with the samples' contacts; nothing is sent."""
    return asyncio.run(_hand_in(tmp_path_factory.mktemp("samples")))


async def _hand_in(folder: Path) -> Results:
    clock = SimulatedClock(Anchor(min(PUBLISHED_AT.values()), time.time(), 1))
    settings = Settings.model_validate({"data_dir": folder, "config_dir": FOLDER / "config"})
    wiring = Wiring(settings, clock)
    try:
        await prepare(wiring, settings)
        return {file: await _upload(wiring, clock, file) for file in PUBLISHED_AT}
    finally:
        await wiring.close()


async def _upload(wiring: Wiring, clock: SimulatedClock, file: str) -> list[tuple[Line, Answer]]:
    clock.leap_to(PUBLISHED_AT[file])
    with (FOLDER / file).open("rb") as stream:
        lines = list(read_lines(stream, file))
    accept = wiring.reporting.accept if file.startswith("reports") else wiring.intake.accept
    return list(zip(lines, await accept([line.raw for line in lines], "samples"), strict=True))


@pytest.fixture(scope="module")
def issues(results: Results) -> list[dict[str, Any]]:
    """The accepted account-issues, as published."""
    answered = [*results["applications.csv"], *results["applications.ndjson"]]
    return [line.raw for line, answer in answered if answer.status == 202 and line.raw["kind"] == "account-issue"]


def test_files_are_those_of_their_tables(tmp_path: Path) -> None:
    make.write(tmp_path)
    for name in make.FILES:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), (
            f"run python -m config.samples.make: {name}"
        )


def test_csv_is_cp932_and_cannot_be_utf8() -> None:
    content = (FOLDER / "applications.csv").read_bytes()
    text = content.decode("cp932")
    assert "髙" in text
    assert "﨑" in text
    assert content.count(b"\r\n") == content.count(b"\n")
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")


def test_ndjson_is_utf8_with_what_cp932_cannot_say() -> None:
    text = (FOLDER / "applications.ndjson").read_bytes().decode("utf-8")
    assert "𠮷﨑" in text
    with pytest.raises(UnicodeEncodeError):
        text.encode("cp932")


def test_at_least_300_applications_in_at_least_five_prefectures(issues: list[dict[str, Any]]) -> None:
    assert len({job["application"]["id"] for job in issues}) >= 300
    assert len({job["institution"]["prefecture"] for job in issues}) >= 5
    assert len({job["institution"]["type"] for job in issues}) == 5


def test_every_row_of_the_rule_table_in_both_files(results: Results) -> None:
    for file in ("applications.csv", "applications.ndjson"):
        jobs = [line.raw for line, answer in results[file] if answer.status == 202]
        rows = Counter(
            (job["application"]["route"], job["application"]["account"])
            for job in jobs
            if job["kind"] == "account-issue"
        )
        assert set(rows) == {(str(route), str(account)) for route, account in RULE_TABLE}
        assert min(rows.values()) >= 4


def test_every_kind_of_mail_follows_from_the_samples(results: Results) -> None:
    answers = [answer for file in ("applications.csv", "applications.ndjson") for _, answer in results[file]]
    planned = {message["kind"] for answer in answers if answer.accepted for message in answer.body["messages"]}
    assert planned == set(Kind)


@pytest.mark.parametrize("file", PUBLISHED_AT)
def test_bad_lines_are_refused_each_for_its_reason(results: Results, file: str) -> None:
    refused = [answer for _, answer in results[file] if not answer.accepted]
    found = [answer.body["errors"][0]["code"] if answer.body["errors"] else answer.body["code"] for answer in refused]
    assert found == REFUSED[file]


def test_one_line_is_published_twice_and_answers_the_same(results: Results) -> None:
    repeated = [(line, answer) for line, answer in results["applications.ndjson"] if answer.status == 200]
    assert len(repeated) == 1
    first = next(answer for line, answer in results["applications.ndjson"] if line.raw == repeated[0][0].raw)
    assert first.status == 202
    assert first.body == repeated[0][1].body


def test_hard_input_is_there(issues: list[dict[str, Any]]) -> None:
    addresses = [job["recipient"]["email"] for job in issues]
    assert any("＠" in address for address in addresses)
    for form in (r".*\.\..*@docomo\.ne\.jp", r".*\.@ezweb\.ne\.jp", r"\..*@au\.com"):
        assert any(re.fullmatch(form, address) for address in addresses), form
    for local in ("pre-check.bounce-5.1.1+", "guide.bounce-5.2.2+", "full+", "guide.drop+", "vacation+", "delay+"):
        assert any(local in address for address in addresses), local
    assert max(len(job["institution"]["name"]) for job in issues) > 150
    assert any("department" not in job["recipient"] for job in issues)
    assert any(set(job["recipient"]) == {"email"} for job in issues)
    codes = [job["institution"]["code"] for job in issues]
    assert any(unicodedata.normalize("NFKC", code) != code for code in codes)


def test_one_owner_has_several_pharmacies(issues: list[dict[str, Any]]) -> None:
    pharmacies = Counter(job["recipient"]["email"] for job in issues if job["institution"]["type"] == "pharmacy")
    assert pharmacies["owner@kusuri-group.example.jp"] == 5
    assert pharmacies["guide.bounce-5.2.2+owner@yakkyoku-chain.example.jp"] == 3


def test_codes_and_names_of_institutions_are_their_own(issues: list[dict[str, Any]]) -> None:
    names = {job["institution"]["code"]: job["institution"]["name"] for job in issues}
    assert len(set(names.values())) == len(names)
    assert all({job["institution"]["name"]} == {names[job["institution"]["code"]]} for job in issues)


def test_addresses_are_nobodys() -> None:
    """Reserved domains (RFC 2606), and the carriers for their old forms alone."""
    carriers = {"docomo.ne.jp", "ezweb.ne.jp", "au.com"}
    text = "".join(
        content().decode("cp932" if name.endswith(".csv") else "utf-8") for name, content in make.FILES.items()
    )
    domains = {match.rstrip(".") for match in re.findall(r"@([\w.-]+)", unicodedata.normalize("NFKC", text))}
    reserved = {domain for domain in domains if re.fullmatch(r"(.+\.)?example\.(jp|com)", domain)}
    assert domains - reserved == carriers


def test_demo_contacts_are_plainly_fictional() -> None:
    told = tomllib.loads((FOLDER / "config" / "prefectures.toml").read_text("utf-8"))
    contacts = [prefecture["contact"] for prefecture in told["prefectures"].values()]
    assert len(contacts) >= 5
    for contact in contacts:
        assert "架空" in contact["name"]
        assert contact["phone"].startswith("000-0000-")
        assert contact["email"].endswith("@example.jp")


def test_config_overlay_is_accepted_and_leaves_the_shipped_contact() -> None:
    data = load_data(FOLDER / "config", list(Symptom))
    assert {"01", "04", "13", "23", "27", "35", "40"} == {code for code in _codes() if data.prefectures.contact(code)}
    shipped = load_data(None, list(Symptom))
    assert data.prefectures.contact("35") == shipped.prefectures.contact("35")


def _codes() -> list[str]:
    return [f"{number:02d}" for number in range(1, 48)]


def test_reports_hold_every_status_and_paper() -> None:
    told = [json.loads(line) for line in (FOLDER / "reports.ndjson").read_text("utf-8").splitlines()]
    assert {report["status"] for report in told} >= {"not-started", "in-progress", "reported"}
    assert any(report.get("channel") == "paper" and report["recipient"] is None for report in told)
    assert any(report.get("last_year_data") is False for report in told)
    assert any("complaint" in (report["recipient"] or {}).get("email", "") for report in told)


def test_an_older_word_changes_nothing(results: Results) -> None:
    assert [answer.body["stale"] for _, answer in results["reports-january.ndjson"]].count(True) == 1
