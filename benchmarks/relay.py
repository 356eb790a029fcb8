"""Where the mails go: Debian's `smtp-sink`, and `smtp-source` to the same sink as the ceiling."""

from __future__ import annotations

import contextlib
import getpass
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import LOOPBACK, free_port, running, tool, wait_until

CONNECTIONS = 10
"""Of every sender, and of smtp-source."""

_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Relay:
    """A receiving SMTP server."""

    port: int


@contextlib.contextmanager
def smtp_sink(folder: Path) -> Iterator[Relay]:
    """A sink that accepts and forgets."""
    port = free_port()
    command = [tool("smtp-sink", "postfix"), *_user(), f"{LOOPBACK}:{port}", str(_BACKLOG)]
    with running(command, log=folder / "smtp-sink.log"):
        wait_until(lambda: _listens(port), "smtp-sink listens", 10)
        yield Relay(port)


def ceiling(relay: Relay, octets: int, count: int) -> float:
    """Mails a second of this size over kept connections, by `smtp-source`."""
    command = [tool("smtp-source", "postfix"), "-d", "-s", str(CONNECTIONS), "-m", str(count), "-l", str(octets)]
    command += ["-f", "info@example.jp", "-t", "soumu@example.jp", f"{LOOPBACK}:{relay.port}"]
    started = time.perf_counter()
    subprocess.run(command, check=True, timeout=120)
    return count / (time.perf_counter() - started)


def _user() -> list[str]:
    return ["-u", "nobody"] if getpass.getuser() == "root" else []


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
