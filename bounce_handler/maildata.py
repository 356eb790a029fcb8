"""The octets of one mail after DATA (RFC 5321 section 4.5.2): only CRLF ends a line, only CRLF.CRLF the mail."""

from __future__ import annotations

import asyncio

_END = b"\r\n.\r\n"
_PIECE_END = b".\r\n"
_PIECES_A_TURN = 500


async def read(reader: asyncio.StreamReader, most_octets: int) -> bytes | None:
    """The mail without its dots; None where it is larger than allowed, which is told when its end has come.

    A line may be of any length. What follows the end stays in the reader. Raises IncompleteReadError at the end
    of the stream.
    """
    mail = bytearray()
    too_large = False
    pieces = 0
    while not (mail.endswith(_END) or mail == _PIECE_END):
        mail += await _piece(reader)
        too_large = too_large or len(mail) - len(_PIECE_END) > most_octets
        if too_large:
            del mail[: -len(_END)]
        pieces += 1
        if pieces % _PIECES_A_TURN == 0:
            await asyncio.sleep(0)  # the reader does not wait while it has octets: other conversations would
    if too_large:
        return None
    del mail[-len(_PIECE_END) :]
    return bytes(mail).removeprefix(b".").replace(b"\r\n.", b"\r\n")


async def _piece(reader: asyncio.StreamReader) -> bytes:
    """As far as the next possible end, or as much as is at hand."""
    try:
        return await reader.readuntil(_PIECE_END)
    except asyncio.LimitOverrunError as overrun:
        return await reader.readexactly(overrun.consumed)
