"""The bounce listener's certificate: whether it can be used, and for how long."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from core.errors import ConfigurationError

_SOON = timedelta(days=30)


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What conversations are encrypted by. Raises ConfigurationError for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        where = f"{certificate}" + (f" with {key}" if key else "")
        raise ConfigurationError(f"the bounce listener's certificate cannot be used: {where}: {error}") from error
    return context


def validity(certificate: Path) -> tuple[datetime, datetime]:
    """From when to when a certificate, whose file can be used, holds with all of its chain. Aware, UTC."""
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    return max(one.not_valid_before_utc for one in chain), min(one.not_valid_after_utc for one in chain)


def out_of_date(begins: datetime, ends: datetime, now: datetime) -> str | None:
    """What is wrong with these times for servers that check them; None while all is well."""
    if now < begins:
        return f"it holds from {begins:%Y-%m-%d} on only"
    return f"it has ended on {ends:%Y-%m-%d}" if now >= ends else None


def ends_soon(ends: datetime, now: datetime) -> str | None:
    """That it has to be replaced; None while there is time."""
    return f"it ends on {ends:%Y-%m-%d}: replace it and restart" if ends - now <= _SOON else None
