"""Bytes to text, whatever they claim to be: never raises.

Japanese mail is often mislabelled: Shift_JIS that holds the vendor characters of CP932 (①㈱髙), ISO-2022-JP that holds
them too, EUC-JP called ISO-2022-JP, or no label at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_ISO_2022_JP = ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2004")
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "shift_jis": ("cp932",),
    "shift-jis": ("cp932",),
    "sjis": ("cp932",),
    "x-sjis": ("cp932",),
    "ms_kanji": ("cp932",),
    "windows-31j": ("cp932",),
    "cp932": ("cp932",),
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "eucjp": ("euc_jp", "euc_jis_2004"),
    "x-euc-jp": ("euc_jp", "euc_jis_2004"),
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "iso-8859-1": ("cp1252", "latin-1"),
    "utf-8": ("utf-8",),
    "utf8": ("utf-8",),
}
# Python knows codecs that are no charsets (punycode, unicode_escape, …) and one that yields lone surrogates (utf-7):
# a mail must not choose those.
_CHARSET = re.compile(r"(utf-?(8|16|32)|us-ascii|ascii|iso-8859|windows-125|cp125|koi8|big5|gb18030|euc-|ks_c|tis-).*")
_JIS_TEXT = re.compile(rb"\x1b(\$[@B]|\([BJI])([^\x1b]*)")
_HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]")


def decode(data: bytes, charset: str | None) -> str:
    """`data` as text by its declared charset, by a better guess where that fails."""
    name = (charset or "").strip().strip("\"'").lower()
    if name.startswith(("iso-2022-jp", "csiso2022jp")) or (name in ("", "us-ascii", "ascii") and b"\x1b$" in data):
        return _decode_iso_2022_jp(data)
    return _first_that_fits(data, _codecs(name)) or guess(data)


def guess(data: bytes) -> str:
    """`data` as text with no charset known: UTF-8, ISO-2022-JP, or the likelier one of CP932 and EUC-JP."""
    if b"\x1b$" in data:
        return _decode_iso_2022_jp(data)
    utf8 = _first_that_fits(data, ("utf-8",))
    if utf8 is not None:
        return utf8
    readings = [text for codec in ("euc_jp", "cp932") if (text := _first_that_fits(data, (codec,))) is not None]
    return min(readings, key=_strangeness, default=None) or data.decode("utf-8", "replace")


def _codecs(name: str) -> tuple[str, ...]:
    return _ALIASES.get(name) or ((name,) if _CHARSET.fullmatch(name) else ())


def _first_that_fits(data: bytes, codecs: Iterable[str]) -> str | None:
    for codec in codecs:
        try:
            return data.decode(codec)
        except (LookupError, ValueError):
            continue
    return None


def _strangeness(text: str) -> int:
    """EUC-JP read as CP932 turns into half-width kana, which nobody writes in such numbers."""
    return len(_HALF_WIDTH_KANA.findall(text))


def _decode_iso_2022_jp(data: bytes) -> str:
    if not data.isascii():
        return guess(data.replace(b"\x1b", b""))
    return _first_that_fits(data, _ISO_2022_JP) or _decode_jis_by_cp932(data)


def _decode_jis_by_cp932(data: bytes) -> str:
    """ISO-2022-JP whose two-byte part holds vendor characters: the same cells exist in CP932."""
    head, *rest = data.partition(b"\x1b")
    text = [head.decode("ascii", "replace")]
    for match in _JIS_TEXT.finditer(b"".join(rest)):
        escape, part = match.groups()
        if escape.startswith(b"$"):
            text.append(_shift(part).decode("cp932", "replace"))
        elif escape == b"(I":
            text.append(bytes(byte | 0x80 for byte in part).decode("cp932", "replace"))
        else:
            text.append(part.decode("ascii", "replace"))
    return "".join(text)


def _shift(jis: bytes) -> bytes:
    """JIS row and cell bytes to Shift_JIS bytes; what is not a pair of such bytes stays as it is."""
    out = bytearray()
    at = 0
    while at < len(jis):
        row, cell = jis[at], jis[at + 1] if at + 1 < len(jis) else 0
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            out.append(row)
            at += 1
            continue
        lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
        trail = cell + ((0x1F if cell < 0x60 else 0x20) if row % 2 else 0x7E)
        out += bytes((lead, trail))
        at += 2
    return bytes(out)
