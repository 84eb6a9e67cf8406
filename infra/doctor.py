"""`anfang doctor`: what this machine must have, looked at before anything is changed."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from infra.errors import UserError
from infra.local.java import MINIMUM_JAVA, REMEDY, find_java, java_version
from infra.local.parts import missing_parts
from infra.local.ports import Ports, holder, is_free, remembered_ports
from infra.local.process import alive
from infra.local.registry import registered
from infra.settings import Settings

LEAST_MEMORY_GB: Final = 6.0
LEAST_DISK_GB: Final = 5.0
PYTHON: Final = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `remedy` is empty where it is as it must be."""

    needs: str
    found: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing has to be done."""
        return not self.remedy

    def __str__(self) -> str:
        if self.ok:
            return f"OK: {self.needs}: {self.found}"
        return f"FAIL: needs {self.needs}, found {self.found}, do: {self.remedy}"


def examine(settings: Settings) -> list[Finding]:
    """Everything `anfang up` depends on; changes nothing."""
    return [
        check_python(sys.version_info[:2]),
        check_java(),
        check_memory(psutil.virtual_memory().available, running=_is_up(settings)),
        *(check_disk(name, path, free_bytes(path)) for name, path in _folders(settings)),
        check_ports(settings),
        check_parts(settings),
    ]


def check_python(version: tuple[int, ...]) -> Finding:
    """Exactly 3.11: what Faust and Spark's workers are locked to."""
    found, needed = ".".join(map(str, version)), ".".join(map(str, PYTHON))
    return Finding(f"Python {needed}", found, "" if version == PYTHON else f"run with Python {needed}: `uv sync`")


def check_java() -> Finding:
    """Java 17 or newer."""
    needs = f"Java {MINIMUM_JAVA} or newer"
    try:
        java = find_java()
    except UserError as error:
        return Finding(needs, error.problem, REMEDY)
    return Finding(needs, f"{java_version(java)} ({java})")


def check_memory(available_bytes: int, *, running: bool) -> Finding:
    """Enough memory to start; not asked for when the stack already has its share."""
    needs, found = f"{LEAST_MEMORY_GB:.0f} GB of memory available", f"{available_bytes / 1e9:.1f} GB"
    enough = running or available_bytes >= LEAST_MEMORY_GB * 1e9
    return Finding(needs, found, "" if enough else "close other programs, or use a machine with more memory")


def check_disk(name: str, path: Path, free: int) -> Finding:
    """Room for data and downloads."""
    needs, found = f"{LEAST_DISK_GB:.0f} GB free for {name} ({path})", f"{free / 1e9:.1f} GB"
    enough = free >= LEAST_DISK_GB * 1e9
    return Finding(needs, found, "" if enough else f"free some disk, or set ANFANG_{name.upper()} to another folder")


def check_ports(settings: Settings) -> Finding:
    """The loopback ports of the last start, which the next start takes again."""
    needs, ports = "free ports on 127.0.0.1", remembered_ports(settings)
    if ports is None:
        return Finding(needs, "chosen at the first start")
    if _is_up(settings):
        return Finding(needs, "the stack has them")
    taken = [(name, port) for name in Ports.__struct_fields__ if not is_free(port := getattr(ports, name))]
    if not taken:
        return Finding(needs, "those of the last start are free")
    found = "; ".join(f"{port} ({name}) taken by {holder(port)}" for name, port in taken)
    return Finding(needs, found, "stop that process, or choose others (see `anfang up --help`)")


def check_parts(settings: Settings) -> Finding:
    """The downloaded parts; a hint only, `anfang setup` gets them."""
    missing = missing_parts(settings)
    return Finding("fetched parts", f"not yet {', '.join(missing)}: `anfang setup` fetches" if missing else "all there")


def free_bytes(path: Path) -> int:
    """Free bytes of the disk that `path` is or will be on."""
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield "home", settings.home.absolute()
    yield "cache", settings.cache.absolute()


def _is_up(settings: Settings) -> bool:
    return any(alive(process) for process in registered(settings).values())
