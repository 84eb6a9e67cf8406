"""Who read, decided or was refused what: one JSON line each, in files of mode 0600; no secrets."""

import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import Clock, iso_ms
from infra.local.files import private_folder
from infra.settings import Settings

MOST_BYTES: Final = 20_000_000
FILES: Final = 10
MOST_CHARACTERS: Final = 300


class Entry(Struct, frozen=True):
    """`what`: login, logout, read, decided, refused …; `status` is that of HTTP; `target` method and path."""

    time: str
    what: str
    user: str
    address: str
    status: int
    target: str
    detail: str


class Audit:
    """Appends to `path`; full files are kept as `path.1` (the newest) to `path.9`. For one thread."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self._clock = path, clock
        private_folder(path.parent)

    def note(self, what: str, *, user: str, address: str, status: int, target: str, detail: str = "") -> None:
        """Write one entry. What came from outside is cut to `MOST_CHARACTERS`."""
        entry = Entry(
            time=iso_ms(self._clock.now_ms()),
            what=what,
            user=user[:MOST_CHARACTERS],
            address=address[:MOST_CHARACTERS],
            status=status,
            target=target[:MOST_CHARACTERS],
            detail=detail[:MOST_CHARACTERS],
        )
        with open(self.path, "ab", opener=_private) as file:
            file.write(msgspec.json.encode(entry) + b"\n")
            full = file.tell() >= MOST_BYTES
        if full:
            self._turn_over()

    def last(self, most: int) -> list[Entry]:
        """The last entries of the present file, newest first."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes()[-most * 2_000 :].splitlines()[-most:]
        return [entry for entry in map(_entry, reversed(lines)) if entry is not None]

    def _turn_over(self) -> None:
        for n in range(FILES - 2, 0, -1):
            old = self.path.with_name(f"{self.path.name}.{n}")
            if old.exists():
                old.rename(self.path.with_name(f"{self.path.name}.{n + 1}"))
        self.path.rename(self.path.with_name(f"{self.path.name}.1"))


def audit_file(settings: Settings) -> Path:
    """Where the audit lies."""
    return settings.home / "logs" / "web-audit.jsonl"


def _entry(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except msgspec.DecodeError:
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
