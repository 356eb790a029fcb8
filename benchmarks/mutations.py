"""Failure reports as chance makes them: real ones, cut, flipped, doubled, spliced, with escapes and fields put in."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

_LENGTHS = (1, 1, 3, 20, 200, 2000)
_TIMES = (1, 1, 2, 50, 1000)
_MOST_CHANGES = 8
_INJECTED = (
    b"Content-Type: multipart/mixed; boundary=x\n",
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="\n',
    b"Content-Type: message/rfc822\n\n",
    b"Content-Type: message/delivery-status\n\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"Subject: =?iso-2022-jp?B?GyRC?= =?utf-8?B?44?=\n",
    b"Final-Recipient: rfc822;\n",
    b"Diagnostic-Code: smtp; ",
    b"Action: failed\nStatus: 5.1.1\n",
    b"X-Failed-Recipients: ,,a@b,\n",
    b"--- Below this line is a copy of the message.\n",
    b'{"notificationType":"Bounce","bounce":[',
    b"; charset=iso-2022-jp",
    b"; charset=shift_jis",
    b"; charset=utf-7",
    b"; charset=zlib",
    b"boundary*0=a; boundary*1=b",
    b"\x1b$B",
    b"\x1b(I",
    b"\xa4\xb3\xf5",
    b"\x82\xa0\x81",
    b"\0\0\0",
    b"\r",
    b"\n",
    b"\n\n",
    b"\n ",
    b"\n--=_x1\n",
    b"=\n",
    b"=?",
    b"<",
    b">",
    b"(",
    b'"',
    b"\\",
    b"@",
    b"<a@b.example>",
    b">>> RCPT To:<",
    b"<<< 550 5.1.1 ",
    b"550-",
    b"x\xcc\x81" * 5,
)


def endlessly(seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Mutated mails; the same seeds and number give the same mails. `seeds` has to hold at least one."""
    chance = random.Random(seed)
    while True:
        mail = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, _MOST_CHANGES)):
            start = chance.randint(0, len(mail))
            chance.choice(_CHANGES)(chance, mail, start, start + chance.choice(_LENGTHS), seeds)
        yield bytes(mail)


_Change = Callable[[random.Random, bytearray, int, int, Sequence[bytes]], None]


def _flip(chance: random.Random, mail: bytearray, start: int, end: int, _: Sequence[bytes]) -> None:
    for at in range(start, min(end, start + 20, len(mail))):
        mail[at] ^= chance.randint(1, 255)


def _cut(_: random.Random, mail: bytearray, start: int, end: int, __: Sequence[bytes]) -> None:
    del mail[start:end]


def _truncate(_: random.Random, mail: bytearray, start: int, __: int, ___: Sequence[bytes]) -> None:
    del mail[start:]


def _double(chance: random.Random, mail: bytearray, start: int, end: int, _: Sequence[bytes]) -> None:
    mail[start:start] = mail[start:end] * chance.choice(_TIMES[:4])


def _inject(chance: random.Random, mail: bytearray, start: int, _: int, __: Sequence[bytes]) -> None:
    mail[start:start] = chance.choice(_INJECTED) * chance.choice(_TIMES)


def _splice(chance: random.Random, mail: bytearray, start: int, end: int, seeds: Sequence[bytes]) -> None:
    mail[start:end] = chance.choice(seeds)[start:end]


def _line_ends(chance: random.Random, mail: bytearray, start: int, _: int, __: Sequence[bytes]) -> None:
    mail[start:] = mail[start:].replace(b"\r\n", b"\n").replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\r", b"\n")))


_CHANGES: tuple[_Change, ...] = (_flip, _cut, _truncate, _double, _inject, _inject, _splice, _line_ends)
