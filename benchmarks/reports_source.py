"""A relay that hands over failure reports as fast as it can: plans on stdin, moments on stdout.

Reads {"port", "connections", "mails_a_connection", "first", "reports": [[return path, Message-ID, recipient], …]},
hands over the first ones, prints a line, waits for one, hands over the rest, and prints
{"started": …, "finished": …} of these by the monotonic clock. A connection is used as Postfix uses it:
MAIL, RCPT and DATA leave together (RFC 2920), and the next mail follows on the same connection while it is used again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

_REPORT = """\
Return-Path: <>
Received: by relay.example.jp (Postfix) id {number}; Tue, 12 Jan 2027 09:10:00 +0900 (JST)
Date: Tue, 12 Jan 2027 09:10:00 +0900 (JST)
From: MAILER-DAEMON@relay.example.jp (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b{number}/relay.example.jp"
Content-Transfer-Encoding: 8bit
Message-Id: <20270112.{number}@relay.example.jp>

This is a MIME-encapsulated message.

--b{number}/relay.example.jp
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host relay.example.jp.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

For further assistance, please send mail to postmaster.

If you do so, please include this problem report. You can
delete your own text from the attached returned message.

                   The mail system

<{recipient}>: host mx.example.jp[192.0.2.25] said: 550 5.1.1
    <{recipient}>: Recipient address rejected: User unknown (in reply to RCPT TO command)

--b{number}/relay.example.jp
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example.jp
X-Postfix-Queue-ID: {number}
X-Postfix-Sender: rfc822; {to}
Arrival-Date: Tue, 12 Jan 2027 09:09:00 +0900 (JST)

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.jp
Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: Recipient address rejected:
    User unknown

--b{number}/relay.example.jp
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Return-Path: <{to}>
Received: from todoke (localhost [127.0.0.1]) by relay.example.jp (Postfix) with ESMTP id {number}
Date: Tue, 12 Jan 2027 09:08:00 +0900
From: G-MIS <info@g-mis.net>
To: {recipient}
Message-ID: {header}
Subject: test
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: base64

--b{number}/relay.example.jp--
"""


def main() -> None:
    """Compose everything, send the first ones, wait to be told, send the rest, print."""
    plan = json.loads(sys.stdin.readline())
    mails = list(composed(plan["reports"]))
    asyncio.run(_send(plan, mails[: plan["first"]]))
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    asyncio.run(_send(plan, mails[plan["first"] :]))
    print(json.dumps({"started": started, "finished": time.monotonic()}), flush=True)


def composed(reports: list[list[str]]) -> Iterator[bytes]:
    """A mail for each return path, Message-ID and recipient: its commands, NUL, its data."""
    for number, (to, header, recipient) in enumerate(reports):
        text = _REPORT.format(number=number, to=to, header=header, recipient=recipient).replace("\n", "\r\n")
        opening = f"MAIL FROM:<>\r\nRCPT TO:<{to}>\r\nDATA\r\n"
        yield f"{opening}\0{text}.\r\n".encode()


async def _send(plan: dict[str, Any], mails: list[bytes]) -> None:
    waiting = iter(mails)
    connections = [_connection(plan["port"], waiting, plan["mails_a_connection"]) for _ in range(plan["connections"])]
    await asyncio.gather(*connections)


async def _connection(port: int, waiting: Iterator[bytes], most: int) -> None:
    """One connection after another, until nothing waits."""
    mail = next(waiting, None)
    while mail is not None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _answers(reader, 1)
        writer.write(b"EHLO relay.example.jp\r\n")
        await _answers(reader, 1)
        for _ in range(most):
            opening, _, data = mail.partition(b"\0")
            writer.write(opening)
            await _answers(reader, 3)
            writer.write(data)
            await _answers(reader, 1)
            mail = next(waiting, None)
            if mail is None:
                break
        writer.write(b"QUIT\r\n")
        await _answers(reader, 1)
        writer.close()


async def _answers(reader: asyncio.StreamReader, count: int) -> None:
    while count:
        line = await reader.readline()
        if not line.startswith((b"2", b"3")):
            raise SystemExit(f"the listener answered {line!r}")
        count -= line[3:4] == b" "


if __name__ == "__main__":
    main()
