"""The named peer: django-post-office with its multi-process sender."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from psycopg import sql

from benchmarks import peers
from benchmarks.draining import Backlog
from benchmarks.mails import Mail, as_django_template
from benchmarks.processes import running

_LOCK = sql.SQL("LOCK TABLE post_office_email IN ACCESS EXCLUSIVE MODE")
_RECORDED = "SELECT count(*) FROM post_office_log WHERE status = 0"
_SCRIPT = "post_office_queue.py"


@dataclass(frozen=True, slots=True)
class PostOffice:
    """A queue of the peer in a database."""

    folder: Path
    database_url: str
    smtp_port: int = 25
    tuned: bool = True

    def fill(self, mail: Mail, count: int) -> int:
        """Make its tables and queue mails; what one of them weighs on the wire."""
        content = as_django_template(mail)
        wanted = {
            "subject": content.subject,
            "text": content.text,
            "html": content.html,
            "sender": f"{content.sender_name} <info@g-mis.net>",
            "count": count,
        }
        answer = peers.ask(_SCRIPT, "fill", given=wanted, env=self._environment())
        return int(answer["octets"])

    def backlog(self, count: int) -> Backlog:
        """Its queue, to be drained; it has done a mail once that is in its log."""
        return Backlog(self.database_url, _LOCK, _RECORDED, count, self.folder)

    @contextlib.contextmanager
    def sending(self, processes: int) -> Iterator[list[Popen[str]]]:
        """Its command, which makes processes of its own."""
        command = peers.command(_SCRIPT, "send" if self.tuned else "send-untuned", str(processes))
        with running(command, log=self.folder / "post-office.log", env=self._environment()) as child:
            yield [child]

    def _environment(self) -> dict[str, str]:
        return dict(os.environ) | {"BENCH_DATABASE": self.database_url, "BENCH_SMTP_PORT": str(self.smtp_port)}
