"""Where settings come from: environment over `.env` over `todoke.toml`, each as a plain mapping of raw values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from core.errors import ConfigurationError

PREFIX = "TODOKE_"
_CONFIG_FILE = "config_file"
_DOTENV = ".env"
_TOML = "todoke.toml"
_SETTING_WITHIN = re.compile(rf"\n[^\S\n]*(export\s+)?{PREFIX}\w+\s*=", re.IGNORECASE)
"""A line of its own inside one value: the quote before it was not closed, and the next one taken for its end."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings. `values` are raw, by the setting's name; empty texts are left out: they unset nothing."""

    label: str
    values: Mapping[str, object]

    def written(self, name: str) -> str:
        """The setting as one writes it in this source."""
        return name if self.label == _TOML else variable(name)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def read_layers(settings: type[BaseSettings]) -> tuple[Layer, ...]:
    """All sources, strongest first, from the environment and the current folder.

    Raises ConfigurationError for a file that cannot be read, never with its contents.
    """
    environment = _variables(EnvSettingsSource(settings).env_vars)
    dotenv = _read_dotenv()
    named = environment.get(_CONFIG_FILE) or dotenv.get(_CONFIG_FILE)
    toml = _read_toml(Path(named) if named else None)
    layers = Layer("environment", environment), Layer(_DOTENV, dotenv), Layer(_TOML, toml)
    return tuple(Layer(layer.label, _without_config_file(layer.values)) for layer in layers)


def unknown_names(layers: tuple[Layer, ...], known: frozenset[str]) -> Iterator[str]:
    """One sentence for each name that is no setting, with the nearest that is."""
    for layer in layers:
        for name in sorted(layer.values.keys() - known):
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {layer.written(near[0])}?" if near else ""
            yield f"{layer.written(name)} ({layer.label}) is not a setting and has no effect{hint}"


def _variables(found: Mapping[str, str | None]) -> dict[str, str]:
    """Ours among them. pydantic-settings gives the names in lower case."""
    prefix = PREFIX.lower()
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix) and value}


def _read_dotenv() -> dict[str, str]:
    """The file `.env`. A folder of that name is somebody's virtual environment."""
    path = Path(_DOTENV)
    if path.is_dir():
        return {}
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        _refuse_dangling(path)
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{_DOTENV}: cannot be read as UTF-8 ({type(error).__name__})") from None
    _refuse_unreadable(text)
    return _variables({name.lower(): value for name, value in dotenv_values(stream=StringIO(text)).items()})


def _refuse_unreadable(text: str) -> None:
    """What was meant to be set and is not would be missed by nobody. What stands there may be a secret."""
    lines = [_first_line(binding) for binding in parse_stream(StringIO(text)) if _is_unreadable(binding)]
    if lines:
        numbers = ", ".join(map(str, lines))
        raise ConfigurationError(f"{_DOTENV}: cannot be read at line {numbers}; write NAME=value, and close quotes")


def _first_line(binding: Binding) -> int:
    """The parser counts from the empty lines before it."""
    string = binding.original.string
    return binding.original.line + string[: len(string) - len(string.lstrip())].count("\n")


def _is_unreadable(binding: Binding) -> bool:
    ours_without_value = binding.value is None and (binding.key or "").upper().startswith(PREFIX)
    return binding.error or ours_without_value or _SETTING_WITHIN.search(binding.original.string.lstrip()) is not None


def _refuse_dangling(path: Path) -> None:
    if path.is_symlink():
        raise ConfigurationError(f"{path}: is a link that leads nowhere") from None


def _read_toml(named: Path | None) -> dict[str, object]:
    """The file that TODOKE_CONFIG_FILE names, which must be there; else `todoke.toml`, which may be absent."""
    path = named or Path(_TOML)
    if named and not path.is_file():
        raise ConfigurationError(f"{variable(_CONFIG_FILE)}: there is no file {path}")
    try:
        found = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        _refuse_dangling(path)
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as UTF-8 ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: is not TOML: {error}") from None
    return {name: value for name, value in found.items() if value != ""}


def _without_config_file(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != _CONFIG_FILE}


def complaints(error: ValidationError, layers: tuple[Layer, ...]) -> Iterator[str]:
    """What is wrong with which setting, as it was written; never a value."""
    for problem in error.errors(include_url=False, include_input=False):
        if problem["type"] == "default_factory_not_called":
            continue
        text = problem["msg"].removeprefix("Value error, ").removeprefix("Input ").replace("Path does", "path does")
        name, *place = problem["loc"] or ("",)
        layer = next((layer for layer in layers if name in layer.values), None)
        entry = "".join(f"entry {number + 1} " for number in place if isinstance(number, int))
        yield f"{layer.written(str(name))} ({layer.label}): {entry}{text}" if layer else text
