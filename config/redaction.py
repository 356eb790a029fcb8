"""What must never reach a log, taken out of everything that does: the last line of defence, not the first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.masking import mask_addresses

_HIDDEN = "***"
_SECRET_NAMES = frozenset(
    {
        "password",
        "token",
        "api_token",
        "secret",
        "secrets",
        "secret_keys",
        "authorization",
        "setup_url",
        "reset_url",
        "cookie",
    },
)
_LINK = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30})://(?P<rest>[^\s\"'<>]*)", re.ASCII)
_TOKEN = re.compile(r"(?<![\w-])(?=[\w-]*\d)[\w-]{40,}=*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_LINE_ENDS = re.compile(r"[\t\n]")
_OF_MANY_LINES = frozenset({"exception", "stack"})


def redact_event(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """A structlog processor: every value as `redact` gives it; only tracebacks keep their line ends."""
    return {key: _redacted(key, value) for key, value in event.items()}


def redact(text: str) -> str:
    """The text with mail addresses masked, links cut to their host, long tokens and control characters gone."""
    text = _CONTROL.sub(_escaped, text)
    text = _LINK.sub(_host_only, text) if "://" in text else text
    return _TOKEN.sub(_HIDDEN, mask_addresses(text))


def _redacted(key: str, value: Any) -> Any:
    if key.lower() in _SECRET_NAMES:
        return _HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {redact(str(inner)): _redacted(str(inner), part) for inner, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(key, part) for part in value]
    text = redact(str(value))
    return text if key in _OF_MANY_LINES else _LINE_ENDS.sub(_escaped, text)


def _host_only(match: re.Match[str]) -> str:
    authority, cut, _ = re.sub(r"[?#]", "/", match["rest"]).partition("/")
    host = authority.rpartition("@")[2]
    return f"{match['scheme']}://{host}{'/' + _HIDDEN if cut else ''}"


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
