"""Mailbox addresses as reports write them: bare, in angle brackets, typed (`rfc822;`), or inside running text."""

from __future__ import annotations

import re

MAX_ADDRESS = 320
"""64 octets of local part, @, 255 of domain (RFC 5321 section 4.5.3.1)."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
PATTERN = rf"(?:{_ATOM}{{1,128}}+|\"[^\"\s@]{{1,128}}+\")@(?:{_DOMAIN})"
"""An address inside running text; without groups, to be built into other patterns."""

WHOLE = rf"(?<!{_ATOM})(?:{PATTERN})"
"""The same with all of its local part, which a search finds without trying every end of a long word."""

_IN_TEXT = re.compile(rf"(?<!{_ATOM})({PATTERN})")
_TYPE = re.compile(r"^(?:\s*+(?:rfc/?822|utf-8|smtp|unknown|internet|local|mailto)\s*+[;:]\s*+){1,3}", re.IGNORECASE)
_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_WIDE = "Ａ-Ｚａ-ｚ０-９．＿＋－\u2212"
# Begins with the @ itself, which is looked for fastest.
_BESIDE_AT = re.compile(rf"@(?:(?<=[{_WIDE}]@)|[\w.-]{{0,80}}[{_WIDE}])", re.ASCII)
_IN_WIDE_LETTERS = re.compile(
    rf"(?<![\w.+-])(?![０-９]{{1,3}}．[!-~])[A-Za-z0-9._+{_WIDE}-]{{1,128}}+[@＠][A-Za-z0-9._{_WIDE}-]{{1,253}}",
)
_NARROWED = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x2212: "-"}
_PARAMETER = re.compile(r"(?:e?-?mail|to|rcpt(?:_?to)?|orcpt|recipient|address|addr|user|dest)=(?=[^@])", re.IGNORECASE)
_SPACED = re.compile(r"^[^\s@]{1,128}@[^\s@]{1,255}$")


def find(text: str) -> list[str]:
    """Every address in running text, in order, without repetition (letter case ignored)."""
    seen: dict[str, str] = {}
    for match in _IN_TEXT.finditer(text):
        address = trim(match.group(1))
        if address:
            seen.setdefault(address.lower(), address)
    return list(seen.values())


def first(text: str) -> str:
    """The first address in the text, or an empty string."""
    match = _IN_TEXT.search(text)
    return trim(match.group(1)) if match else ""


def typed(value: str) -> str:
    """The address of a typed field such as Final-Recipient (RFC 3464 section 2.3.2, RFC 6533 section 3).

    An address that is none by syntax is given back as far as it reads, so that nothing is lost: old gateways
    write X.400 names, sendmail the bare name of a local user.
    """
    bare = narrow(_XTEXT.sub(_unescape, _TYPE.sub("", value[: 4 * MAX_ADDRESS])).strip())
    if "<" in bare and ">" in bare:
        bare = bare[bare.rfind("<") + 1 :].partition(">")[0].strip()
    bare = bare.strip("<>;, \t")
    if _SPACED.match(bare):
        return trim(bare)[:MAX_ADDRESS]
    return (first(bare) or bare)[:MAX_ADDRESS]


def narrow(text: str) -> str:
    """The text with the addresses in it that are written in full-width letters (ｓｏｕｍｕ＠) in ordinary ones."""
    if text.isascii() or not ("＠" in text or _BESIDE_AT.search(text)):
        return text
    return _IN_WIDE_LETTERS.sub(lambda match: match[0].translate(_NARROWED), text)


def domain(address: str) -> str:
    """The lower-case part after the last @, or an empty string."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def trim(address: str) -> str:
    """The address without the punctuation that running text puts around it, and the `to=` of log lines."""
    trimmed = address.rstrip(".,;'`\u3002").lstrip("'`")
    trimmed = _PARAMETER.sub("", trimmed, count=1) if "=" in trimmed and _PARAMETER.match(trimmed) else trimmed
    return trimmed if not trimmed.startswith("@") else ""


def _unescape(match: re.Match[str]) -> str:
    number = int(match.group(1), 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
