"""Settings of the bounce listener: where it listens is in the contract, how it protects itself is here."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import load_settings
from core.errors import ConfigurationError


def test_without_settings_there_is_no_starttls(house: Path) -> None:
    settings = load_settings()
    assert (settings.bounce_tls_certificate, settings.bounce_tls_key) == (None, None)
    assert settings.bounce_connections_per_peer == 50


def test_certificate_and_key_are_found_from_the_current_folder(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("chain.pem", "key.pem"):
        (house / name).touch()
    monkeypatch.setenv("TODOKE_BOUNCE_TLS_CERTIFICATE", "chain.pem")
    assert load_settings().bounce_tls_certificate == house / "chain.pem", "a key may stand in the same file"
    monkeypatch.setenv("TODOKE_BOUNCE_TLS_KEY", "key.pem")
    assert load_settings().bounce_tls_key == house / "key.pem"


def test_a_key_without_its_certificate_is_refused(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house / "key.pem").touch()
    monkeypatch.setenv("TODOKE_BOUNCE_TLS_KEY", "key.pem")
    with pytest.raises(ConfigurationError, match="TODOKE_BOUNCE_TLS_CERTIFICATE"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("BOUNCE_TLS_CERTIFICATE", "nowhere.pem"), ("BOUNCE_CONNECTIONS_PER_PEER", "0")],
)
def test_what_cannot_work_is_refused(house: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(f"TODOKE_{variable}", value)
    with pytest.raises(ConfigurationError, match=f"TODOKE_{variable}"):
        load_settings()
