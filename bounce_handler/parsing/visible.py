"""Text as a reader sees it: no tags of HTML, no characters without width, full-width addresses and codes narrowed."""

from __future__ import annotations

import html
import re
from urllib.parse import unquote

from bounce_handler.parsing import addresses

_HIDDEN = re.compile(
    r"<(?:style|script|head)\b[^<]*+(?:<(?!/(?:style|script|head)\b)[^<]*+)*+|<!--(?:[^-]++|-(?!->))*+(?:-->)?",
    re.IGNORECASE,
)
_BREAK = re.compile(
    r"<(?=[/bdhlpt])(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?table|/?pre|/?blockquote)\b[^<>]{0,500}>", re.IGNORECASE
)
_LINK = re.compile(
    r"<a\b[^<>]{0,500}?\bhref\s{0,4}=\s{0,4}[\"']?mailto:([^\s\"'<>?]{3,400}+)[^<>]{0,1000}+>"
    r"((?:[^<]|<(?!/?a\b)){0,400}+)</a\b",
    re.IGNORECASE,
)
_WITHIN_WORDS = re.compile(
    r"<(?=[/a-w])/?(?:a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|nobr|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|wbr)"
    r"(?![\w.+@-])[^<>]{0,2000}>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(?![\w.+-]{1,64}@)[^<>]{0,2000}>")
_DASHES = "－−ー‐-"
_WIDE_CODE = re.compile(
    rf"(?<![０-９．{_DASHES}])[４５](?:[０-５][０-９]|[．.][０-９]{{1,3}}[．.][０-９]{{1,3}})(?![０-９．{_DASHES}])"
)
_NARROW_DIGITS = str.maketrans("０１２３４５６７８９．", "0123456789.")
UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"


def text(plain: str) -> str:
    """A plain text."""
    if plain.isascii():
        return plain
    shown = plain.replace("\u00a0", " ")
    for char in UNSEEN:
        shown = shown.replace(char, "")
    return _with_narrow_codes(addresses.narrow(shown))


def _with_narrow_codes(shown: str) -> str:
    """Reply and status codes in full-width digits (５５０ ５．１．１) in ordinary ones."""
    if "４" not in shown and "５" not in shown:
        return shown
    return _WIDE_CODE.sub(lambda code: code[0].translate(_NARROW_DIGITS), shown)


def of_html(source: str) -> str:
    """The text of an HTML document, block elements on lines of their own; links keep the address that they lead to."""
    shown = _BREAK.sub("\n", _HIDDEN.sub(" ", source))
    if "mailto:" in shown.lower():
        shown = _LINK.sub(_with_address, shown)
    shown = _TAG.sub(" ", _WITHIN_WORDS.sub("", shown))
    return text(html.unescape(shown) if "&" in shown else shown)


def _with_address(link: re.Match[str]) -> str:
    """What the link shows, with its address where it shows none."""
    address, label = unquote(link[1]), link[2]
    return label if "@" in html.unescape(label) or "@" not in address else f"{label} &lt;{address}&gt;"
