"""Fetching parts: whole or not at all, never twice, and a clear word when one is missing."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from infra.errors import UserError
from infra.local import parts
from infra.local.java import find_java, major_version
from infra.local.parts import Part, fetch_parts, ivy_module, kafka_jars, missing_parts, only_packages, spark_kafka_jars
from infra.settings import Settings

FILES = Path(parts.__file__).parent


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", cache=tmp_path / "cache")


def test_missing_parts_are_named_with_the_remedy(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"Kafka 4\.3\.1 is missing") as told:
        kafka_jars(settings)
    assert told.value.remedy == "run `anfang setup`"
    with pytest.raises(UserError, match="connector"):
        spark_kafka_jars(settings)
    assert len(missing_parts(settings)) == 4


def test_a_part_is_fetched_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("content")

    monkeypatch.setattr(parts, "PARTS", (Part("Thing", "thing-1", make),))
    fetch_parts(settings, Console(quiet=True))
    fetch_parts(settings, Console(quiet=True))
    assert len(made) == 1
    assert (settings.cache / "thing-1" / "file").read_text() == "content"


def test_a_part_that_fails_leaves_nothing_behind(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(folder: Path) -> None:
        (folder / "half").touch()
        raise UserError("the network went away", "try again")

    monkeypatch.setattr(parts, "PARTS", (Part("Thing", "thing-1", make),))
    with pytest.raises(UserError, match="went away"):
        fetch_parts(settings, Console(quiet=True))
    assert [path.name for path in settings.cache.iterdir()] == [".lock"]


def test_the_ivy_file_asks_for_each_module() -> None:
    text = ivy_module(("org.example:thing:1.0", "org.example:other:2.0"))
    assert 'org="org.example" name="thing" rev="1.0"' in text
    assert text.count("<dependency ") == 2


def test_only_wanted_packages_are_downloaded() -> None:
    name = parts.CLICKHOUSE_PACKAGE
    manifest = json.loads(only_packages((FILES / "package.json").read_text(), [name]))
    lock = json.loads(only_packages((FILES / "package-lock.json").read_text(), [name]))
    assert manifest["dependencies"] == lock["packages"][""]["dependencies"] == {name: parts.CLICKHOUSE_VERSION}
    assert set(lock["packages"]) == {"", f"node_modules/{name}"}


def test_versions_are_the_locked_ones_and_each_has_a_hash() -> None:
    lock = json.loads((FILES / "package-lock.json").read_text())["packages"]
    wanted = {parts.CLICKHOUSE_PACKAGE: parts.CLICKHOUSE_VERSION}
    wanted |= dict.fromkeys(parts.FONT_PACKAGES, parts.FONTS_VERSION)
    for name, version in wanted.items():
        assert lock[f"node_modules/{name}"]["version"] == version
        assert lock[f"node_modules/{name}"]["integrity"].startswith("sha512-")


@pytest.mark.parametrize(
    ("told", "version"),
    [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "1.8.0_392"', 8), ("no idea", 0)],
)
def test_java_version(told: str, version: int) -> None:
    assert major_version(told) == version


def test_java_too_old_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UserError, match="is Java 11, needed is 17"):
        find_java()
    java.unlink()
    with pytest.raises(UserError, match="no Java found"):
        find_java()
