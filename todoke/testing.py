"""The captured-mail sink for the tests of any project: a pytest fixture, and a class for everything else.

With todoke installed, pytest offers the fixture `todoke_sink` by itself:

    def test_tells_the_applicant(todoke_sink):
        register(smtp=(todoke_sink.smtp_host, todoke_sink.smtp_port), email="soumu@example.jp")
        mail = todoke_sink.wait_for(to="soumu@example.jp", kind="application-complete")
        assert "受け付けました" in mail.text

The sink is a process of its own, one for the whole run; each test begins with it empty. Simulator addresses work, as
`bounce-5.1.1+x@example.jp`; override the fixture `todoke_sink_arguments` to name a listener with `--bounces-to`.
"""

from __future__ import annotations

import json
import os
import select
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import urlencode

pytest_plugins = ["todoke.pytest_plugin"]

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 60.0
_FIRST_ERROR = 400
# -P, and see _environment: a package `core` or `config` of the project under test must not stand in for ours.
_COMMAND = (sys.executable, "-P", "-m", "todoke", "sink")


class SinkFailed(RuntimeError):
    """The sink did not start, or refused a request; the message says why."""


class NoMailArrived(AssertionError):
    """`wait_for` waited in vain; the message says what the sink holds instead."""


class CapturedMail:
    """One captured mail. Text, HTML, links, headers and raw bytes are fetched when first asked for."""

    def __init__(self, sink: TodokeSink, listed: Mapping[str, Any]) -> None:
        self._sink = sink
        self.id: str = listed["id"]
        self.sender: str = listed["from"]  # the envelope's; '' is the null sender
        self.to: tuple[str, ...] = tuple(listed["to"])  # the envelope's
        self.subject: str = listed["subject"]
        self.kind: str | None = listed["kind"]  # the X-Todoke-Kind header
        self.size: int = listed["size"]  # octets
        self.received_at = datetime.fromisoformat(listed["received_at"])

    def __repr__(self) -> str:
        return f"<CapturedMail {self.id} to={', '.join(self.to)} kind={self.kind} subject={self.subject!r}>"

    @property
    def text(self) -> str:
        """The text part, '' without one."""
        return str(self._detail["text"])

    @property
    def html(self) -> str:
        """The HTML part, '' without one."""
        return str(self._detail["html"])

    @property
    def links(self) -> list[str]:
        """The web links of both parts, each once, in order."""
        return list(self._detail["links"])

    @property
    def headers(self) -> dict[str, str]:
        """Decoded header fields; the values of a repeated one stand on lines."""
        return dict(self._detail["headers"])

    @property
    def attachments(self) -> list[dict[str, Any]]:
        """`filename`, `content_type`, `content_id`, `size` and `url` (a path) of each attachment."""
        return list(self._detail["attachments"])

    @cached_property
    def raw(self) -> bytes:
        """The mail as received."""
        return self._sink.get(f"/api/v1/messages/{self.id}/raw")

    @cached_property
    def _detail(self) -> dict[str, Any]:
        return dict(json.loads(self._sink.get(f"/api/v1/messages/{self.id}")))


class TodokeSink:
    """A sink in a process of its own, on free ports. Use it as a context manager, or call `start` and `stop`."""

    def __init__(self, arguments: Sequence[str] = (), *, command: Sequence[str] = _COMMAND) -> None:
        """`arguments` are further options of `todoke sink`, such as `--bounces-to HOST:PORT`."""
        self._command = (*command, "--smtp-port", "0", "--http-port", "0", "--json", *arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self.smtp_host = self.http_host = "127.0.0.1"
        self.smtp_port = self.http_port = 0

    @property
    def url(self) -> str:
        """The address of the page and of the API, without a slash at its end."""
        return f"http://{self.http_host}:{self.http_port}"

    def start(self) -> TodokeSink:
        """Start the process and wait until it listens. Raises `SinkFailed`, also where it was started already."""
        if self._process is not None:
            raise SinkFailed("this sink was started already; another TodokeSink is another sink")
        with tempfile.TemporaryFile() as errors:
            environment = _environment(os.environ)
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=errors, env=environment)
            line = _first_line(self._process, _START_SECONDS)
            try:
                self._listens(json.loads(line))
            except (ValueError, KeyError, TypeError):
                self.stop()
                raise SinkFailed(self._why(line, errors)) from None
        return self

    def stop(self) -> None:
        """End the process, by force if it does not end by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> TodokeSink:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def messages(
        self, *, to: str | None = None, subject: str | None = None, kind: str | None = None
    ) -> list[CapturedMail]:
        """All captured mails that match, newest first: a whole address, part of the subject, the exact kind.

        Raises ValueError for one that is empty: what a test expects to have is missing there.
        """
        page = self._list(to=to, subject=subject, kind=kind)
        items = page["items"]
        while page["next"] is not None:
            page = self._list(to=to, subject=subject, kind=kind, cursor=page["next"])
            items += page["items"]
        return [CapturedMail(self, item) for item in items]

    def wait_for(
        self, *, to: str | None = None, subject: str | None = None, kind: str | None = None, timeout: float = 10.0
    ) -> CapturedMail:
        """The newest mail that matches, as soon as there is one. Raises `NoMailArrived` after `timeout` seconds.

        With a time-out of 0 or less, it must be there already. Raises ValueError as `messages` does.
        """
        deadline = time.monotonic() + timeout
        wait = min(max(timeout, 0.0), _LONGEST_WAIT_SECONDS)
        while True:
            items = self._list(to=to, subject=subject, kind=kind, limit=1, wait=f"{wait:.3f}")["items"]
            if items:
                return CapturedMail(self, items[0])
            wait = min(deadline - time.monotonic(), _LONGEST_WAIT_SECONDS)
            if wait <= 0:
                raise NoMailArrived(self._in_vain({"to": to, "subject": subject, "kind": kind}, timeout))

    def clear(self) -> None:
        """Forget all mails, and how often each deferred mail was tried."""
        self._call("DELETE", "/api/v1/messages")

    def get(self, path: str) -> bytes:
        """The body that the sink's HTTP server answers for a path. Raises `SinkFailed` when it refuses."""
        return self._call("GET", path)

    def _list(self, **parameters: object) -> dict[str, Any]:
        given = {name: value for name, value in parameters.items() if value is not None}
        empty = [name for name, value in given.items() if value == ""]
        if empty:
            raise ValueError(f"{' and '.join(empty)} must not be empty; leave it out to have mails with any")
        query = urlencode(given)
        return dict(json.loads(self.get(f"/api/v1/messages?{query}")))

    def _call(self, method: str, path: str) -> bytes:
        connection = HTTPConnection(self.http_host, self.http_port, timeout=_LONGEST_WAIT_SECONDS + _START_SECONDS)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException) as error:
            raise SinkFailed(f"{method} {path}: the sink does not answer: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= _FIRST_ERROR:
            raise SinkFailed(f"{method} {path}: {answer.status} {body.decode(errors='replace')}")
        return body

    def _listens(self, ready: Mapping[str, Any]) -> None:
        self.smtp_port, self.http_port = int(ready["smtp_port"]), int(ready["http_port"])

    def _why(self, line: bytes, errors: IO[bytes]) -> str:
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip() or f"it said {line[:200]!r} instead of its ports"
        return f"{' '.join(self._command)} did not start: {said}"

    def _in_vain(self, wanted: Mapping[str, str | None], timeout: float) -> str:
        asked = " ".join(f"{name}={value}" for name, value in wanted.items() if value is not None) or "at all"
        held = [repr(mail) for mail in self.messages()[:10]]
        instead = "; the sink holds:\n  " + "\n  ".join(held) if held else "; the sink is empty"
        return f"no mail {asked} within {timeout:g} s{instead}"


def _environment(outer: Mapping[str, str]) -> dict[str, str]:
    """The sink's: where our packages lie, before all that PYTHONPATH leads to, such as a Django project's `src/config`.

    What is installed as a wheel is found without PYTHONPATH. Its folder holds packages of others, too, and in
    PYTHONPATH these would stand before the standard library.
    """
    others = {name: value for name, value in outer.items() if name != "PYTHONPATH"}
    home = Path(__file__).resolve().parents[1]
    installed = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    if home in [Path(folder).resolve() for folder in installed]:
        return others
    return others | {"PYTHONPATH": os.pathsep.join(filter(None, [str(home), outer.get("PYTHONPATH")]))}


def _first_line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """What the process says first on stdout; less than a line when it ends, or when the time is over."""
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        said = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not said:
            break
        line += said
    return line
