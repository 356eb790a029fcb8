"""The settings: environment variables `TODOKE_*` and `.env` over `todoke.toml` over defaults (contract section 2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    DirectoryPath,
    Field,
    FilePath,
    PlainValidator,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.annotated import (
    Absolute,
    Count,
    DatabaseUrl,
    Domain,
    Domains,
    Helo,
    Host,
    Keys,
    ListeningPort,
    Patterns,
    Port,
    RoleGrants,
    Seconds,
    parsed,
    read_doubt,
)
from config.retry import RetrySchedule
from config.sources import Layer, complaints, read_layers, unknown_names, variable
from config.values import (
    ClockStart,
    InDoubt,
    is_loopback,
    mask_url,
    pattern_matches,
    read_address,
    read_broker_url,
    read_clock,
    read_issuer,
    read_public_url,
)
from core.errors import ConfigurationError
from core.mail import SENDER_ADDRESS

_T = TypeVar("_T")
_MASK = "***"
_LOCAL_RETURN_PATH = "bounces.localhost"


class Environment(StrEnum):
    """How much is at stake: `local` invents what is missing, `staging` mails nobody unasked, `production` refuses."""

    LOCAL = "local"
    STAGING = "staging"
    PRODUCTION = "production"


class SmtpTls(StrEnum):
    """How the connection to the relay is encrypted. With `starttls` a relay that does not offer it gets no mail."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class LogFormat(StrEnum):
    """`auto`: for people on a terminal, JSON elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Origin:
    """One line of `todoke config show`. Secrets are masked; `value` is None where the setting is unset."""

    name: str
    variable: str
    value: str | None
    source: str  # "environment", ".env", "todoke.toml" or "default"


def _default_data_dir() -> Path:
    """By the XDG base directory specification, which has relative paths ignored."""
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "share") / "todoke"


def _default_database_url(values: dict[str, Any]) -> str:
    return f"sqlite+aiosqlite:///{values['data_dir'] / 'todoke.sqlite3'}"


class Settings(BaseSettings):
    """Every setting. Made by `load_settings`; made directly, it takes its arguments and defaults alone."""

    model_config = SettingsConfigDict(
        env_prefix="TODOKE_",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=False,
    )

    environment: Environment = Environment.LOCAL
    """`local` invents what is missing, `staging` mails nobody unasked, `production` refuses what is unsafe."""
    data_dir: Annotated[Path, Absolute] = Field(default_factory=_default_data_dir)
    """Folder of the database and the local key file. Default: `todoke` in $XDG_DATA_HOME or ~/.local/share."""
    config_dir: Annotated[DirectoryPath, Absolute] | None = None
    """Folder with changed data files, merged over the shipped ones of the same name."""
    database_url: DatabaseUrl = Field(default_factory=_default_database_url, repr=False)
    """`sqlite:///PATH` or `postgresql+psycopg://…`. Default: todoke.sqlite3 in the data folder."""
    broker_url: Annotated[str, AfterValidator(read_broker_url)] | None = Field(None, repr=False)
    """`amqp://…` or `nats://…`; unset: no broker."""

    smtp_host: Host = "127.0.0.1"
    """The relay that takes our mails."""
    smtp_port: Port = 1025
    """The relay's port. The default is that of `todoke sink`."""
    smtp_helo: Helo | None = None
    """Name or address such as [192.0.2.1] in EHLO; unset: this machine's full name, else the connection's address."""
    smtp_username: str | None = None
    """User name at the relay."""
    smtp_password: SecretStr | None = None
    """Password at the relay."""
    smtp_tls: SmtpTls = SmtpTls.NONE
    """`none`, `starttls` or `tls`."""
    smtp_ca_file: Annotated[FilePath, Absolute] | None = None
    """PEM file of the authorities that the relay's certificate is checked against; unset: the system's."""
    smtp_timeout: Seconds = 60
    """Seconds to wait for a connection or a reply of the relay."""
    smtp_connections: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections to the relay, all senders of one process together."""
    tls_required: bool = False
    """Refuse to start without TLS to a relay on another machine. `production` always does."""

    http_host: Host = "127.0.0.1"
    """Address on which the API and the pages listen."""
    http_port: ListeningPort = 8080
    """Port of the API and the pages; 0: any free one."""
    max_body_bytes: Count = 16 * 1024 * 1024
    """Largest body of a request, in octets."""
    api_token: SecretStr | None = None
    """An admin token, accepted in `local` only."""
    public_url: Annotated[str, AfterValidator(read_public_url)] | None = None
    """Where browsers reach the pages, such as https://todoke.example.jp; unset: taken from their requests."""
    oidc_issuer: Annotated[str, AfterValidator(read_issuer)] | None = None
    """Issuer of OpenID Connect whose accounts may sign in; unset: names and passwords alone."""
    oidc_client_id: str | None = None
    """Our client id at that issuer; the redirect URI is TODOKE_PUBLIC_URL/login/oidc/callback."""
    oidc_client_secret: SecretStr | None = None
    """Our client secret at that issuer."""
    oidc_label: str = "所属組織のアカウント"
    """What the sign-in page calls those accounts."""
    oidc_roles: RoleGrants = ()
    """`CLAIM:VALUE=ROLE` or `CLAIM:VALUE=prefecture/NN`, the first that applies: who of them may do what."""
    session_idle_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 60
    """Minutes without a request after which somebody has to sign in again."""
    session_hours: Annotated[int, Field(ge=1, le=7 * 24)] = 12
    """Hours after signing in after which it has to be done again in any case."""

    bounce_host: Host = "127.0.0.1"
    """Address on which failure reports are received."""
    bounce_port: ListeningPort = 2525
    """SMTP port on which failure reports are received; 0: any free one."""
    bounce_max_bytes: Count = 10 * 1024 * 1024
    """Largest failure report that is taken in, in octets."""
    bounce_connections_per_peer: Count = 50
    """Connections that one peer may hold at the bounce listener."""
    bounce_tls_certificate: Annotated[FilePath, Absolute] | None = None
    """PEM file of the bounce listener's certificate with its chain, read when a process starts; unset: no STARTTLS."""
    bounce_tls_key: Annotated[FilePath, Absolute] | None = None
    """PEM file of that certificate's private key; unset: it stands in the certificate's file."""
    return_path_domain: Domain = _LOCAL_RETURN_PATH
    """Domain of the envelope senders; its MX leads to the bounce listener."""
    sender_address: Annotated[str, AfterValidator(read_address)] = SENDER_ADDRESS
    """The From address, which recipients register as safe (rules 16, 19); mails and the helpdesk's answers name it."""

    dkim_domain: Domain | None = None
    """Domain that signs our mails by DKIM, where the relay does not; unset: no signature."""
    dkim_selector: Annotated[Domain, Field(max_length=63)] | None = None
    """Selector under which the domain publishes the key."""
    dkim_key_file: Annotated[FilePath, Absolute] | None = None
    """PEM file of the RSA key that signs, read when a process starts."""

    secret_keys: Keys = Field((), repr=False)
    """Fernet keys of secrets at rest, newest first. `local` makes its own on first use."""
    link_hosts: Domains = ("www.g-mis.mhlw.go.jp", "www.med-login.mhlw.go.jp")
    """Hosts that the links in our mails may lead to."""
    allowed_recipients: Patterns | None = None
    """Patterns like *@example.jp: outside `production` nobody else is mailed. Unset: all in `local`, else nobody."""
    carrier_domains: Domains = ("docomo.ne.jp", "ezweb.ne.jp", "au.com")
    """Domains whose old addresses with a..b@, a.@ or .a@ are accepted."""

    clock: Annotated[ClockStart, parsed(ClockStart, read_clock)] | None = None
    """`ISO-TIME[@SPEED]`: where business time starts and how fast it runs, in `local` only."""
    settle_business_days: Count = 3
    """Business days after sending without a failure report until a mail counts as settled."""
    guide_business_days: Count = 1
    """Business days from the pre-check's sending to the guide (rule 63)."""
    retry_schedule: Annotated[RetrySchedule, parsed(RetrySchedule, RetrySchedule.parse)] = RetrySchedule.parse(
        "1m, 5m*2, 15m, 1h*3, 4h*…"
    )
    """Waits before further attempts; the last one repeats."""
    retry_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 72
    """Hours from the first attempt on within which it is tried again; in closed hours they do not end."""
    in_doubt: Annotated[InDoubt, PlainValidator(read_doubt)] = InDoubt()
    """`KIND=retry` or `KIND=wait`: what to do with a mail that may have arrived."""
    lease_seconds: Annotated[float, Field(ge=1, le=12)] = 10
    """Seconds of real time after which a silent sender's messages are taken over (contract section 1: within 15)."""

    log_format: LogFormat = LogFormat.AUTO
    """`auto`, `console` or `json`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged: `debug`, `info`, `warning` or `error`."""

    _layers: tuple[Layer, ...] = PrivateAttr(default=())
    _local_only: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The arguments alone: `load_settings` reads the sources, and remembers which gave what."""
        return (init_settings,)

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> Self:
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("TODOKE_SMTP_USERNAME and TODOKE_SMTP_PASSWORD: give both or neither")
        if len({value is None for value in (self.dkim_domain, self.dkim_selector, self.dkim_key_file)}) == 2:
            raise ValueError("TODOKE_DKIM_DOMAIN, TODOKE_DKIM_SELECTOR and TODOKE_DKIM_KEY_FILE: give all or none")
        if self.bounce_tls_key is not None and self.bounce_tls_certificate is None:
            raise ValueError("TODOKE_BOUNCE_TLS_KEY: needs TODOKE_BOUNCE_TLS_CERTIFICATE beside it")
        return self

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        needed = ("oidc_client_id", "oidc_client_secret", "oidc_roles", "public_url")
        missing = [variable(name) for name in needed if not getattr(self, name)]
        if self.oidc_issuer is not None and missing:
            raise ValueError(f"TODOKE_OIDC_ISSUER: needs {', '.join(missing)} beside it")
        return self

    @model_validator(mode="after")
    def _forget_what_is_local_only(self) -> Self:
        """Outside `local` a fixed token and a simulated clock do not exist for anybody who reads the settings."""
        if self.environment is not Environment.LOCAL:
            given = [name for name in ("api_token", "clock") if getattr(self, name) is not None]
            self._local_only += tuple(given)
            for name in given:
                object.__setattr__(self, name, None)
        return self

    def may_mail(self, address: str) -> bool:
        """Whether this address may be mailed at all in this environment (contract section 2)."""
        if self.environment is Environment.PRODUCTION:
            return True
        if self.allowed_recipients is None:
            return self.environment is Environment.LOCAL
        return any(pattern_matches(pattern, address) for pattern in self.allowed_recipients)

    def problems(self) -> list[str]:
        """Why the service must not start with these settings: one sentence each, empty where it may."""
        return [*self._problems_anywhere(), *self._problems_outside_local(), *self._problems_of_production()]

    def _problems_anywhere(self) -> Iterator[str]:
        production = self.environment is Environment.PRODUCTION
        needed = (production or self.tls_required) and not is_loopback(self.smtp_host)
        if needed and self.smtp_tls is SmtpTls.NONE:
            yield "TODOKE_SMTP_TLS: the relay is on another machine; set starttls or tls"

    def _problems_outside_local(self) -> Iterator[str]:
        if self.environment is not Environment.LOCAL and not self.secret_keys:
            yield f"TODOKE_SECRET_KEYS: needed in {self.environment}; give a Fernet key, newest first"

    def _problems_of_production(self) -> Iterator[str]:
        if self.environment is not Environment.PRODUCTION:
            return
        yield from (f"{variable(name)}: accepted in local only; remove it" for name in self._local_only)
        if self.return_path_domain == _LOCAL_RETURN_PATH:
            yield "TODOKE_RETURN_PATH_DOMAIN: not set; failure reports would reach nobody"

    def notices(self) -> list[str]:
        """What has no effect or an effect that may surprise: one sentence each, for people who start a command."""
        return [*unknown_names(self._layers, frozenset(type(self).model_fields)), *self._ineffective()]

    def _ineffective(self) -> Iterator[str]:
        if self.environment is Environment.STAGING:
            yield from (f"{variable(name)} is accepted in local only and has no effect" for name in self._local_only)
            if self.allowed_recipients is None:
                yield "TODOKE_ALLOWED_RECIPIENTS is not set: staging mails nobody"
        if self.environment is Environment.PRODUCTION and self.allowed_recipients is not None:
            yield "TODOKE_ALLOWED_RECIPIENTS has no effect in production"
        if self.broker_url is not None:
            yield "TODOKE_BROKER_URL has no effect: this version takes jobs by HTTP and from files"

    def origins(self) -> list[Origin]:
        """Every setting, in the order of this class, with where its value came from."""
        return [
            Origin(name, variable(name), _shown(getattr(self, name)), self._source_of(name))
            for name in type(self).model_fields
        ]

    def _source_of(self, name: str) -> str:
        return next((layer.label for layer in self._layers if name in layer.values), "default")


def load_settings() -> Settings:
    """The settings of this process, from the environment and the current folder.

    Raises one ConfigurationError that names everything that is wrong and never a value.
    """
    layers = read_layers(Settings)
    merged = {name: value for layer in reversed(layers) for name, value in layer.values.items()}
    try:
        settings = Settings.model_validate({name: merged[name] for name in Settings.model_fields if name in merged})
    except ValidationError as error:
        raise ConfigurationError("\n".join(complaints(error, layers))) from None
    settings._layers = layers
    return settings


def _shown(value: object) -> str | None:
    if value is None or value == ():
        return None
    if isinstance(value, SecretStr):
        return _MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple) and not isinstance(value, ClockStart):
        return ", ".join(_shown(part) or "" for part in value)
    return mask_url(str(value))
