"""flufl.bounce on the mails given on stdin as {"passes", "paths"}; prints {"seconds", "failures"}."""

import email
import json
import sys
import time
from pathlib import Path

from flufl.bounce import scan_message


def read(mail: bytes) -> set[bytes]:
    """The permanently failed recipients; none where it cannot cope with a mail."""
    try:
        return set(scan_message(email.message_from_bytes(mail)))
    except Exception:
        return set()


given = json.load(sys.stdin)
mails = [Path(path).read_bytes() for path in given["paths"]]
read(mails[0])
started = time.process_time()
for _ in range(given["passes"]):
    found = [read(mail) for mail in mails]
seconds = (time.process_time() - started) / given["passes"]
print(json.dumps({"seconds": seconds, "failures": sum(map(bool, found))}))
