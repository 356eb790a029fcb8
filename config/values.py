"""Readers of single values of the settings. Each raises ValueError with a sentence that never echoes the value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from core.address_literal import address_literal
from core.jst import TOKYO
from core.kinds import Kind

_SLOWEST_CLOCK = 0.001
_FASTEST_CLOCK = 1_000_000
"""Eleven days a second; much faster, time leaves the calendar before anything is done."""
_CLOCK_YEARS = range(1950, 2099)  # a day of margin within the years whose holidays are known
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ROLE_GRANT = re.compile(
    r"(?P<claim>[^:=\s]+):(?P<value>[^=]+)=(?:(?P<role>helpdesk|auditor|admin)|prefecture/(?P<prefecture>0[1-9]|[1-3]\d|4[0-7]))"
)
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_ADDRESS_LITERAL = re.compile(r"\[(?P<v6>IPv6:)?(?P<address>[^%\]]+)\]", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?P<domain>[^@\s]+)")
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=", re.ASCII)
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):.*@")
_PASSWORD_PARAMETER = re.compile(r"((?:ssl)?password)=[^&]*", re.IGNORECASE)


class ClockStart(NamedTuple):
    """The moment at which the service's clock starts, and how many times as fast as real time it runs."""

    moment: datetime
    speed: float

    def __str__(self) -> str:
        return f"{self.moment.isoformat()}@{self.speed:g}"


@dataclass(frozen=True, slots=True)
class InDoubt:
    """What to do with a message whose outcome is unknown, per kind (contract section 1, "In doubt")."""

    waiting: frozenset[Kind] = frozenset({Kind.GUIDE})

    def waits(self, kind: Kind) -> bool:
        """True: never sent again by itself. False: tried again with the same Message-ID."""
        return kind in self.waiting

    def __str__(self) -> str:
        return ", ".join(f"{kind}={'wait' if self.waits(kind) else 'retry'}" for kind in Kind)


def read_list(value: object) -> object:
    """Split a comma-separated text; leave a list of todoke.toml as it is."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def read_domain(text: str) -> str:
    """A host name in lower case; one that is not ASCII becomes its A-label."""
    try:
        domain = text.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError as error:
        raise ValueError("is not a host name") from error
    if _DOMAIN.fullmatch(domain) is None:
        raise ValueError("is not a host name")
    return domain


def read_helo(text: str) -> str:
    """How a client greets (RFC 5321 section 4.1.1.1): a fully qualified name, [192.0.2.1] or [IPv6:2001:db8::1]."""
    literal = _ADDRESS_LITERAL.fullmatch(text.strip())
    try:
        if literal is None:
            return _read_qualified(text)
        return address_literal((IPv6Address if literal["v6"] else IPv4Address)(literal["address"]))
    except ValueError as error:
        raise ValueError("is neither a fully qualified host name nor an address such as [192.0.2.1]") from error


def _read_qualified(text: str) -> str:
    name = read_domain(text)
    if "." not in name or name.rpartition(".")[2].isdigit():
        raise ValueError("is not fully qualified")
    return name


def read_path(text: str | Path) -> Path:
    """An absolute path; `~` is the home folder, a relative one starts at the current folder."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("begins with ~ and a user who is not known here") from error


def read_host(text: str) -> str:
    """A host name or an IP address, to listen on or to connect to."""
    host = text.strip()
    if not host or any(char.isspace() or char in "/@" for char in host):
        raise ValueError("is not a host name or an IP address")
    return host


def read_public_url(text: str) -> str:
    """Where browsers reach the pages: scheme and host, with a port where it is not the scheme's own."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("is not of the form https://host or https://host:port")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("has a scheme and a host alone: the pages stand at the root")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def read_issuer(text: str) -> str:
    """An issuer of OpenID Connect: an https address, as it names itself; http on this machine alone."""
    parts = urlsplit(text.strip())
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ValueError("is not an https address")
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError("has a host, and neither query nor fragment")
    return text.strip()


class RoleGrant(NamedTuple):
    """Who has this value among those of this claim has this role, in this prefecture."""

    claim: str
    value: str
    role: str
    prefecture: str | None


def read_role_grant(value: object) -> RoleGrant:
    """`groups:desk=helpdesk`, `groups:pref-35=prefecture/35`."""
    if isinstance(value, RoleGrant):
        return value
    match = _ROLE_GRANT.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("is not of the form CLAIM:VALUE=helpdesk|auditor|admin or CLAIM:VALUE=prefecture/NN")
    return RoleGrant(match["claim"], match["value"], match["role"] or "prefecture", match["prefecture"])


def read_address(text: str) -> str:
    """A bare mail address: no display name, no brackets."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a bare mail address")
    read_domain(match["domain"])
    return text.strip()


def read_pattern(text: str) -> str:
    """A pattern of mail addresses in lower case: `*` stands for any text."""
    if not text.isascii():
        raise ValueError("has letters that are not ASCII; write the domain as its A-label (xn--…)")
    if "@" not in text and "*" not in text:
        raise ValueError("can match no address; write *@example.jp for a whole domain")
    return text.lower()


def pattern_matches(pattern: str, address: str) -> bool:
    """Whether the whole address, in any case, fits a pattern of `read_pattern`."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), address.lower()) is not None


def read_key(text: str) -> str:
    """A Fernet key: 32 octets in 44 characters of URL-safe base64."""
    if _KEY.fullmatch(text) is None:
        raise ValueError("is not a Fernet key (44 characters of URL-safe base64)")
    return text


def read_database_url(text: str) -> str:
    """The address with its async driver. The path of SQLite is made absolute.

    An SQLite database in memory is refused: accepted jobs would not be durable.
    """
    scheme, separator, rest = text.strip().partition("://")
    driver = _DRIVERS.get(scheme.lower())
    if driver is None or not separator:
        raise ValueError("must begin with sqlite:///, postgresql:// or postgresql+psycopg://")
    return f"{driver}://{rest if driver.startswith('postgresql') else _sqlite_path(rest)}"


def _sqlite_path(rest: str) -> str:
    path, mark, query = rest.partition("?")
    if not path.startswith("/"):
        raise ValueError("needs three slashes before the path of the file: sqlite:///todoke.sqlite3")
    name = path[1:]
    if name in {"", ":memory:"} or "mode=memory" in query:
        raise ValueError("names a database in memory, which would lose accepted jobs; name a file")
    return f"/{read_path(name)}{mark}{query}"


def mask_url(url: str) -> str:
    """The address without its password, wherever it stands."""
    return _PASSWORD_PARAMETER.sub(r"\1=***", _PASSWORD.sub(r"\1:***@", url))


def read_broker_url(text: str) -> str:
    """An address of a message broker."""
    if not text.strip().lower().startswith(("amqp://", "amqps://", "nats://")):
        raise ValueError("must begin with amqp:// or nats://")
    return text.strip()


def read_clock(text: str) -> ClockStart:
    """`ISO-TIME[@SPEED]`. A time without offset is one of Asia/Tokyo."""
    written, mark, factor = text.strip().partition("@")
    try:
        moment = datetime.fromisoformat(written.strip())
        speed = float(factor) if mark else 1.0
    except ValueError as error:
        raise ValueError("is not ISO-TIME or ISO-TIME@SPEED, like 2026-12-28T16:59:00+09:00@60") from error
    if not _SLOWEST_CLOCK <= speed <= _FASTEST_CLOCK:
        raise ValueError(f"has a speed that is not between {_SLOWEST_CLOCK} and {_FASTEST_CLOCK:,}")
    if moment.year not in _CLOCK_YEARS:
        raise ValueError(f"is outside the years {_CLOCK_YEARS[0]} to {_CLOCK_YEARS[-1]}")
    return ClockStart(moment if moment.tzinfo else moment.replace(tzinfo=TOKYO), speed)


def read_in_doubt(value: object) -> InDoubt:
    """`guide=wait, reminder=retry` (a table in todoke.toml) over the default: `guide` waits, all others retry."""
    waiting = set(InDoubt().waiting)
    for kind, choice in _pairs(value):
        if kind not in {*Kind} or choice not in {"wait", "retry"}:
            raise ValueError("must be a list of KIND=retry or KIND=wait with the known kinds of mail")
        (waiting.add if choice == "wait" else waiting.discard)(Kind(kind))
    return InDoubt(frozenset(waiting))


def _pairs(value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [(str(kind), str(choice)) for kind, choice in value.items()]
    parts = read_list(value)
    split = (str(part).partition("=") for part in (parts if isinstance(parts, list) else [parts]))
    return [(kind.strip(), choice.strip()) for kind, _, choice in split]


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its name or address alone."""
    name = host.strip("[]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
