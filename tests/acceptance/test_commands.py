"""Every `anfang` command that the documents show exists, takes the options shown, and has an example of its own."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from anfang import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^|[ `/])anfang ((?:[a-z_-]+ ?)+(?:[^\n`#|]*))", re.MULTILINE)
ROOT_COMMAND = typer.main.get_command(cli)


def _shown() -> Iterator[tuple[str, str]]:
    """(document, command line) of each command in a code block or in backticks."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        blocks = re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, re.DOTALL) + re.findall(
            r"`(anfang [^`\n]+)`", text
        )
        for block in blocks:
            for line in block.replace("\\\n", " ").splitlines():
                found = re.search(r"\banfang ([a-z].*)", line.split(" #")[0])
                if found and "…" not in found[1] and "..." not in found[1]:
                    yield document.name, found[1].split("|")[0].split(">")[0].split("&&")[0].strip()


@pytest.mark.parametrize(("document", "line"), sorted(set(_shown())))
def test_a_documented_command_exists_with_its_options(document: str, line: str) -> None:
    command, words = _resolve(shlex.split(line))
    options = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in options | {"--help"}, f"{document}: anfang {line}: no option {word}"


def _resolve(words: list[str]) -> tuple[typer.core.TyperCommand | typer.core.TyperGroup, list[str]]:
    command = ROOT_COMMAND
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words[0]]
        words = words[1:]
    assert command is not ROOT_COMMAND, f"no such command: {words}"
    assert isinstance(command, typer.core.TyperCommand | typer.core.TyperGroup)
    return command, words


def _leaves(command: object, path: str) -> Iterator[tuple[str, str]]:
    commands = getattr(command, "commands", None)
    if commands is None:
        yield path, getattr(command, "help", "") or ""
        return
    for name, child in commands.items():
        yield from _leaves(child, f"{path} {name}")


@pytest.mark.parametrize(("path", "text"), list(_leaves(ROOT_COMMAND, "anfang")))
def test_every_command_has_an_example(path: str, text: str) -> None:
    assert f"Example: {path}" in text
