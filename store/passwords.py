"""Passwords: kept as Argon2id alone, with the parameters that RFC 9106 recommends where memory is short (64 MiB)."""

from __future__ import annotations

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from core.errors import TodokeError

LEAST_LENGTH = 12
MOST_LENGTH = 200

_LEAST_DIFFERENT = 5
_LEAST_NAME = 3  # shorter ones stand in any word
_AT_ONCE = 2  # each takes 64 MiB: strangers who try many must not take all memory


class PasswordRefused(TodokeError, ValueError):
    """A password that is too easily guessed; the message says why, and not what it was."""


class Passwords:
    """Makes and checks hashes, off the event loop and few at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, _prepared(password))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether this is the password. With nothing kept it is not, which takes as long to find out."""
        if kept is None:
            await self._matches(await self._nobodys_hash(), password)
            return False
        return await self._matches(kept, password)

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    async def _nobodys_hash(self) -> str:
        if self._nobodys is None:
            self._nobodys = await self.hash("nobody's")
        return self._nobodys

    async def _matches(self, kept: str, password: str) -> bool:
        async with self._turns:
            return await asyncio.to_thread(self._verify, kept, password)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _prepared(password))
        except (VerificationError, InvalidHashError):
            return False


def check_password(password: str, name: str) -> None:
    """Raise PasswordRefused for one that is short, monotonous, or made of the user's name."""
    prepared = _prepared(password).casefold()
    if not LEAST_LENGTH <= len(prepared) <= MOST_LENGTH:
        raise PasswordRefused(f"a password has {LEAST_LENGTH} to {MOST_LENGTH} characters")
    if len(set(prepared)) < _LEAST_DIFFERENT:
        raise PasswordRefused(f"a password has at least {_LEAST_DIFFERENT} different characters")
    if len(name) >= _LEAST_NAME and _prepared(name).casefold() in prepared:
        raise PasswordRefused("a password does not hold the user's name")


def _prepared(password: str) -> str:
    """The same password, typed in full width or half width (NIST SP 800-63B, section 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
