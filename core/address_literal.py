"""An IP address as SMTP writes it in the place of a host name (RFC 5321 section 4.1.3)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address


def address_literal(address: IPv4Address | IPv6Address) -> str:
    """As in `[192.0.2.1]` and `[IPv6:2001:db8::1]`. One that stands for an IPv4 address is written as that."""
    address = getattr(address, "ipv4_mapped", None) or address
    return f"[{address}]" if isinstance(address, IPv4Address) else f"[IPv6:{address}]"
