"""How many reminders an hour a prefecture's desk and a mail domain can bear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from config.datafile import load_table, shaped
from config.prefectures import PrefectureCode
from config.values import read_domain

FILE = "spreading.toml"
_DEFAULT = "default"

_Rate = Annotated[int, Field(ge=1)]
_Domain = Annotated[str, AfterValidator(read_domain)]


@dataclass(frozen=True, slots=True)
class Rates:
    """Reminders an hour."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    default: _Rate
    prefectures: Mapping[PrefectureCode, _Rate]
    domains: Mapping[_Domain, _Rate]

    def of_prefecture(self, code: str) -> int:
        """To the institutions of one prefecture."""
        return self.prefectures.get(code, self.default)

    def of_domain(self, domain: str) -> int | None:
        """To the addresses of one domain, in lower case; None: any number."""
        return self.domains.get(domain)


def load_rates(config_dir: Path | None = None) -> Rates:
    """The rates. Raises ConfigurationError."""
    table = load_table(FILE, config_dir)
    places = table.get("prefectures")
    if isinstance(places, Mapping):
        own = {code: rate for code, rate in places.items() if code != _DEFAULT}
        table |= {"prefectures": own, _DEFAULT: places.get(_DEFAULT)}
    return shaped(FILE, config_dir, Rates, table)
