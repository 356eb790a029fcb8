"""Recipient addresses: full-width input normalised, legacy carrier forms accepted, the impossible refused.

email-validator judges the syntax (RFC 5321, RFC 5322); the carriers' dot forms, which it refuses and which were
registrable until about 2009, are let through for the configured domains alone (contract section 8).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache

from core.errors import TodokeError
from store.search import email_key

MAX_OCTETS = 254

_MAX_LOCAL_OCTETS = 64
"""RFC 5321, section 4.5.3.1.1: relays need not take more."""
_LOCAL_FORM = (
    f"the part before the @ is up to {_MAX_LOCAL_OCTETS} letters, digits and signs as in a-b_c, "
    "single dots between them"
)

_LEGACY_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}", re.ASCII)
_ORDINARY = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63})",
    re.ASCII,
)
"""What most addresses look like, with the domain in lower case: email-validator would take them as they are."""
_WHITE = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u1680\u2028\u2029"
"""All white space that NFKC leaves."""

_EDGES = _WHITE + "\u200b\u2060\ufeff"
"""Zero-width characters come along where an address is copied from a page or a file; within it, it is another one."""


class AddressRefused(TodokeError, ValueError):
    """An address that no mail can be sent to; `code` and the message say why, never what it was."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


def normalise_address(text: str, carrier_domains: Collection[str]) -> str:
    """The address to send to: NFKC, trimmed, the domain as its lower-case A-label, the local part as typed.

    Raises AddressRefused.
    """
    address = _cleaned(text)
    if not address:
        raise AddressRefused("required", "an address is required")
    if not _is_printable(address):
        raise AddressRefused("format", "an address has no spaces and no control or invisible characters")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise AddressRefused("format", "an address has the form local@domain, without a display name")
    if not local.isascii():
        raise AddressRefused("local-part", "the part before the @ must be ASCII")
    if len(local) > _MAX_LOCAL_OCTETS:  # email-validator, unless it is strict, looks at the whole alone
        raise AddressRefused("format", _LOCAL_FORM)
    accepted = _legacy(local, domain, carrier_domains) or _ordinary(address) or _validated(address)
    if len(accepted) > MAX_OCTETS:
        raise _too_long()
    return accepted


def address_key(text: str) -> str:
    """The key under which mails to an address are found, in whatever width, case and form of its domain it is given.

    Each form that a carrier's address may have is accepted for every domain. Raises AddressRefused.
    """
    address = _cleaned(text)
    return email_key(normalise_address(address, (address.rpartition("@")[2].lower(),)))


def _cleaned(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip(_EDGES)


def _is_printable(address: str) -> bool:
    if address.isascii():
        return address.isprintable() and " " not in address
    return not any(unicodedata.category(char)[0] in "CZ" for char in address)


def _ordinary(address: str) -> str | None:
    """The address where there is nothing to judge; None where email-validator has to."""
    match = _ORDINARY.fullmatch(address)
    if match is None or "--" in address or match[1] in _special_domains():
        return None
    return address


@cache
def _special_domains() -> frozenset[str]:
    """Last labels of domains that are no ordinary ones (RFC 6761)."""
    from email_validator import SPECIAL_USE_DOMAIN_NAMES

    return frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)


def _legacy(local: str, domain: str, carrier_domains: Collection[str]) -> str | None:
    """A carrier's address with doubled, leading or trailing dots, or None where the form is an ordinary one."""
    dotted = ".." in local or local.startswith(".") or local.endswith(".")
    if not dotted or domain.lower() not in carrier_domains:
        return None
    return f"{local}@{domain.lower()}" if _LEGACY_LOCAL.fullmatch(local) else None


def _validated(address: str) -> str:
    """As email-validator takes it. What it says is not passed on: it quotes labels and characters of the address."""
    domain = _domain_taken(address)
    if domain is None:
        raise _refused(address)
    if "." not in domain or domain.rpartition(".")[2].isdigit():
        raise AddressRefused("domain", "the part after the @ is not a full domain name")
    return f"{address.rpartition('@')[0]}@{domain}"


def _domain_taken(address: str) -> str | None:
    """The A-label form of the domain, in lower case; None for an address that email-validator refuses."""
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(
            address,
            check_deliverability=False,
            allow_smtputf8=False,
            allow_domain_literal=False,
            allow_quoted_local=False,
            globally_deliverable=False,
            test_environment=True,  # .test is for testing (RFC 6761 section 6.2): sinks are there
        )
    except EmailNotValidError:
        return None
    return (found.ascii_domain or "").lower()


def _refused(address: str) -> AddressRefused:
    """Which side of an address that email-validator refuses is to blame."""
    local, _, domain = address.rpartition("@")
    if _domain_taken(f"{local}@example.jp") is None:
        return AddressRefused("format", _LOCAL_FORM)
    if _domain_taken(f"a@{domain}") is None:
        return AddressRefused("format", "the part after the @ is not a domain name that mails are sent to")
    return _too_long()


def _too_long() -> AddressRefused:
    return AddressRefused("too-long", f"an address has at most {MAX_OCTETS} octets")
