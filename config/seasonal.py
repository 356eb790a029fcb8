"""Data per scheme, prefecture and fiscal year, where the nearest word counts (contract section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from config.datafile import file_name, load_table, shaped
from core.errors import ConfigurationError
from core.kinds import Scheme

T = TypeVar("T")

_SCOPE = re.compile(
    rf"(?:{'|'.join(Scheme)})(?:\.prefectures\.(?P<prefecture>0[1-9]|[1-3][0-9]|4[0-7]))?(?:\.years\.(?P<year>[0-9]{{4}}))?"
)


@dataclass(frozen=True, slots=True)
class Seasonal(Generic[T]):
    """Rules by the dotted name of their table, such as `medical-function.prefectures.35.years.2026`."""

    rules: Mapping[str, T]

    def nearest_first(self, scheme: Scheme, prefecture: str | None, fiscal_year: int) -> Iterator[T]:
        """This prefecture in this year, this prefecture, the country in this year, the country."""
        places = (f"{scheme}.prefectures.{prefecture}", str(scheme))
        names = (name for place in places for name in (f"{place}.years.{fiscal_year}", place))
        return (self.rules[name] for name in names if name in self.rules)

    def scopes(self) -> Iterator[tuple[Scheme, str | None, int | None]]:
        """Scheme, prefecture and year of every rule; None where it is for all."""
        for name in self.rules:
            match = _SCOPE.fullmatch(name)
            assert match is not None
            year = match["year"]
            yield Scheme(name.split(".")[0]), match["prefecture"], int(year) if year else None


def load_seasonal(name: str, config_dir: Path | None, rule: type[T]) -> Seasonal[T]:
    """The file `name`, each table with values of its own in the shape `rule`. Raises ConfigurationError."""
    found = dict(_flat(load_table(name, config_dir), ""))
    for scope in found:
        if _SCOPE.fullmatch(scope) is None:
            raise ConfigurationError(f"{file_name(name, config_dir)}: {scope or 'values outside a table'}: is no place")
    return Seasonal({scope: shaped(name, config_dir, rule, own, scope) for scope, own in found.items()})


def _flat(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    own = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if own:
        yield path, own
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.{key}" if path else key)
