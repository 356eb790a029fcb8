"""What reports ought to do to messages, written down as plainly as can be, and the mails that tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.statuses import Status

TELLING = {
    "hard": ("failed", "5.1.1", "550 5.1.1 User unknown"),
    "soft": ("failed", "5.2.2", "552 5.2.2 Mailbox full"),
    "delayed": ("delayed", "4.4.1", "connect to mx.example.jp: Connection timed out"),
    "delivered": ("delivered", "2.0.0", "250 2.0.0 Ok"),
    "relayed": ("relayed", "2.0.0", "250 2.0.0 Ok"),
}
NOTED = {"delayed": "delay-reported", "delivered": "delivery-reported", "relayed": "delivery-reported"}
MAY_HAVE_LEFT = {Status.SCHEDULED, Status.SENDING, Status.DEFERRED, Status.IN_DOUBT, Status.SENT}
NEVER_LEFT = {Status.HELD, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED}


@dataclass
class ModelMessage:
    """What the model knows of a message."""

    email: str
    status: Status
    events: list[str] = field(default_factory=list)


@dataclass
class ModelReport:
    """A kept mail: what it tells, the message its return path is signed for, the one it returns."""

    tells: str
    author: int  # the same for copies of one mail
    path: str | None
    returned: str | None
    state: str = "new"

    @property
    def tied_to(self) -> str | None:
        return self.path or self.returned


class Model:
    """What ought to happen."""

    def __init__(self) -> None:
        self.messages: dict[str, ModelMessage] = {}
        self.reports: dict[str, ModelReport] = {}
        self.suppressed: set[tuple[str, str]] = set()
        self._settled: set[tuple[str, int, str | None]] = set()

    def apply(self) -> None:
        """All that is kept, in the order in which it came, until nothing moves."""
        while sum([self._settle(report) for report in self.reports.values() if report.state == "new"]):
            pass

    def _settle(self, report: ModelReport) -> bool:
        target = report.tied_to
        crossed = report.path and report.returned and report.path != report.returned
        if target is None or crossed or report.tells == "letter":
            if self._close(report, "unmatched") and target is not None and not crossed:
                self.messages[target].events.append("other-mail")
            return True
        message = self.messages[target]
        if report.tells in ("delivered", "relayed") and message.status is Status.SENDING:
            return False
        if self._close(report, "applied"):
            self._take_effect(report.tells, message)
        return True

    def _close(self, report: ModelReport, state: str) -> bool:
        key = (state, report.author, report.tied_to)
        report.state = "duplicate" if key in self._settled else state
        self._settled.add(key)
        return report.state == state

    def _take_effect(self, tells: str, message: ModelMessage) -> None:
        if tells == "complaint":
            self.suppressed.add((message.email, "reminder"))
            message.events.append("complaint")
        elif tells not in ("hard", "soft"):
            message.events.append(NOTED.get(tells, tells))
            if NOTED.get(tells) == "delivery-reported" and message.status is Status.IN_DOUBT:
                message.status = Status.SENT
        elif message.status in MAY_HAVE_LEFT:
            message.status = Status.UNDELIVERED
            message.events.append("bounced")
            if tells == "hard":
                self.suppressed.add((message.email, "all"))
        else:
            again = message.status is Status.UNDELIVERED
            message.events.append("bounced-again" if again else "report-without-effect")


OUTCOMES = {
    Status.SCHEDULED: [Status.SENDING, Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED],
    Status.SENDING: [Status.SENT, Status.DEFERRED, Status.IN_DOUBT, Status.UNDELIVERED, Status.SCHEDULED],
    Status.DEFERRED: [Status.SENDING, Status.UNDELIVERED, Status.CANCELLED, Status.EXPIRED],
    Status.IN_DOUBT: [Status.SENDING, Status.SENT, Status.UNDELIVERED],
}


STARTS = [*Status, *[Status.SENDING, Status.SENT, Status.IN_DOUBT] * 5]


def mail(compose: Callable[..., bytes], tells: str, email: str, returned: str | None, serial: int) -> bytes:
    """A mail that tells this of a recipient; `returned` is the Message-ID of the mail that it returns, if any."""
    if tells in TELLING:
        action, status, diagnostic = TELLING[tells]
        return compose(
            recipients={email: action}, status=status, diagnostic=diagnostic, number=serial, returned=returned
        )
    head = f"From: <{email}>\r\nMessage-ID: <{serial}@example.jp>\r\nMIME-Version: 1.0\r\n"
    if tells == "auto-reply":
        return f"{head}Subject: out of office\r\nAuto-Submitted: auto-replied\r\n\r\nback on Monday\r\n".encode()
    if tells == "letter":
        return f"{head}Subject: hello\r\n\r\nhello\r\n".encode()
    kind = 'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n--b\r\n'
    facts = "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\n\r\n"
    return f"{head}{kind}{facts}--b--\r\n".encode()


def relayed(raw: bytes) -> bytes:
    """The same mail as it comes by another way."""
    return b"Received: by other.example; Tue, 24 Nov 2026 10:01:00 +0900\n" + raw.replace(b"\r\n", b"\n")
