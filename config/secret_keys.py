"""The keys that encrypt secrets at rest, and the folder where a local key lives."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from config.settings import Environment, Settings
from config.values import read_key
from core.errors import ConfigurationError

KEY_FILE = "secret.key"


def generate_key() -> str:
    """A new Fernet key: 32 random octets in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def make_data_dir(settings: Settings) -> Path:
    """The data folder, made for its owner alone if it is not there. Raises ConfigurationError."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"TODOKE_DATA_DIR: the folder {settings.data_dir} cannot be made ({error.strerror})",
        ) from error
    return settings.data_dir


def resolve_secret_keys(settings: Settings, new_key: Callable[[], str] = generate_key) -> tuple[str, ...]:
    """The keys to use, newest first.

    In `local` without TODOKE_SECRET_KEYS: the key file of the data folder, made on first use. Elsewhere a missing
    key raises ConfigurationError, as does a key file that holds no key.
    """
    if settings.secret_keys:
        return tuple(key.get_secret_value() for key in settings.secret_keys)
    if settings.environment is not Environment.LOCAL:
        raise ConfigurationError("TODOKE_SECRET_KEYS: needed outside local; give a Fernet key, newest first")
    return (_key_of_folder(make_data_dir(settings), new_key),)


def _key_of_folder(folder: Path, new_key: Callable[[], str]) -> str:
    path = folder / KEY_FILE
    try:
        if not path.exists():
            _create_once(path, new_key())
        return read_key(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: cannot be used as the key file ({type(error).__name__})") from error


def _create_once(path: Path, key: str) -> None:
    """Write the whole key aside, then link it into place: of two processes one wins, and none reads half a key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
        _link(draft, path)
    finally:
        draft.unlink()


def _link(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
