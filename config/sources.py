"""Where settings come from: environment over `.env` over `todoke.toml`, each as a plain mapping of raw values."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

from core.errors import ConfigurationError

PREFIX = "TODOKE_"
_CONFIG_FILE = "config_file"
_DOTENV = ".env"
_TOML = "todoke.toml"


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
    dotenv = _read_dotenv(settings)
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


def _read_dotenv(settings: type[BaseSettings]) -> dict[str, str]:
    """The file `.env`. A folder of that name is somebody's virtual environment."""
    if not Path(_DOTENV).exists():
        _refuse_dangling(Path(_DOTENV))
    try:
        source = DotEnvSettingsSource(settings, env_file=_DOTENV, env_file_encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{_DOTENV}: cannot be read as UTF-8 ({type(error).__name__})") from None
    return _variables(source.env_vars)


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
