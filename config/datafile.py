"""One data file: the shipped one, with the file of the same name in the configuration folder merged over it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from core.errors import ConfigurationError

T = TypeVar("T")


def load_table(name: str, overlay: Path | None) -> dict[str, Any]:
    """The file `name` as plain data: tables merged key by key, everything else replaced.

    `overlay` is the configuration folder. Raises ConfigurationError for one that is there and cannot be
    read, or is no TOML.
    """
    shipped = tomllib.loads((files("config") / "data" / name).read_text("utf-8"))
    return shipped if overlay is None else merged(shipped, _read(overlay / name))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigurationError(f"{path}: is a link that leads nowhere") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as UTF-8 ({type(error).__name__})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: is not TOML: {error}") from error


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables in one; where both have a key, two tables are merged and otherwise `over` wins."""
    result = dict(under)
    for key, value in over.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return result


def shaped(name: str, overlay: Path | None, shape: type[T], table: object, at: str = "") -> T:
    """The data in the given shape; `at` is the dotted key where they stand in the file `name`.

    Raises one ConfigurationError with file and key of all faults.
    """
    try:
        return TypeAdapter(shape).validate_python(table)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        lines = (f"{file_name(name, overlay)}: {_key(at, f['loc'])}: {_text(f['msg'])}" for f in faults)
        raise ConfigurationError("\n".join(lines)) from error


def file_name(name: str, overlay: Path | None) -> str:
    """The file that a person would edit, as named in errors."""
    return str(overlay / name) if overlay is not None and (overlay / name).exists() else name


def _key(at: str, place: tuple[int | str, ...]) -> str:
    parts = [at, *(str(part) for part in place if part != "[key]")]
    return ".".join(part for part in parts if part)


def _text(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ").removeprefix("Input ")
