"""Failure reports made for measuring: mutated ones, and those of the relay."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from benchmarks.mutations import endlessly
from benchmarks.plan import Plan
from benchmarks.problems import Failed
from benchmarks.reports_source import composed
from benchmarks.sections import fuzz
from bounce_handler.parsing import parse
from core.reports import Action, Reason

SEEDS = [b"From: a@b\nSubject: one\n\nbody\n", b"From: c@d\r\n\r\nother\r\n"]


def test_mutations_are_the_same_in_every_run() -> None:
    first = list(islice(endlessly(SEEDS, 1), 200))
    assert first == list(islice(endlessly(SEEDS, 1), 200))
    assert first != list(islice(endlessly(SEEDS, 2), 200))
    assert len(set(first)) > 150


def test_mutated_mails_are_counted(tmp_path: Path) -> None:
    (section,) = fuzz.measure(Plan(tmp_path, count=50))
    assert "50 mutated mails" in section.about


def test_a_mail_that_raises_fails_the_run_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(mail: bytes) -> None:
        raise ValueError("no such charset")

    monkeypatch.setattr(fuzz, "read", read)
    monkeypatch.setattr(fuzz, "_FINDS", tmp_path / "fuzz")
    with pytest.raises(Failed, match=r"5 of 5 mails, kept in .*no such charset"):
        list(fuzz.measure(Plan(tmp_path, count=5)))
    assert len(list((tmp_path / "fuzz").iterdir())) == 5


def test_the_relays_reports_are_read_as_meant() -> None:
    (mail,) = composed([["r-x@bounces.example.jp", "<1@g-mis.net>", "soumu@example.jp"]])
    opening, _, data = mail.partition(b"\0")
    assert opening == b"MAIL FROM:<>\r\nRCPT TO:<r-x@bounces.example.jp>\r\nDATA\r\n"
    report = parse(data.removesuffix(b".\r\n"))
    (recipient,) = report.recipients
    assert (recipient.address, recipient.action, recipient.reason) == (
        "soumu@example.jp",
        Action.FAILED,
        Reason.USERUNKNOWN,
    )
    assert report.original_message_id == "1@g-mis.net"
