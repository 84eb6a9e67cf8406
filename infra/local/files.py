"""Files of the local stack: private by mode, written whole or not at all."""

import hashlib
import os
from pathlib import Path

from infra.settings import Settings


def private_folder(path: Path) -> Path:
    """Create `path` for its owner only (mode 0700); returns it."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file of mode 0600 by renaming, so that a reader sees the old content or the new."""
    private_folder(path.parent)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    new.rename(path)


def stack_home(settings: Settings) -> Path:
    """The stack's folder as an absolute path; it need not exist yet."""
    return settings.home.absolute()


def log_file(settings: Settings, name: str) -> Path:
    """Where the process `name` writes its log."""
    return stack_home(settings) / "logs" / f"{name}.log"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
