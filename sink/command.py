"""`todoke sink`: options, and one line on stdout when the sink is ready."""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import ConfigurationError
from sink.server import Sink, SinkSettings, serve

MAX_PORT = 65_535
_DEFAULTS = SinkSettings()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sink with these arguments until SIGTERM, SIGINT or SIGHUP; the exit code (1: it could not start)."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    try:
        serve(settings_from(options), announce_json if options.json else announce_text)
    except ConfigurationError as error:
        sys.stderr.write(f"todoke sink: {error}\n")
        return 1
    return 0


def announce_text(sink: Sink) -> None:
    """Say where the sink listens."""
    sys.stdout.write(f"smtp={sink.about()['smtp']} http={sink.url}\n")
    sys.stdout.flush()


def announce_json(sink: Sink) -> None:
    """Say where the sink listens, for a program."""
    facts = {
        "smtp_host": sink.settings.smtp_host,
        "smtp_port": sink.smtp_port,
        "http_host": sink.settings.http_host,
        "http_port": sink.http_port,
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def settings_from(options: argparse.Namespace) -> SinkSettings:
    """The settings that parsed options ask for."""
    return SinkSettings(
        smtp_host=options.smtp_host,
        smtp_port=options.smtp_port,
        http_host=options.http_host,
        http_port=options.http_port,
        bounces_to=options.bounces_to,
        store=options.store,
        max_messages=options.max_messages,
        max_message_octets=options.max_size,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="todoke sink",
        description="A mail server that captures every mail and delivers none, with a web page, an API and simulator"
        " addresses. For development and tests: it asks for no password and shows each mail to whoever reaches it.",
    )
    port, amount = _number(0, MAX_PORT), _number(1, 10**12)
    size = _DEFAULTS.max_message_octets
    add = parser.add_argument
    add("--smtp-host", default=_DEFAULTS.smtp_host, metavar="HOST", help="(default: %(default)s)")
    add("--smtp-port", default=_DEFAULTS.smtp_port, type=port, metavar="PORT", help="0: a free one (%(default)s)")
    add("--http-host", default=_DEFAULTS.http_host, metavar="HOST", help="(default: %(default)s)")
    add("--http-port", default=_DEFAULTS.http_port, type=port, metavar="PORT", help="0: a free one (%(default)s)")
    add("--bounces-to", type=_target, metavar="HOST:PORT", help="SMTP server that takes the simulated reports")
    add("--store", type=Path, metavar="FILE", help="keep the mails in this file (default: in memory)")
    add("--max-messages", default=_DEFAULTS.max_messages, type=amount, metavar="N", help="(default: %(default)s)")
    add("--max-size", default=size, type=amount, metavar="OCTETS", help="of one mail (default: %(default)s)")
    add("--json", action="store_true", help="print the ports as one JSON line when ready")
    add("--verbose", action="store_true", help="log what the simulator addresses do")
    return parser


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text) if re.fullmatch(r"[0-9]{1,15}", text) else -1
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"must be a whole number from {lowest} to {highest}")
        return number

    return parse


def host_and_port(text: str) -> tuple[str, int]:
    """`HOST:PORT`, an IPv6 address in brackets. Raises ValueError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^\s\[\]:]+)):([0-9]{1,5})", text)
    if match is None or not 1 <= int(match[3]) <= MAX_PORT:
        raise ValueError("must be HOST:PORT, as 127.0.0.1:2525 or [::1]:2525")
    return match[1] or match[2], int(match[3])


def _target(text: str) -> tuple[str, int]:
    try:
        return host_and_port(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
