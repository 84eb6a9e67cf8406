"""SQL lives in `.sql` files, one question each. Here they are read, each once a process."""

from collections.abc import Callable
from functools import cache
from pathlib import Path


def sql_reader(folder: Path) -> Callable[[str], str]:
    """A function that gives the SQL of `folder/NAME.sql` by its name. It raises OSError where there is none."""

    @cache
    def read(name: str) -> str:
        return (folder / f"{name}.sql").read_text(encoding="utf-8")

    return read
