"""Bytes to text when the label may be missing, unknown or wrong, as it often is in Japanese reports."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_ALIASES = {
    # Windows-31J is what Japanese software means by Shift_JIS: it holds ①, ㈱ and 髙 besides.
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "windows-31j": "cp932",
    "windows-932": "cp932",
    "cp51932": "euc_jp",
    "x-euc-jp": "euc_jp",
    "eucjp-ms": "euc_jp",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-1": "cp1252",
    "us-ascii": "",
    "ascii": "",
}
_JIS_LABELS = ("iso-2022-jp", "iso2022-jp", "iso2022jp", "csiso2022jp", "cp5022", "jis")
_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\(D|\([BJI])")
_LOST_ESCAPE = re.compile(rb"(\$[@B])((?:[!-t][!-~]){1,400}?)\(B")
_KANA = re.compile(r"[ぁ-んァ-ヶ]")
_MAX_LABEL = 40
_SAMPLE = 4096
"""Characters by which a guess is judged."""


def decode(data: bytes, label: str) -> str:
    """The text of `data` labelled `label` (may be empty). Never raises; what cannot be read becomes U+FFFD."""
    if b"\x1b$" in data:
        return _decode_jis(data)
    if data.isascii() and b"(B" not in data:
        return data.decode("ascii")
    name = label.strip().strip("\"'").lower()[:_MAX_LABEL]
    if name.startswith(_JIS_LABELS):
        # Gateways that drop control characters leave the rest of the escape sequences.
        mended = _LOST_ESCAPE.sub(b"\x1b\\1\\2\x1b(B", data)
        return _decode_jis(mended) if mended != data else _guess(data)
    return _decode_labelled(data, _ALIASES.get(name, name))


def _decode_labelled(data: bytes, name: str) -> str:
    if not name or not _is_text_codec(name):
        return _guess(data)
    try:
        return data.decode(name)
    except (UnicodeError, ValueError, LookupError):
        return _guess(data)


def _is_text_codec(name: str) -> bool:
    try:
        codec = codecs.lookup(name)
    except (LookupError, UnicodeError, ValueError):
        return False
    # Codecs such as "hex", "zlib" or "punycode" are no charsets: a hostile label must not reach them.
    return codec.name.replace("_", "-").startswith(
        ("utf", "iso", "cp", "euc", "big5", "gb", "hz", "koi8", "shift-jis", "mac", "tis", "johab", "ascii"),
    )


def _guess(data: bytes) -> str:
    """UTF-8 or EUC-JP where the bytes allow no other reading, Shift_JIS where it yields kana, else Latin-1."""
    for name in ("utf-8", "euc_jp", "cp932"):
        try:
            text = data.decode(name)
        except UnicodeError:
            continue
        if name == "utf-8" or _KANA.search(text, 0, _SAMPLE):
            return text
    return _guess_damaged(data)


def _guess_damaged(data: bytes) -> str:
    """The same choice for text with stray bytes (cut in the middle of a character, mixed encodings)."""
    for name in ("utf-8", "euc_jp", "cp932"):
        text = data.decode(name, "replace")
        if len(_KANA.findall(text, 0, _SAMPLE)) > 2 * text.count("\ufffd", 0, _SAMPLE):
            return text
    return data.decode("cp1252", "replace")


def _decode_jis(data: bytes) -> str:
    """ISO-2022-JP and its variants, by the escape sequences that are there and not by the label.

    Python knows no CP50220, which most Japanese senders mean: NEC's row 13 (①, ㈱) in JIS X 0208 shifts.
    """
    pieces: list[str] = []
    shift, start = b"(B", 0
    for match in _ESCAPE.finditer(data):
        if match.start() > start:
            pieces.append(_decode_shifted(data[start : match.start()], shift))
        shift, start = match.group(1), match.end()
    pieces.append(_decode_shifted(data[start:], shift))
    return "".join(pieces)


def _decode_shifted(data: bytes, shift: bytes) -> str:
    if shift in (b"(B", b"(J"):
        return decode(data.replace(b"\x1b", b""), "")
    if shift == b"(I":
        return bytes(b | 0x80 for b in data).decode("cp932", "replace")
    if shift == b"$(D":
        return b"".join(b"\x8f" + _high(data[i : i + 2]) for i in range(0, len(data), 2)).decode("euc_jp", "replace")
    return "".join(map(_decode_double, data.splitlines(keepends=True)))


def _high(pair: bytes) -> bytes:
    return bytes(b | 0x80 for b in pair)


def _decode_double(line: bytes) -> str:
    """One line of JIS X 0208 bytes, by way of Shift_JIS, where Python knows the vendor characters."""
    stripped = line.rstrip(b"\r\n")
    shifted = b"".join([_to_shift_jis(*pair) for pair in zip(stripped[::2], stripped[1::2], strict=False)])
    return shifted.decode("cp932", "replace") + line[len(stripped) :].decode("ascii")


@lru_cache(maxsize=10_000)
def _to_shift_jis(row: int, cell: int) -> bytes:
    row, cell = row & 0x7F, cell & 0x7F
    if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
        return b"?"
    lead = (row + 1) // 2 + (0x70 if row <= 0x5E else 0xB0)
    if row % 2:
        return bytes((lead, cell + (0x1F if cell <= 0x5F else 0x20)))
    return bytes((lead, cell + 0x7E))
