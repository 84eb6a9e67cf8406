"""The preflight: one line for each thing, what to do when it fails, and nothing is changed."""

import socket
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from infra import cli, doctor
from infra.doctor import check_disk, check_java, check_memory, check_ports, check_python, examine, free_bytes
from infra.local.ports import Ports, remember_ports
from infra.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", cache=tmp_path / "cache")


def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """`anfang doctor` as a user runs it: exit code and output."""
    app = typer.Typer()
    cli.register(app)
    monkeypatch.setenv("ANFANG_HOME", str(settings.home))
    monkeypatch.setenv("ANFANG_CACHE", str(settings.cache))
    result = CliRunner().invoke(app, ["doctor"])
    return result.exit_code, result.output


def test_nothing_is_changed(settings: Settings) -> None:
    examine(settings)
    assert not settings.home.exists()
    assert not settings.cache.exists()


def test_python_must_be_3_11() -> None:
    assert check_python((3, 11)).ok
    line = str(check_python((3, 13)))
    assert line == "FAIL: needs Python 3.11, found 3.13, do: run with Python 3.11: `uv sync`"


def test_java_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    line = str(check_java())
    assert line.startswith("FAIL: needs Java 17 or newer, found no Java found")
    assert "apt install" in line


def test_memory_is_not_asked_for_when_the_stack_has_its_share() -> None:
    assert not check_memory(5 * 10**9, running=False).ok
    assert check_memory(5 * 10**9, running=True).ok
    assert check_memory(6 * 10**9, running=False).ok


def test_disk_names_the_setting_that_moves_the_folder() -> None:
    line = str(check_disk("cache", Path("/c"), 10**9))
    assert line.startswith("FAIL: needs 5 GB free for cache (/c), found 1.0 GB, do: ")
    assert "ANFANG_CACHE" in line
    assert check_disk("home", Path("/h"), 6 * 10**9).ok


def test_free_bytes_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0


def test_a_taken_port_of_the_last_start(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        remember_ports(settings, Ports(kafka=port, kafka_controller=20002, clickhouse=20003, clickhouse_http=20004))
        line = str(check_ports(settings))
    assert line.startswith(f"FAIL: needs free ports on 127.0.0.1, found {port} (kafka) taken by")


def test_the_command_says_ok_and_exits_with_0(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_MEMORY_GB", 0.1)
    code, output = run(settings, monkeypatch)
    assert code == 0, output
    assert {line.split(":")[0] for line in output.splitlines()} == {"OK"}


def test_the_command_exits_with_1_when_something_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_DISK_GB", 10**6)
    code, output = run(settings, monkeypatch)
    assert code == 1
    assert sum(line.startswith("FAIL: needs 1000000 GB free") for line in output.splitlines()) == 2
