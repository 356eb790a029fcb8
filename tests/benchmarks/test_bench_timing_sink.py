"""The benchmark's own SMTP server: any client, any cut of the octets; a moment for each mail that is asked for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.machine import REPOSITORY
from benchmarks.timing_sink import TimingSink

DIALOGUE = (
    b"EHLO client\r\nMAIL FROM:<r-a@bounces.example.jp>\r\nRCPT TO:<code1@latency.example.jp>\r\nDATA\r\n"
    b"Subject: 1\r\n\r\n..not the end\r\n.\r\n"
    b"mail from:<r-b@bounces.example.jp>\r\nrcpt to:<bulk@bench.example.jp>\r\ndata\r\nSubject: 2\r\n\r\nx\r\n.\r\n"
    b"QUIT\r\n"
)


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.octets = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.octets += bytes(data)


def converse(parts: list[bytes]) -> tuple[bytes, dict[str, float]]:
    transport, accepted = Written(), dict[str, float]()
    sink = TimingSink("@latency.", accepted)
    sink.connection_made(transport)
    for part in parts:
        sink.data_received(part)
    return transport.octets, accepted


@given(st.sets(st.integers(1, len(DIALOGUE) - 1)))
def test_the_answers_do_not_depend_on_how_the_octets_are_cut(cuts: set[int]) -> None:
    places = [0, *sorted(cuts), len(DIALOGUE)]
    parts = [DIALOGUE[start:end] for start, end in pairwise(places)]
    answers, accepted = converse(parts)
    codes = [line[:4] for line in answers.splitlines()]
    assert [code for code in codes if code.endswith(b" ")] == [
        b"220 ", b"250 ", b"250 ", b"250 ", b"354 ", b"250 ", b"250 ", b"250 ", b"354 ", b"250 ", b"221 "
    ]  # fmt: skip
    assert set(accepted) == {"code1@latency.example.jp"}


def test_nothing_is_accepted_before_the_final_dot() -> None:
    _, accepted = converse([DIALOGUE.partition(b"\r\n.\r\n")[0]])
    assert accepted == {}


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.timing_sink", "@latency."]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        yield child
        child.terminate()


async def test_a_client_is_served_by_the_process_and_its_mail_is_timed(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    port = int(process.stdout.readline())
    before = time.monotonic()
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as client:
        for recipient in ("code7@latency.example.jp", "other@bench.example.jp"):
            await client.sendmail("info@g-mis.net", recipient, b"Subject: x\r\n\r\n.dot\r\n")
    after = time.monotonic()
    accepted = json.loads(process.communicate(timeout=10)[0])
    assert list(accepted) == ["code7@latency.example.jp"]
    assert before < accepted["code7@latency.example.jp"] < after
