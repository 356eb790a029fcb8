from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Environment, Settings, load_settings
from core.errors import ConfigurationError
from core.kinds import Kind
from todoke.adapting import full_host_name, relay_settings

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER_KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    error = caught.value
    assert error.__context__ is None or error.__suppress_context__, "a traceback would print the values"
    return str(caught.value)


def test_defaults_of_the_contract(house: Path) -> None:
    settings = load_settings()
    assert settings.environment is Environment.LOCAL
    assert settings.database_url == f"sqlite+aiosqlite:///{Path.home()}/.local/share/todoke/todoke.sqlite3"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert (settings.bounce_host, settings.bounce_port) == ("127.0.0.1", 2525)
    assert settings.smtp_connections == 10
    assert settings.sender_address == "info@g-mis.net"
    assert settings.link_hosts == ("www.g-mis.mhlw.go.jp", "www.med-login.mhlw.go.jp")
    assert settings.retry_schedule.intervals == (60, 300, 300, 900, 3600, 3600, 3600, 14400)
    assert (settings.retry_hours, settings.settle_business_days, settings.guide_business_days) == (72, 3, 1)
    assert settings.problems() == []
    assert settings.notices() == []


def test_environment_beats_dotenv_beats_toml_beats_default(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house / "todoke.toml").write_text('smtp_host = "toml"\nhttp_host = "toml"\nbounce_host = "toml"\n')
    (house / ".env").write_text("TODOKE_SMTP_HOST=dotenv\nTODOKE_HTTP_HOST=dotenv\nPATH_OF_OTHERS=1\n")
    monkeypatch.setenv("TODOKE_SMTP_HOST", "env")
    settings = load_settings()
    assert (settings.smtp_host, settings.http_host, settings.bounce_host) == ("env", "dotenv", "toml")
    sources = {origin.name: origin.source for origin in settings.origins()}
    assert sources["smtp_host"] == "environment"
    assert sources["http_host"] == ".env"
    assert sources["bounce_host"] == "todoke.toml"
    assert sources["http_port"] == "default"
    assert settings.notices() == []


def test_settings_made_directly_read_no_environment(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODOKE_SMTP_PORT", "2500")
    assert Settings(smtp_host="relay.example").smtp_port == 1025


def test_an_empty_variable_is_as_good_as_none(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house / ".env").write_text("TODOKE_SMTP_USERNAME=\nTODOKE_SMTP_PORT=2500\n")
    monkeypatch.setenv("TODOKE_SMTP_PORT", "")
    assert load_settings().smtp_port == 2500


def test_files_with_a_byte_order_mark_are_read(house: Path) -> None:
    (house / ".env").write_text("TODOKE_SMTP_PORT=2500\n", "utf-8-sig")
    (house / "todoke.toml").write_text("http_port = 8081\n", "utf-8-sig")
    settings = load_settings()
    assert (settings.smtp_port, settings.http_port) == (2500, 8081)


def test_config_file_variable_names_another_toml(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house / "todoke.toml").write_text("http_port = 1\n")
    (house / "other.toml").write_text('http_port = 8081\nlink_hosts = ["A.example.jp", "b.example.jp"]\n')
    monkeypatch.setenv("TODOKE_CONFIG_FILE", str(house / "other.toml"))
    settings = load_settings()
    assert settings.http_port == 8081
    assert settings.link_hosts == ("a.example.jp", "b.example.jp")
    assert settings.notices() == []


def test_a_named_config_file_must_be_there(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "TODOKE_CONFIG_FILE" in refused(monkeypatch, TODOKE_CONFIG_FILE="nowhere.toml")


@pytest.mark.parametrize(("name", "octets"), [("todoke.toml", b"a = \n"), ("todoke.toml", b"\xff"), (".env", b"\xff")])
def test_unreadable_files_are_named(house: Path, monkeypatch: pytest.MonkeyPatch, name: str, octets: bytes) -> None:
    (house / name).write_bytes(octets)
    assert name in refused(monkeypatch)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('# ours\nTODOKE_ALLOWED_RECIPIENTS="*@example.jp\n', 2),
        ('\n\nTODOKE_API_TOKEN="hidden\nTODOKE_SMTP_HOST="relay"\n', 3),
        ('OTHERS="hidden\nTODOKE_SMTP_HOST="relay"\n', 1),
        ('TODOKE_API_TOKEN="hidden\nTODOKE_SMTP_HOST=relay\nTODOKE_HTTP_HOST="\n', 1),
        ("TODOKE_HTTP_PORT=8081\nTODOKE_SMTP_PORT\n", 2),
        ("export todoke_smtp_port\n", 1),
        ("TODOKE_API_TOKEN:hidden\n", 1),
        ("TODOKE_API_TOKEN hidden\n", 1),
        ("TODOKE_API_TOKEN='hidden\" # until spring\n", 1),
    ],
)
def test_a_line_that_sets_nothing_is_named(house: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int) -> None:
    (house / ".env").write_text(text)
    assert refused(monkeypatch) == f".env: cannot be read at line {line}; write NAME=value, and close quotes"


def test_a_value_may_have_several_lines_and_others_may_name_without_setting(house: Path) -> None:
    (house / ".env").write_text(
        'OTHERS\nTODOKE_SMTP_HOST = relay # ours\nTODOKE_CARRIER_DOMAINS="a.jp,\nb.jp"\nOTHER="1\n2"'
    )
    settings = load_settings()
    assert (settings.smtp_host, settings.carrier_domains) == ("relay", ("a.jp", "b.jp"))
    assert settings.notices() == []


@pytest.mark.parametrize("name", ["todoke.toml", ".env"])
def test_a_link_that_leads_nowhere_is_named(house: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (house / name).symlink_to(house / "gone")
    assert refused(monkeypatch) == f"{name}: is a link that leads nowhere"


def test_a_folder_in_the_place_of_the_file_is_named(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house / ".env").mkdir()  # of a virtual environment, as many call it
    load_settings()
    (house / "todoke.toml").mkdir()
    assert refused(monkeypatch).startswith("todoke.toml: cannot be read")


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("sqlite:////srv/t.sqlite3", "sqlite+aiosqlite:////srv/t.sqlite3"),
        ("sqlite+aiosqlite:////srv/t.sqlite3", "sqlite+aiosqlite:////srv/t.sqlite3"),
        ("sqlite:////srv/t.sqlite3?timeout=5", "sqlite+aiosqlite:////srv/t.sqlite3?timeout=5"),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql+psycopg:///d?host=/run", "postgresql+psycopg:///d?host=/run"),
        ("PostgreSQL://u@h/D", "postgresql+psycopg://u@h/D"),
    ],
)
def test_database_urls_get_their_async_driver(house: Path, written: str, used: str) -> None:
    assert Settings(database_url=written).database_url == used


def test_paths_are_absolute_whatever_the_folder(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house / "here").mkdir()
    (house / "ca.pem").touch()
    for name, value in (("DATA_DIR", "~/data"), ("CONFIG_DIR", "here"), ("SMTP_CA_FILE", "ca.pem")):
        monkeypatch.setenv(f"TODOKE_{name}", value)
    settings = load_settings()
    assert settings.data_dir == Path.home() / "data"
    assert settings.database_url == f"sqlite+aiosqlite:///{Path.home()}/data/todoke.sqlite3"
    assert settings.config_dir == house / "here"
    assert settings.smtp_ca_file == house / "ca.pem"


def test_xdg_data_home_counts_where_it_is_absolute(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(house))
    assert load_settings().data_dir == house / "todoke"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert load_settings().data_dir == Path.home() / ".local/share/todoke"


def test_a_relative_database_path_is_of_the_current_folder(house: Path) -> None:
    assert Settings(database_url="sqlite:///here.sqlite3").database_url == f"sqlite+aiosqlite:///{house}/here.sqlite3"


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/d", "sqlite://", "sqlite:///:memory:", "sqlite://x", "todoke.sqlite3", "hunter2:/d"]
)
def test_other_databases_are_refused_without_an_echo(house: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    message = refused(monkeypatch, TODOKE_DATABASE_URL=url)
    assert message.startswith("TODOKE_DATABASE_URL (environment): ")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_PORT", "seven"),
        ("SMTP_PORT", "0"),
        ("HTTP_PORT", "65536"),
        ("SMTP_TLS", "ssl"),
        ("SMTP_TIMEOUT", "inf"),
        ("SMTP_CA_FILE", "nowhere.pem"),
        ("CONFIG_DIR", "nowhere"),
        ("ENVIRONMENT", "prod"),
        ("RETURN_PATH_DOMAIN", "a..b"),
        ("RETURN_PATH_DOMAIN", "user@example.jp"),
        ("SENDER_ADDRESS", "事務局 <info@g-mis.net>"),
        ("LINK_HOSTS", "https://www.g-mis.mhlw.go.jp/"),
        ("ALLOWED_RECIPIENTS", "example.jp"),
        ("ALLOWED_RECIPIENTS", "*@例え.jp"),
        ("CLOCK", "yesterday"),
        ("CLOCK", "2026-01-05T09:00:00@0"),
        ("CLOCK", "2026-01-05T09:00:00@nan"),
        ("CLOCK", "2026-01-05T09:00:00@1e300"),
        ("CLOCK", "2026-01-05T09:00:00@1000001"),
        ("CLOCK", "2026-01-05T09:00:00@1e-300"),
        ("CLOCK", "2100-01-05T09:00:00"),
        ("RETRY_SCHEDULE", "soon"),
        ("IN_DOUBT", "guide"),
        ("IN_DOUBT", "guides=wait"),
        ("BROKER_URL", "http://hunter2@h"),
        ("LOG_LEVEL", "loud"),
        ("LEASE_SECONDS", "13"),
        ("SECRET_KEYS", f"{KEY},hunter2"),
        ("SECRET_KEYS", KEY[:-1]),
        ("SECRET_KEYS", KEY[:-2] + "+="),
        ("DATA_DIR", "~nobody-of-that-name/x"),
        ("SMTP_HOST", "relay .example"),
        ("SMTP_HELO", "localhost"),
        ("SMTP_HELO", "relay_1.example.jp"),
        ("SMTP_HELO", "192.0.2.1"),
        ("SMTP_HELO", "[192.0.2.256]"),
        ("SMTP_HELO", "[2001:db8::1]"),
        ("SMTP_HELO", "[IPv6:fe80::1%eth0]"),
    ],
)
def test_a_bad_value_is_named_and_never_echoed(
    house: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    message = refused(monkeypatch, **{f"TODOKE_{name}": value})
    assert message.startswith(f"TODOKE_{name} (environment): ")
    assert "\n" not in message
    assert "hunter2" not in message
    assert KEY[:20] not in message


@pytest.mark.parametrize(
    ("given", "helo"),
    [
        ("Mail.Example.JP.", "mail.example.jp"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[ipv6:2001:DB8:0::1]", "[IPv6:2001:db8::1]"),
    ],
)
def test_who_greets_is_a_full_name_or_an_address(
    house: Path, monkeypatch: pytest.MonkeyPatch, given: str, helo: str
) -> None:
    monkeypatch.setenv("TODOKE_SMTP_HELO", given)
    settings = load_settings()
    assert settings.smtp_helo == helo
    assert relay_settings(settings).helo == helo


@pytest.mark.parametrize(
    ("name", "found"),
    [("node1.example.jp", "node1.example.jp"), ("node1", None), ("3f_2.example.jp", None), ("10.0.0.1", None)],
)
def test_unset_it_is_this_machines_name_only_where_that_is_full(name: str, found: str | None) -> None:
    assert full_host_name(name) == found
    assert relay_settings(Settings()).helo == full_host_name(socket.gethostname())


def test_all_that_is_wrong_is_said_at_once_in_the_words_of_its_source(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house / "todoke.toml").write_text('http_port = "x"\n')
    lines = refused(monkeypatch, TODOKE_SMTP_PORT="x", TODOKE_LINK_HOSTS="a.jp,b c").splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "TODOKE_SMTP_PORT (environment)",
        "http_port (todoke.toml)",
        "TODOKE_LINK_HOSTS (environment)",
    ]
    assert "entry 2" in lines[2]


def test_a_relay_login_is_whole(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(monkeypatch, TODOKE_SMTP_PASSWORD="hunter2")
    assert "TODOKE_SMTP_USERNAME" in message
    assert "hunter2" not in message


def test_unknown_names_are_pointed_out_with_the_nearest_known(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODOKE_SMTP_HOTS", "hunter2")
    (house / "todoke.toml").write_text("log_lvl = 1\nzzzzzzzz = 2\n")
    first, second, third = load_settings().notices()
    assert first == "TODOKE_SMTP_HOTS (environment) is not a setting and has no effect; did you mean TODOKE_SMTP_HOST?"
    assert second.endswith("did you mean log_level?")
    assert third == "zzzzzzzz (todoke.toml) is not a setting and has no effect"


def test_lists_may_have_spaces_and_empty_places(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODOKE_CARRIER_DOMAINS", " docomo.ne.jp, ,例え.jp,")
    assert load_settings().carrier_domains == ("docomo.ne.jp", "xn--r8jz45g.jp")


def test_clock_is_a_moment_and_a_speed(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODOKE_CLOCK", "2026-12-28T16:59:00@20000")
    clock = load_settings().clock
    assert clock is not None
    assert clock.moment == datetime(2026, 12, 28, 7, 59, tzinfo=UTC)
    assert clock.moment.utcoffset() == timedelta(hours=9)
    assert clock.speed == 20000
    monkeypatch.setenv("TODOKE_CLOCK", "2026-12-28T16:59:00Z")
    clock = load_settings().clock
    assert clock is not None
    assert clock == (datetime(2026, 12, 28, 16, 59, tzinfo=UTC), 1.0)


def test_doubt_is_settled_per_kind(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default = load_settings().in_doubt
    assert [kind for kind in Kind if default.waits(kind)] == [Kind.GUIDE]
    monkeypatch.setenv("TODOKE_IN_DOUBT", "pre-check=wait, guide=retry")
    changed = load_settings().in_doubt
    assert [kind for kind in Kind if changed.waits(kind)] == [Kind.PRE_CHECK]
    monkeypatch.delenv("TODOKE_IN_DOUBT")
    (house / "todoke.toml").write_text('[in_doubt]\ncode = "wait"\n')
    assert [kind for kind in Kind if load_settings().in_doubt.waits(kind)] == [Kind.CODE, Kind.GUIDE]


def test_what_has_no_effect_is_said() -> None:
    (broker,) = Settings(broker_url="amqp://u:hunter2@h/").notices()
    assert broker.startswith("TODOKE_BROKER_URL has no effect")
    assert "hunter2" not in broker
    (allowed,) = production(allowed_recipients="*@example.jp").notices()
    assert allowed.startswith("TODOKE_ALLOWED_RECIPIENTS has no effect")


def test_origins_mask_every_secret(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODOKE_SECRET_KEYS", f"{KEY},{OTHER_KEY}")
    monkeypatch.setenv("TODOKE_DATABASE_URL", "postgresql://u:hunt@er2@h/d?sslpassword=hunter2&application_name=x")
    monkeypatch.setenv("TODOKE_API_TOKEN", "hunter2")
    monkeypatch.setenv("TODOKE_SMTP_USERNAME", "u")
    monkeypatch.setenv("TODOKE_SMTP_PASSWORD", "hunter2")
    monkeypatch.setenv("TODOKE_BROKER_URL", "amqp://u:hunter2@h/")
    settings = load_settings()
    shown = {origin.variable: origin.value for origin in settings.origins()}
    assert shown["TODOKE_SECRET_KEYS"] == "***, ***"
    assert shown["TODOKE_DATABASE_URL"] == "postgresql+psycopg://u:***@h/d?sslpassword=***&application_name=x"
    assert shown["TODOKE_BROKER_URL"] == "amqp://u:***@h/"
    assert shown["TODOKE_API_TOKEN"] == shown["TODOKE_SMTP_PASSWORD"] == "***"
    assert (shown["TODOKE_IN_DOUBT"] or "").startswith(
        "code=retry, application-complete=retry, pre-check=retry, guide=wait"
    )
    assert shown["TODOKE_RETRY_SCHEDULE"] == "1m, 5m*2, 15m, 1h*3, 4h*…"
    everything = f"{settings!r}{settings}{settings.origins()}{settings.notices()}{settings.problems()}"
    assert not [secret for secret in ("hunter2", "er2@", KEY, OTHER_KEY) if secret in everything]


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def production(**changes: object) -> Settings:
    good: dict[str, object] = {
        "environment": "production",
        "secret_keys": [KEY],
        "smtp_host": "relay.example",
        "smtp_tls": "starttls",
        "return_path_domain": "bounces.example.jp",
    }
    return Settings.model_validate(good | changes)


def test_a_whole_production_starts() -> None:
    assert production().problems() == []


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"secret_keys": []}, "TODOKE_SECRET_KEYS"),
        ({"clock": "2026-01-05T09:00:00"}, "TODOKE_CLOCK"),
        ({"api_token": "x"}, "TODOKE_API_TOKEN"),
        ({"smtp_tls": "none"}, "TODOKE_SMTP_TLS"),
        ({"return_path_domain": "bounces.localhost"}, "TODOKE_RETURN_PATH_DOMAIN"),
    ],
)
def test_production_refuses_to_start(changes: dict[str, object], variable: str) -> None:
    (problem,) = production(**changes).problems()
    assert problem.startswith(variable)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8", "relay.localhost"])
def test_a_relay_on_this_machine_needs_no_tls(host: str) -> None:
    assert production(smtp_host=host, smtp_tls="none").problems() == []


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "::2", "0.0.0.0"])
def test_any_other_relay_does(host: str) -> None:
    assert len(production(smtp_host=host, smtp_tls="none").problems()) == 1
    assert len(Settings(smtp_host=host, tls_required=True).problems()) == 1
    assert Settings(smtp_host=host).problems() == []


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_outside_local_there_is_no_fixed_token_and_no_simulated_clock(environment: str) -> None:
    settings = production(environment=environment, api_token="x", clock="2026-01-05T09:00:00")
    assert settings.api_token is None
    assert settings.clock is None


def test_staging_needs_keys_and_says_what_it_ignores() -> None:
    staging = production(environment="staging", secret_keys=[], api_token="x")
    assert [problem.split(":")[0] for problem in staging.problems()] == ["TODOKE_SECRET_KEYS"]
    assert [notice.split(" ")[0] for notice in staging.notices()] == ["TODOKE_API_TOKEN", "TODOKE_ALLOWED_RECIPIENTS"]


def test_who_may_be_mailed() -> None:
    assert Settings().may_mail("a@anywhere.example")
    assert not production(environment="staging").may_mail("a@anywhere.example")
    assert production(allowed_recipients="*@example.jp").may_mail("a@anywhere.example")
    for environment in ("local", "staging"):
        some = production(environment=environment, allowed_recipients="*@Example.jp, one+[x]@other.example")
        assert some.may_mail("a@EXAMPLE.JP")
        assert some.may_mail("one+[x]@other.example")
        assert not some.may_mail("onex@other.example")
        assert not some.may_mail("a@sub.example.jp")
        assert not some.may_mail("a@example.jp.attacker.example")


def test_the_local_token_is_kept_in_local() -> None:
    assert Settings(api_token=SecretStr("x")).api_token == SecretStr("x")
