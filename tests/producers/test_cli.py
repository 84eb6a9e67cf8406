"""The commands, as a user types them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from producers.cli import produce, register


@pytest.fixture
def app() -> typer.Typer:
    """A root command with this room's commands."""
    root = typer.Typer()
    register(root)
    return root


@pytest.mark.parametrize("command", [["simulate"], ["counts"], ["replay"]])
def test_every_command_has_an_example(app: typer.Typer, command: list[str]) -> None:
    shown = CliRunner().invoke(app, ["produce", *command, "--help"])
    assert shown.exit_code == 0
    assert "Example: anfang produce" in " ".join(shown.output.split())
    assert produce.info.help


def test_simulate_then_replay(app: typer.Typer, tmp_path: Path) -> None:
    day, again = tmp_path / "day.jsonl", tmp_path / "again.jsonl"
    simulate = ["produce", "simulate", "--start", "2024-05-27", "--incident", "intruder:2", "--poison", "6"]
    made = CliRunner().invoke(app, [*simulate, "--truth", str(tmp_path), "--to", f"jsonl:{day}"])
    assert made.exit_code == 0, made.output
    assert len(json.loads((tmp_path / "incidents.json").read_text())) == 2
    assert json.loads((tmp_path / "produced.json").read_text()) == json.loads(made.stdout)
    played = CliRunner().invoke(app, ["produce", "replay", str(day), "--speed", "max", "--to", f"jsonl:{again}"])
    assert played.exit_code == 0, played.output
    assert again.read_bytes() == day.read_bytes()


def test_counts_with_a_map(app: typer.Typer, tmp_path: Path) -> None:
    out = tmp_path / "counts.jsonl"
    command = ["produce", "counts", "--days", "1", "--map", "gate_west=1 Courthouse Lane", "--to", f"jsonl:{out}"]
    made = CliRunner().invoke(app, command)
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["crossings_true"] == 1046
