"""A captured mail as a person reads it: text, HTML, links, attachments. Never raises, whatever the bytes are."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import TypeVar

from sink.charsets import decode
from sink.headers import decode_value, header_block, headers_of

_T = TypeVar("_T")

MAX_SEARCHED_CHARACTERS = 1_000_000
MAX_INLINE_IMAGE_OCTETS = 2_000_000
_TEXT_URL = re.compile(
    r"https?://[^\s<>\"'`{}|\\^\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]+", re.IGNORECASE
)
_AFTER_URL = ".,;:!?)]"
_HREF = re.compile(r"""<(?:a|area)\b[^<>]*?\bhref\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)'|([^\s<>"']+))""", re.IGNORECASE)
_CONTENT_ID = re.compile(r"cid:([^\s\"'<>()]+)", re.IGNORECASE)
_WEB = ("http://", "https://")
_SAFE_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is neither the text nor the HTML of the mail."""

    filename: str | None
    content_type: str
    content_id: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class ReadMail:
    """What a mail says. `text` and `html` have LF line ends and are '' where there is none; repeated `headers` stand
    on lines.
    """

    headers: dict[str, str]
    text: str
    html: str
    links: tuple[str, ...]
    attachments: tuple[Attachment, ...]


def read_mail(raw: bytes) -> ReadMail:
    """Read a mail. What cannot be understood is shown as text, not lost."""
    texts: list[str] = []
    pages: list[str] = []
    attachments: list[Attachment] = []
    for part in _parts(raw):
        if part.attached or part.content_type not in ("text/plain", "text/html"):
            attachments.append(Attachment(part.filename, part.content_type, part.content_id, part.content))
        else:
            shown = decode(part.content, part.charset).replace("\r\n", "\n")
            (pages if part.content_type == "text/html" else texts).append(shown)
    text, page = "\n".join(texts), "\n".join(pages)
    return ReadMail(headers_of(raw), text, page, tuple(links_of(text, page)), tuple(attachments))


def links_of(text: str, page: str) -> list[str]:
    """The web links of a text and an HTML page, each once, in order."""
    found = [url.rstrip(_AFTER_URL) for url in _TEXT_URL.findall(text[:MAX_SEARCHED_CHARACTERS])]
    for quoted, single, bare in _HREF.findall(page[:MAX_SEARCHED_CHARACTERS]):
        found.append(html.unescape(quoted or single or bare).strip())
    return list(dict.fromkeys(url for url in found if url.lower().startswith(_WEB)))


def with_inline_pictures(mail: ReadMail) -> str:
    """The HTML with its `cid:` pictures built in, so that showing it loads nothing."""
    pictures = {
        attachment.content_id: f"data:{attachment.content_type};base64,{base64.b64encode(attachment.content).decode()}"
        for attachment in mail.attachments
        if attachment.content_type in _PICTURES and len(attachment.content) <= MAX_INLINE_IMAGE_OCTETS
    }
    return _CONTENT_ID.sub(lambda found: pictures.get(found[1], found[0]), mail.html)


@dataclass(frozen=True, slots=True)
class _Part:
    content_type: str
    charset: str | None
    attached: bool
    filename: str | None
    content_id: str | None
    content: bytes


def _parts(raw: bytes) -> Iterator[_Part]:
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
    except (RecursionError, ValueError, LookupError):
        body = raw[len(header_block(raw)) :].lstrip(b"\r\n")
        yield _Part("text/plain", None, attached=False, filename=None, content_id=None, content=body)
        return
    for leaf in _leaves(message):
        yield _part(leaf)


def _leaves(message: Message) -> Iterator[Message]:
    """Parts that hold no parts, in order. A mail inside a mail is one part."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        payload: object = _safely(part.get_payload, None)
        if isinstance(payload, list) and part.get_content_maintype() == "multipart":
            waiting.extend(child for child in reversed(payload) if isinstance(child, Message))
        else:
            yield part


def _part(part: Message) -> _Part:
    content_type = part.get_content_type()
    disposition = _safely(part.get_content_disposition, None)
    filename = _safely(part.get_filename, None)
    if part.is_multipart() or not _SAFE_TYPE.fullmatch(content_type):
        content_type = content_type if content_type.startswith("message/") else "application/octet-stream"
    if content_type.startswith("multipart/"):
        content_type = "text/plain"  # a multipart without parts: its boundary never came
    return _Part(
        content_type=content_type,
        charset=_safely(part.get_content_charset, None),
        attached=disposition == "attachment" or filename is not None,
        filename=_safely(lambda: decode_value(_octets(filename)), "?") if filename is not None else None,
        content_id=str(part.get("Content-ID", "")).strip("<> \t\r\n") or None,
        content=_content(part),
    )


def _content(part: Message) -> bytes:
    if part.is_multipart():
        enclosed = part.get_payload()
        messages: Sequence[object] = enclosed if isinstance(enclosed, list) else []
        return b"".join(_safely(message.as_bytes, b"") for message in messages if isinstance(message, Message))
    content: object = _safely(lambda: part.get_payload(decode=True), None)
    return content if isinstance(content, bytes) else b""


def _octets(text: object) -> bytes:
    return str(text).encode("utf-8", "surrogateescape")


def _safely(read: Callable[[], _T], otherwise: _T) -> _T:
    """What the standard library reads from a broken header; `otherwise` where it raises."""
    try:
        return read()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return otherwise
