"""What others quote to us of a mail's secrets, hidden. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote

HIDDEN = "[...]"

_SECRET_FIELDS = ("code", "setup_url", "reset_url")
_RUN = 8
"""So many characters in common with a link make a word a quotation of it."""
_SHORTEST = 4
"""Characters of a code or a link's path: what is shorter stands in too many replies."""
_WORD = re.compile(r"[!-~]+", re.ASCII)
_LINK = re.compile(r"(?i:[a-z][a-z0-9+.-]*)://[^/?#]*[/?#]?(.*)")
_DOT = r"(?:\.|%2e|[\[({]\s?(?:\.|dot)\s?[\])}])"


def secrets_in(data: Mapping[str, str]) -> list[str]:
    """The link or the code among a mail's data."""
    return [data[name] for name in _SECRET_FIELDS if data.get(name)]


def without_secrets(text: str, secrets: Collection[str]) -> str:
    """A text with every word hidden that quotes a link's path, or is a code, in whatever case and with %-escapes."""
    for secret in secrets:
        link = _LINK.fullmatch(secret)
        text = _without_code(text, secret) if link is None else _without_link(text.replace(secret, HIDDEN), link[1])
    return text


def without_pages(text: str, hosts: Collection[str]) -> str:
    """A text with every link to a page on one of these hosts cut to its host, however its dots are written."""
    if not hosts:
        return text
    names = "|".join(_DOT.join(map(re.escape, host.split("."))) for host in hosts)
    return re.sub(rf"(?i)((?:{names})(?::\d+)?(?:[/?#\\]|%2f|%3f))[^\s<>\"']+", rf"\1{HIDDEN}", text)


def _without_link(text: str, path: str) -> str:
    plain = _plain(path)
    if len(plain) < _SHORTEST:
        return text
    run = min(_RUN, len(plain))
    return _WORD.sub(lambda word: HIDDEN if _quotes(_plain(word[0]), plain, run) else word[0], text)


def _plain(text: str) -> str:
    return unquote(text).casefold()


def _quotes(word: str, path: str, run: int) -> bool:
    return any(word[start : start + run] in path for start in range(len(word) - run + 1))


def _without_code(text: str, code: str) -> str:
    if len(code) < _SHORTEST:
        return text
    apart = r"[\s-]?".join(map(re.escape, code))
    return re.sub(rf"(?i)(?<![0-9a-z]){apart}(?![0-9a-z])", HIDDEN, text)
