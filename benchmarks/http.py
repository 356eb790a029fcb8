"""Posting jobs to a running API: one kept connection a thread, and posts at a steady pace."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from benchmarks.instance import TOKEN
from benchmarks.problems import Failed
from benchmarks.processes import LOOPBACK

_THREADS = 16
_TIMEOUT_SECONDS = 60
_HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Posted:
    """When a post was due, and when its answer was there; seconds of the monotonic clock."""

    due: float
    answered: float

    @property
    def milliseconds(self) -> float:
        """From the moment when it was due: a slow answer does not hide that later posts had to wait."""
        return (self.answered - self.due) * 1000


class Poster:
    """Posts to one API from several threads."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._local = threading.local()

    def post(self, body: bytes, wanted: int) -> None:
        """Post one body. Raises Failed unless it is answered with `wanted`, and each job of a batch with 202."""
        connection = self._connection()
        connection.request("POST", "/v1/jobs", body, _HEADERS)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != wanted:
            raise Failed(f"answered {answer.status} instead of {wanted}: {text[:500]!r}")
        if wanted == 207 and any(result["http_status"] != 202 for result in json.loads(text)["results"]):
            raise Failed(f"a job of a batch was refused: {text[:500]!r}")

    def together(self, bodies: Sequence[bytes], clients: int) -> float:
        """Post batches from that many clients at once; the seconds that it took."""
        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda body: self.post(body, 207), bodies))
        return time.perf_counter() - started

    def paced(self, bodies: Sequence[bytes], per_second: float) -> list[Posted]:
        """Post single jobs at a steady pace, whether or not the earlier ones have been answered."""
        first = time.monotonic() + 0.1
        with ThreadPoolExecutor(_THREADS) as pool:
            posts = [pool.submit(self._at, first + number / per_second, body) for number, body in enumerate(bodies)]
            return [post.result() for post in posts]

    def _at(self, due: float, body: bytes) -> Posted:
        time.sleep(max(0.0, due - time.monotonic()))
        self.post(body, 202)
        return Posted(due, time.monotonic())

    def _connection(self) -> HTTPConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection(LOOPBACK, self._port, timeout=_TIMEOUT_SECONDS)
        connection: HTTPConnection = self._local.connection
        return connection


def encoded(job: Any) -> bytes:
    """A job or a batch as JSON."""
    return json.dumps(job, ensure_ascii=False).encode()
