"""From the settings to what the rooms take."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigurationError

if TYPE_CHECKING:
    from config.settings import Settings
    from mailer.relay import RelaySettings
    from mailer.signing import SigningKey


def relay_settings(settings: Settings) -> RelaySettings:
    """How the relay is reached."""
    from mailer.relay import RelaySettings

    return RelaySettings(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls.value,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
        ca_file=str(settings.smtp_ca_file) if settings.smtp_ca_file else None,
        command_timeout=settings.smtp_timeout,
        helo=settings.smtp_helo or full_host_name(socket.gethostname()),
    )


def full_host_name(name: str) -> str | None:
    """A machine's name where it is fully qualified as it stands: nobody is asked what the rest of it might be."""
    from config.values import read_helo

    try:
        return read_helo(name)
    except ValueError:
        return None


def signing_key(settings: Settings) -> SigningKey | None:
    """The DKIM key, where mails are signed. Raises ConfigurationError."""
    from mailer.signing import read_signing_key

    if settings.dkim_domain is None or settings.dkim_selector is None or settings.dkim_key_file is None:
        return None
    return read_signing_key(settings.dkim_domain, settings.dkim_selector, settings.dkim_key_file)


def templates_folder(settings: Settings) -> Path | None:
    """The mails in the configuration folder, whose files go before the built-in ones; None where there is no folder."""
    from config.dataset import TEMPLATES

    return _folder_of_words(settings, TEMPLATES)


def procedures_folder(settings: Settings) -> Path | None:
    """The same of what the helpdesk tells callers."""
    from config.dataset import PROCEDURES

    return _folder_of_words(settings, PROCEDURES)


def _folder_of_words(settings: Settings, name: str) -> Path | None:
    """One that is there and cannot be read is left to those who read it, to be refused."""
    folder = settings.config_dir / name if settings.config_dir else None
    return folder if folder is not None and os.path.lexists(folder) else None


def unused_files(settings: Settings) -> list[str]:
    """What lies in the configuration folder and has no effect, one sentence each."""
    from config.dataset import strangers

    paths = [getattr(settings, name) for name in type(settings).model_fields if name != "config_dir"]
    return strangers(settings.config_dir, [path for path in paths if isinstance(path, Path)])


def sender_name() -> str:
    """A name that no other sender has."""
    return f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"


def refuse_problems(settings: Settings) -> None:
    """Raise ConfigurationError with everything that forbids starting."""
    problems = settings.problems()
    if problems:
        raise ConfigurationError("\n".join(problems))
