"""Notices in plain words, as the mail systems of the world write them: whom they are about, and why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bounce_handler.parsing import parse

ORIGINAL = """\
Received: from todoke by relay.example.jp; Tue, 24 Nov 2026 10:00:00 +0900
From: G-MIS <info@g-mis.net>
To: soumu@hospital.example.jp
Subject: test
Message-ID: <1@g-mis.net>

body"""
NOTICES = Path(__file__).with_name("notices.txt").read_text("utf-8").split("\n=== ")[1:]


def mail(notice: str) -> str:
    head, _, text = notice.partition("\n")[2].partition("\n\n")
    return f"Return-Path: <>\nTo: r@bounces.example.jp\n{head}\n\n{text.replace('%ORIGINAL%', ORIGINAL)}\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_each_names_its_recipient_and_reason(ending: str) -> None:
    wrong = []
    for notice in NOTICES:
        report = parse(mail(notice).replace("\n", ending).encode())
        told = [(one.address, f"{one.action} {one.reason}") for one in report.recipients]
        if told != [("soumu@hospital.example.jp", notice.partition("\n")[0])]:
            wrong.append((notice, told))
    assert wrong == []


@pytest.mark.parametrize("charset", ["utf-8", "iso-2022-jp", "euc_jp", "cp932"])
def test_japanese_ones_are_read_in_any_charset_without_a_label(charset: str) -> None:
    japanese = [notice for notice in NOTICES if re.search("[ぁ-ん]", notice)]
    assert len(japanese) >= 8
    for notice in japanese:
        (recipient,) = parse(mail(notice).encode(charset)).recipients
        assert f"{recipient.action} {recipient.reason}" == notice.partition("\n")[0]
