"""A real Postfix as relay: the reports it writes come back to the listener and end in the right status and reason."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from core.statuses import Status

SBIN = "/usr/sbin:/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")
POSTFIX = shutil.which("postfix", path=SBIN)

pytestmark = [
    pytest.mark.postfix,
    pytest.mark.slow,
    pytest.mark.skipif(POSTFIX is None, reason="needs Postfix: apt-get install postfix"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start Postfix"),
]

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example.jp
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_connection_cache_on_demand = no
transport_maps = inline:{{
  {{ bounces.example.jp = smtp:[127.0.0.1]:{listener} }}
  {{ away.example.jp = smtp:[127.0.0.1]:{closed} }} }}
virtual_alias_maps = inline:{{ {{ forwarded@example.jp = unknown@home.example.jp }} }}
relayhost = [127.0.0.1]:{destination}
delay_warning_time = 1s
confirm_delay_cleared = yes
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
maximal_queue_lifetime = 6s
bounce_queue_lifetime = 6s
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

AT_RCPT = {
    "unknown": "550 5.1.1 <{to}>: Recipient address rejected: User unknown",
    "full": "552 5.2.2 <{to}>: The email account that you tried to reach is over quota",
    "filling": "452 4.2.2 <{to}>: Mailbox full",
    "disabled": "550 5.2.1 <{to}>: The account is disabled",
}
AT_DATA = {"spam": "554 5.7.1 Message rejected as spam by content filter"}
LATER = "451 4.7.1 <{to}>: Greylisted, please try again later"

ENDS = {
    "unknown@example.jp": (Status.UNDELIVERED, "userunknown", "hard"),
    "forwarded@example.jp": (Status.UNDELIVERED, "userunknown", "hard"),
    "full@example.jp": (Status.UNDELIVERED, "mailboxfull", "soft"),
    "filling@example.jp": (Status.UNDELIVERED, "mailboxfull", "soft"),
    "disabled@example.jp": (Status.UNDELIVERED, "suspend", "soft"),
    "spam@example.jp": (Status.UNDELIVERED, "spamdetected", "soft"),
    "anybody@away.example.jp": (Status.UNDELIVERED, "expired", "soft"),
    "greylisted@example.jp": (Status.SENT, None, None),
    "fine@example.jp": (Status.SENT, None, None),
}


class Destination:
    """The servers of the recipients: what a mail is answered goes by the local part."""

    def __init__(self) -> None:
        self.tries: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        name = address.partition("@")[0]
        self.tries[name] += 1
        if name in AT_RCPT:
            return AT_RCPT[name].format(to=address)
        if name == "greylisted" and self.tries[name] <= 3:
            return LATER.format(to=address)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        name = envelope.rcpt_tos[0].partition("@")[0]
        if name in AT_DATA:
            return AT_DATA[name]
        self.taken[name] += 1
        return "250 2.0.0 Ok"


@pytest.fixture
async def destination() -> AsyncIterator[tuple[Destination, int]]:
    """It, and its port."""
    made = Destination()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(made, hostname="mx.example.jp", loop=loop), "127.0.0.1", 0)
    yield made, server.sockets[0].getsockname()[1]
    server.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Postfix's own user may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="todoke-postfix-") as name:
        made = Path(name)
        made.chmod(0o755)
        for part in ("conf", "queue", "data"):
            (made / part).mkdir()
        shutil.chown(made / "data", "postfix")
        yield made


class Postfix:
    """A Postfix with a queue and a configuration of its own."""

    def __init__(self, folder: Path, listener: int, destination: int) -> None:
        self.port = free_port()
        self._folder = folder
        main = MAIN.format(folder=folder, listener=listener, destination=destination, closed=free_port())
        (folder / "conf" / "main.cf").write_text(main)
        (folder / "conf" / "master.cf").write_text(MASTER.format(port=self.port))

    def start(self) -> None:
        assert POSTFIX is not None
        with (self._folder / "log").open("wb") as log:
            command = [POSTFIX, "-c", str(self._folder / "conf"), "start-fg"]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    async def ready(self) -> None:
        async with asyncio.timeout(15):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    assert self._process.poll() is None, self.log
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    def stop(self) -> None:
        """End the master, whose children end with it."""
        pid_file = self._folder / "queue" / "pid" / "master.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        self._process.wait(10)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")


@pytest.fixture
async def post(sqlite_bounces: Any, listen: Any) -> Any:
    """A listener over SQLite, and the applier at work behind it."""
    started = await listen(sqlite_bounces)
    stop = asyncio.Event()
    applying = asyncio.create_task(sqlite_bounces.wiring.applier.run(stop, sqlite_bounces.wiring.db.woken))
    yield started
    stop.set()
    await applying


@pytest.fixture
async def postfix(folder: Path, post: Any, destination: tuple[Destination, int]) -> AsyncIterator[Postfix]:
    made = Postfix(folder, post.port, destination[1])
    made.start()
    try:
        await made.ready()
        yield made
    finally:
        made.stop()


async def hand_over(bounces: Any, postfix: Postfix) -> dict[str, str]:
    """Send one mail to each recipient, as the sender does; message ids by recipient."""
    ids = {}
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=postfix.port, start_tls=False) as relay:
        for email in ENDS:
            ids[email] = message_id = await bounces.message(email=email)
            mail = f"From: info@g-mis.net\r\nTo: {email}\r\nMessage-ID: {bounces.header(message_id)}\r\n\r\nbody\r\n"
            await relay.sendmail(bounces.return_path(message_id), [email], mail)
    return ids


async def all_told(bounces: Any, ids: dict[str, str]) -> None:
    """Wait until every report has come that is to come."""
    async with asyncio.timeout(40), bounces.wiring.db.woken() as wake:
        while True:
            wake.clear()
            stories = await bounces.stories(ids.values())
            if all(_ended(email, stories[message_id]) for email, message_id in ids.items()):
                return
            await wake.wait()


def _ended(email: str, story: tuple[Status, list[str]]) -> bool:
    status, events = story
    if email == "greylisted@example.jp":
        return "delivery-reported" in events
    return status is ENDS[email][0]


async def test_what_postfix_reports_is_understood(
    sqlite_bounces: Any, postfix: Postfix, destination: tuple[Destination, int]
) -> None:
    ids = await hand_over(sqlite_bounces, postfix)
    try:
        await all_told(sqlite_bounces, ids)
    except TimeoutError:
        pytest.fail(f"{await sqlite_bounces.stories(ids.values())}\n{postfix.log}")
    facts = {email: await sqlite_bounces.facts(message_id) for email, message_id in ids.items()}
    ends = {email: (Status(row["status"]), row["reason"], row["bounce_class"]) for email, row in facts.items()}
    assert ends == ENDS
    told = {email: await sqlite_bounces.told(message_id) for email, message_id in ids.items()}
    assert told == {
        "unknown@example.jp": ["bounced"],
        "forwarded@example.jp": ["bounced"],
        "full@example.jp": ["bounced"],
        "filling@example.jp": ["delay-reported", "bounced"],
        "disabled@example.jp": ["bounced"],
        "spam@example.jp": ["bounced"],
        "anybody@away.example.jp": ["delay-reported", "bounced"],
        "greylisted@example.jp": ["delay-reported", "delivery-reported"],
        "fine@example.jp": [],
    }
    assert destination[0].taken == {"fine": 1, "greylisted": 1}
    assert {row["state"] for row in await sqlite_bounces.reports()} == {"applied"}
    entered = sorted(await sqlite_bounces.suppressions())
    assert entered == [("forwarded@example.jp", "all"), ("unknown@example.jp", "all")]
    assert (facts["unknown@example.jp"]["smtp_code"], facts["unknown@example.jp"]["enhanced_code"]) == (550, "5.1.1")
