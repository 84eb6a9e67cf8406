"""Settings: where they come from, what is said when they are wrong, and how secrets are kept."""

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.errors import UserError
from infra.settings import Settings, load_settings
from infra.topics import create_topics


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ANFANG_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_environment_beats_file_beats_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "anfang.toml").write_text("partitions = 8\ngrace_minutes = 7\n")
    monkeypatch.setenv("ANFANG_PARTITIONS", "16")
    settings = load_settings()
    assert (settings.partitions, settings.grace_minutes, settings.nightly_grace_minutes) == (16, 7, 60)


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANFANG_PARTITIONS", "none")
    with pytest.raises(UserError, match=r"partitions='none'"):
        load_settings()


def test_the_environment_of_a_child_gives_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(topic_prefix="t.", partitions=3, keep_all_history=True)
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_a_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    secret = settings.secret("clickhouse_loader")
    assert len(secret) == 43
    assert settings.secret("clickhouse_loader") == secret
    assert settings.secret("other") != secret
    file = tmp_path / "home" / "secrets" / "clickhouse_loader"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_processes_that_start_together_have_one_secret(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: settings.secret("link_key"), range(64)))
    assert len(made) == 1
    assert [file.name for file in (tmp_path / "home" / "secrets").iterdir()] == ["link_key"]


def test_kafka_out_of_reach_is_said_within_ten_seconds_with_the_address() -> None:
    began = time.monotonic()
    with pytest.raises(UserError, match=r"127\.0\.0\.1:1 "):
        create_topics(Settings(kafka="127.0.0.1:1"))
    assert time.monotonic() - began < 10


def test_no_stack_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="anfang up"):
        Settings(home=tmp_path).kafka_address()
