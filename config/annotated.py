"""Types of settings: how each is read and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr

from config.values import (
    InDoubt,
    RoleGrant,
    read_database_url,
    read_domain,
    read_helo,
    read_host,
    read_in_doubt,
    read_key,
    read_list,
    read_path,
    read_pattern,
    read_role_grant,
)

T = TypeVar("T")


def _absolute(path: object) -> object:
    return read_path(path) if isinstance(path, str | Path) else path


def _read_secret_key(key: SecretStr) -> SecretStr:
    read_key(key.get_secret_value())
    return key


def parsed(kind: type[T], parse: Callable[[str], T]) -> PlainValidator:
    return PlainValidator(lambda value: value if isinstance(value, kind) else parse(str(value)))


def read_doubt(value: object) -> InDoubt:
    return value if isinstance(value, InDoubt) else read_in_doubt(value)


Absolute = BeforeValidator(_absolute)
Listed = BeforeValidator(read_list)
Host = Annotated[str, AfterValidator(read_host)]
Helo = Annotated[str, AfterValidator(read_helo)]
Port = Annotated[int, Field(ge=1, le=65535)]
ListeningPort = Annotated[int, Field(ge=0, le=65535)]
Domain = Annotated[str, AfterValidator(read_domain)]
Domains = Annotated[tuple[Domain, ...], Listed]
Patterns = Annotated[tuple[Annotated[str, AfterValidator(read_pattern)], ...], Listed]
Keys = Annotated[tuple[Annotated[SecretStr, AfterValidator(_read_secret_key)], ...], Listed]
DatabaseUrl = Annotated[str, AfterValidator(read_database_url)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
RoleGrants = Annotated[tuple[Annotated[RoleGrant, PlainValidator(read_role_grant)], ...], Listed]
