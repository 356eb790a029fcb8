"""Header blocks: found, unfolded and looked up in time linear in their size, whatever the bytes."""

from __future__ import annotations

import re

from bounce_handler.parsing.charsets import decode
from bounce_handler.parsing.encodedwords import decode_words

MAX_HEADER_BYTES = 256 * 1024
"""Fields past this are not looked at; no mail system writes a header block of this size."""

_NAME = rb"[!-9;-~]{1,80}+[ \t]*+:"
_BLOCK = re.compile(
    rb"(?:>?From [^\n]*+\n)?(?:(?:" + _NAME + rb"[^\n]*+|[ \t][^\n]*+)(?:\n|\Z))*+",
)
_FIELD = re.compile(rb"^([!-9;-~]{1,80}+)[ \t]*+:[ \t]*+([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_FOLD = re.compile(r"\n[ \t]*")
_PARAMETER = re.compile(r";\s*+([\w*!#$%&'+.^`{}~-]{1,60}+)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"?|([^;\s]*+))")


class Headers:
    """The fields of one header block by lower-case name. Values are decoded when they are asked for."""

    __slots__ = ("_fields",)

    def __init__(self, block: bytes) -> None:
        self._fields: dict[bytes, list[bytes]] = {}
        for name, value in _FIELD.findall(block[:MAX_HEADER_BYTES]):
            self._fields.setdefault(name.lower(), []).append(value)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: str) -> bool:
        return name.encode("ascii") in self._fields

    def all(self, name: str) -> list[str]:
        """Every value of the field (lower-case name), unfolded, encoded words left as they are."""
        return [_unfold(value) for value in self._fields.get(name.encode("ascii"), ())]

    def get(self, name: str) -> str:
        """The first value of the field, unfolded, or an empty string."""
        values = self._fields.get(name.encode("ascii"))
        return _unfold(values[0]) if values else ""

    def text(self, name: str) -> str:
        """The first value with its encoded words (RFC 2047) decoded."""
        value = self.get(name)
        return decode_words(value) if "=?" in value else value


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Header block and body. The block ends at the first empty line or the first line that is no field."""
    match = _BLOCK.match(raw)
    end = match.end() if match else 0
    body = raw[end:]
    return raw[:end], body[1:] if body.startswith(b"\n") else body


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """A structured value such as Content-Type: its lower-case head and its parameters (RFC 2045 section 5.1)."""
    head, _, _ = value.partition(";")
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value[:4096]):
        parameters.setdefault(name.lower().rstrip("*"), quoted or bare)
    return head.strip().lower(), parameters


def _unfold(value: bytes) -> str:
    text = value.decode("ascii") if value.isascii() and b"\x1b" not in value else decode(value, "")
    return _FOLD.sub(" ", text).strip() if "\n" in text else text.strip()
