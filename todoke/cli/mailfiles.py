"""Mails on disk, one at a time: a file, an mbox of any size, a Maildir, a folder, or stdin."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from todoke.cli.running import InputRefused

_SEPARATOR = b"From "
_QUOTED = re.compile(rb">+From ")
_BLANK = (b"\n", b"\r\n")
_PIECE_OCTETS = 65_536  # read at once, however long a line is
_MAILDIR = ("cur", "new")


@dataclass(frozen=True, slots=True)
class FoundMail:
    """A mail and where it stood; `problem` says why it cannot be taken in, and then there is no mail."""

    where: str
    raw: bytes
    problem: str | None = None


def find_mails(path: str, most_octets: int) -> Iterator[FoundMail]:
    """The mails of a file, of a folder, or of stdin for `-`. Raises InputRefused where there is no such path.

    A file that begins with a `From ` line is an mbox (RFC 4155); any other is one mail.
    """
    if path == "-":
        yield from _stream(sys.stdin.buffer, "stdin", most_octets)
        return
    place = Path(path)
    if not place.exists():
        raise InputRefused(f"{path}: no such file or folder")
    for file in _files(place):
        yield from _file(file, most_octets)


def _files(place: Path) -> Iterator[Path]:
    """A Maildir's `cur` and `new`, and not what is still being written to its `tmp`; else every file below."""
    if not place.is_dir():
        yield place
        return
    folders = [place / name for name in _MAILDIR]
    roots = folders if all(folder.is_dir() for folder in folders) else [place]
    for root in roots:
        yield from (file for file in sorted(root.rglob("*")) if file.is_file())


def _file(file: Path, most_octets: int) -> Iterator[FoundMail]:
    try:
        with file.open("rb") as stream:
            yield from _stream(stream, str(file), most_octets)
    except OSError as error:
        yield FoundMail(str(file), b"", error.strerror or str(error))


def _stream(stream: BinaryIO, name: str, most_octets: int) -> Iterator[FoundMail]:
    first = stream.readline(_PIECE_OCTETS)
    if not first.startswith(_SEPARATOR):
        rest = iter(lambda: stream.read(_PIECE_OCTETS), b"")
        yield _mail(name, chain((first,), rest), most_octets)
        return
    while first and not first.endswith(b"\n"):
        first = stream.readline(_PIECE_OCTETS)
    for number, lines in enumerate(_split(stream), 1):
        yield _mail(f"{name}: mail {number}", lines, most_octets)
        for _ in lines:  # what is left of a mail that was too large
            pass


def _mail(where: str, lines: Iterator[bytes], most_octets: int) -> FoundMail:
    kept: list[bytes] = []
    octets = 0
    for line in lines:
        kept.append(line)
        octets += len(line)
        if octets > most_octets:
            return FoundMail(where, b"", f"larger than {most_octets:,} octets")
    return FoundMail(where, b"".join(kept)) if octets else FoundMail(where, b"", "empty")


def _split(stream: BinaryIO) -> Iterator[Iterator[bytes]]:
    """The lines of each mail of an mbox, after its first `From ` line. Each must be read to its end before the next.

    Only a `From ` after a blank line begins a mail; both belong to the mbox, as does one `>` before a quoted `From `.
    """
    pieces = iter(lambda: stream.readline(_PIECE_OCTETS), b"")
    ended = False

    def one() -> Iterator[bytes]:
        nonlocal ended
        blank = b""
        at_start = True
        for piece in pieces:
            if at_start and blank and piece.startswith(_SEPARATOR):
                return
            if blank:
                yield blank
            blank = piece if at_start and piece in _BLANK else b""
            if not blank:
                yield piece[1:] if at_start and _QUOTED.match(piece) else piece
            at_start = piece.endswith(b"\n")
        ended = True

    while not ended:
        yield one()
