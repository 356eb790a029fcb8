"""Child processes: started, watched, and ended whatever happens; nobody else's are touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.problems import Failed, Missing

LOOPBACK = "127.0.0.1"

_STOP_SECONDS = 12.0
_TICKS = os.sysconf("SC_CLK_TCK")
_POLL_SECONDS = 0.02


def tool(name: str, package: str) -> str:
    """The path of a program. Raises Missing, naming Debian's package."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"{name} is not installed: apt-get install {package} (it need not be running)")
    return found


def free_port() -> int:
    """A port of the loopback interface on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A child in the folder of its log, which takes its stderr; its stdout and stdin are pipes."""
    with log.open("a") as errors:
        child = subprocess.Popen(
            command, env=env, cwd=log.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        yield child
    finally:
        end(child)


def end(child: subprocess.Popen[str]) -> None:
    """Ask it to end; make it end; close its pipes."""
    with child:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()


def first_line(child: subprocess.Popen[str], log: Path) -> str:
    """The line by which a child says that it is ready. Raises Failed with the end of its log."""
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise Failed(f"a process ended before it was ready:\n{tail(log)}")
    return line.rstrip("\n")


def tail(log: Path, characters: int = 2000) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-characters:]


def has_ended(child: subprocess.Popen[str]) -> bool:
    """Whether it has ended; its CPU time stays readable, unlike after `poll`."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait_until(happened: Callable[[], bool], what: str, seconds: float) -> None:
    """Look again and again. Raises Failed when it has not happened in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(_POLL_SECONDS)


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process, of the children it has waited for, and of those that live (Linux)."""
    own = _fields(Path(f"/proc/{pid}/stat"))
    living = (_fields(path) for path in Path("/proc").glob("[0-9]*/stat"))
    children = sum(_ticks(fields) for fields in living if fields and int(fields[1]) == pid)
    return (_ticks(own) + children) / _TICKS


def _fields(stat: Path) -> list[str]:
    """The fields from the state on; none for a process that is gone."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ticks(fields: Sequence[str]) -> int:
    return sum(int(ticks) for ticks in fields[11:15])
