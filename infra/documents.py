"""Documents that users edit (site file, indicator tree): YAML checked against a model, each mistake with its line."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from infra.errors import UserError

Location = tuple[str | int, ...]
Mistake = tuple[Location, str]
Model = TypeVar("Model", bound=BaseModel)

MAX_SHOWN = 60


def load_document(
    path: Path, model: type[Model], inconsistencies: Callable[[Model], Iterable[Mistake]], again: str
) -> Model:
    """Read `path` as a `model`. `inconsistencies` finds mistakes that no single field shows; `again` is the command
    to run after mending.

    Raises UserError that lists every mistake as `file:line: field: expected …`.
    """
    text = _read(path, again)
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        content = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}:{line}: not YAML: {error.problem}", f"mend that line and run {again} again") from error
    try:
        document = model.model_validate(content)
        mistakes = list(inconsistencies(document))
    except ValidationError as error:
        mistakes = [(tuple(entry["loc"]), f"{entry['msg']} (got {_short(entry['input'])})") for entry in error.errors()]
    if mistakes:
        found = "\n".join(f"{path}:{_line_of(root, loc)}: {'.'.join(map(str, loc))}: {what}" for loc, what in mistakes)
        raise UserError(found, f"mend these {len(mistakes)} and run {again} again")
    return document


def _read(path: Path, again: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", f"give the path of the file to {again}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8: {error.reason} at byte {error.start}", "save it as UTF-8") from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _line_of(node: yaml.Node | None, location: Location) -> int:
    """The 1-based line of the deepest YAML node on the way to `location`."""
    if node is None:
        return 1
    line: int = node.start_mark.line + 1
    for step in location:
        child = _child(node, step)
        if child is None:
            break
        line, node = child
    return line


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line + 1, item
    return None
