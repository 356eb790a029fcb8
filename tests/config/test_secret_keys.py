from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config.secret_keys import KEY_FILE, generate_key, make_data_dir, resolve_secret_keys
from config.settings import Settings
from core.errors import ConfigurationError


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_configured_keys_win_and_make_no_file(tmp_path: Path) -> None:
    keys = (generate_key(), generate_key())
    settings = Settings(data_dir=tmp_path / "data", secret_keys=",".join(keys))
    assert resolve_secret_keys(settings) == keys
    assert not settings.data_dir.exists()


def test_local_makes_a_key_file_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    (key,) = resolve_secret_keys(settings)
    Fernet(key)
    path = settings.data_dir / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    assert resolve_secret_keys(settings) == (key,)
    assert names_in(settings.data_dir) == [KEY_FILE]


def test_of_many_that_start_at_once_all_get_the_same_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: resolve_secret_keys(settings), range(64)))
    assert len(found) == 1
    assert names_in(tmp_path) == [KEY_FILE]


def test_the_loser_of_the_race_takes_the_winners_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    winner = generate_key()

    def late() -> str:
        (tmp_path / KEY_FILE).write_text(winner)
        return generate_key()

    assert resolve_secret_keys(settings, late) == (winner,)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 44, b"QUJD" * 22])
def test_a_spoilt_key_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / KEY_FILE
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=KEY_FILE):
        resolve_secret_keys(Settings(data_dir=tmp_path))
    assert path.read_bytes() == content


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_outside_local_no_key_is_invented(tmp_path: Path, environment: str) -> None:
    with pytest.raises(ConfigurationError, match="TODOKE_SECRET_KEYS"):
        resolve_secret_keys(Settings.model_validate({"environment": environment, "data_dir": tmp_path}))
    assert names_in(tmp_path) == []


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="TODOKE_DATA_DIR"):
        make_data_dir(Settings(data_dir=tmp_path / "file" / "data"))
