"""Groups of mail domains, and how many mails at a time and a minute each is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from config.datafile import load_table, shaped
from config.values import read_domain
from core.destinations import Destination

FILE = "destinations.toml"

_Domain = Annotated[str, AfterValidator(read_domain)]


@dataclass(frozen=True, slots=True)
class _Group:
    __pydantic_config__ = ConfigDict(extra="forbid")

    domains: Annotated[tuple[_Domain, ...], Field(min_length=1)]
    connections: Annotated[int, Field(ge=1)] | None = None
    per_minute: Annotated[float | None, Field(alias="per-minute", gt=0, allow_inf_nan=False)] = None


@dataclass(frozen=True, slots=True)
class _File:
    __pydantic_config__ = ConfigDict(extra="forbid")

    groups: Mapping[str, _Group]

    def __post_init__(self) -> None:
        listed = [domain for group in self.groups.values() for domain in group.domains]
        twice = sorted({domain for domain in listed if listed.count(domain) > 1})
        if twice:
            raise ValueError(f"{twice[0]} stands in two groups")


def load_destinations(config_dir: Path | None = None) -> tuple[Destination, ...]:
    """The groups. Raises ConfigurationError."""
    file = shaped(FILE, config_dir, _File, load_table(FILE, config_dir))
    return tuple(
        Destination(name, group.domains, group.connections, group.per_minute) for name, group in file.groups.items()
    )
