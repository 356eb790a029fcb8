"""Asking a running API, at a steady pace whether or not the earlier questions have been answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlencode

from benchmarks.problems import Failed
from benchmarks.processes import LOOPBACK

_THREADS = 16
_TIMEOUT_SECONDS = 60


class Asker:
    """Asks one API under a token, over one kept connection a thread."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._local = threading.local()

    def ask(self, path: str) -> bytes:
        """The answer to one question. Raises Failed unless it is a good one."""
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection(LOOPBACK, self._port, timeout=_TIMEOUT_SECONDS)
        connection: HTTPConnection = self._local.connection
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise Failed(f"{path} was answered {answer.status}: {text[:300]!r}")
        return text

    def paced(self, paths: Sequence[str], per_second: float) -> list[float]:
        """Milliseconds from the moment when each question was due to its whole answer."""
        first = time.monotonic() + 0.1
        with ThreadPoolExecutor(_THREADS) as pool:
            asked = [pool.submit(self._at, first + number / per_second, path) for number, path in enumerate(paths)]
            return [one.result() for one in asked]

    def _at(self, due: float, path: str) -> float:
        time.sleep(max(0.0, due - time.monotonic()))
        self.ask(path)
        return (time.monotonic() - due) * 1000


def place(path: str, **query: str) -> str:
    """A path with its query."""
    return f"{path}?{urlencode(query)}"
