"""RFC 2047 words in header values: the standard library first, flanker for what it leaves broken.

The one place that knows flanker. It is imported only when a header needs it: importing costs a third of a second.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from email.errors import HeaderParseError
from email.header import decode_header
from functools import cache

from bounce_handler.parsing.charsets import decode

_MAX_VALUE = 4096
_WORD = re.compile(r"=\?[^?\s]{1,40}\?[bq]\?", re.IGNORECASE)
_DAMAGE = re.compile(r"\ufffd|\x1b|=\?[^?\s]{1,40}\?[bq]\?", re.IGNORECASE)


def decode_words(value: str) -> str:
    """The text of a header value. Never raises; a value over 4,096 characters is cut there."""
    value = value[:_MAX_VALUE]
    if not _WORD.search(value):
        return value
    text = _decode_standard(value)
    if not _DAMAGE.search(text):
        return text
    return _decode_tolerant(value) or text


def _decode_standard(value: str) -> str:
    try:
        words = decode_header(value)
    except (HeaderParseError, ValueError, LookupError):
        return value
    return "".join(word if isinstance(word, str) else decode(word, charset or "") for word, charset in words)


def _decode_tolerant(value: str) -> str:
    """flanker reads words cut inside a multi-byte character and escape states that run across words."""
    tolerant = _flanker()
    if tolerant is None:
        return ""
    try:
        return str(tolerant(value))
    except Exception:  # the library documents none of what it raises on hostile input
        return ""


@cache
def _flanker() -> Callable[[str], str] | None:
    """flanker's header decoder, or None where it is not installed.

    It logs what it cannot read, addresses among it: silenced.
    """
    logging.getLogger("flanker").setLevel(logging.CRITICAL)
    try:
        from flanker.mime.message.headers.encodedword import mime_to_unicode
    except ImportError:
        return None
    return lambda value: mime_to_unicode(value) or ""
