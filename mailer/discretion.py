"""What a relay says of our login or to a mail, without what it quotes of them. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from core.messages import Message
from core.quoting import HIDDEN, secrets_in, without_secrets
from mailer.transaction import Accepted, Lost, Outcome

_RUN = 4
"""So many characters in common with what we sent make a word a quotation, whatever their case."""
_LONGEST_WORD = 40
_WORD = re.compile(r"\S+")
_PLAIN = re.compile(
    r"""[^\w\s+=]*
    (?: [245]\.\d{1,3}\.\d{1,3} | \d{1,4}
      | (?: [A-Z]?[a-z]+ | [A-Z]+ | (?:[A-Z][a-z]{2,})+ | [^\W\d_a-zA-Z]+ )
        (?: [-'’] (?: [A-Z]?[a-z]+ | [A-Z]+ ) )* (?: -\d )?
    )?
    [^\w\s+=]*""",
    re.VERBOSE,
)
"""A word of people's, a number or an enhanced status code: base64 of more than a few characters hardly looks so."""


def discreet(text: str, username: str, password: str) -> str:
    """A reply to AUTH with each word hidden that quotes any of the login, or is no plain word and so might."""
    sent = [form.casefold() for form in _forms(username, password)]
    return _WORD.sub(lambda word: word[0] if _harmless(word[0], sent) else HIDDEN, text)


def of_the_mail(outcome: Outcome, message: Message) -> Outcome:
    """What came of a mail, with its link or code hidden in the words: these outlive it, on record and in logs."""
    secrets = secrets_in(message.data)
    if not secrets or (isinstance(outcome, Accepted) and _says_little(outcome.text, secrets)):
        return outcome
    if isinstance(outcome, Lost):
        return replace(outcome, detail=without_secrets(outcome.detail, secrets))
    return replace(outcome, text=without_secrets(outcome.text, secrets))


def _says_little(reply: str, secrets: Collection[str]) -> bool:
    """As nearly all do that take a mail: no link, and no code as it was sent."""
    return "/" not in reply and not any(secret in reply for secret in secrets)


def _harmless(word: str, sent: Collection[str]) -> bool:
    if len(word) > _LONGEST_WORD or _PLAIN.fullmatch(word) is None:
        return False
    return not any(_quotes(word.casefold(), form) for form in sent)


def _quotes(word: str, form: str) -> bool:
    if len(form) < _RUN:
        return bool(form) and form in word
    return any(word[start : start + _RUN] in form for start in range(len(word) - _RUN + 1))


def _forms(username: str, password: str) -> Iterator[str]:
    """As it is, and as AUTH PLAIN, LOGIN, CRAM-MD5 and XOAUTH2 encode it."""
    yield from (username, password)
    together = (f"\0{username}\0{password}", f"{username} ", f"user={username}\1auth=Bearer {password}\1\1")
    yield from (_encoded(form) for form in (username, password, *together))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()
