"""Superset's own environment: made by uv from `environment/uv.lock`, in the cache, so that checkouts share it."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.errors import UserError
from infra.settings import Settings

HERE: Final = Path(__file__).parent
PROJECT: Final = HERE / "environment"
CONFIG: Final = HERE / "superset_config.py"
CHECKOUT: Final = HERE.parent.parent
COMPLETE: Final = "anfang-complete"


def find_uv() -> list[str]:
    """The command line of uv: on the PATH, fetched by the Makefile, or beside our Python."""
    beside = Path(sys.executable).with_name("uv")
    found = shutil.which("uv") or next(
        (str(path) for path in (CHECKOUT / ".tools/bin/uv", beside) if path.exists()), ""
    )
    if found:
        return [found]
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    raise UserError(
        "uv is missing; it installs Superset", "run `pip install uv` (or `make dashboards`, which fetches it)"
    )


def environment_key() -> str:
    """What Superset is made of, as 12 hex digits: changes with its lock file, and with our Python."""
    return hashlib.sha256((PROJECT / "uv.lock").read_bytes() + str(our_python()).encode()).hexdigest()[:12]


def our_python() -> Path:
    """The interpreter that our own environment was made with; Superset's is made with the same."""
    return Path(sys.executable).resolve()


def environment_folder(settings: Settings) -> Path:
    """Where Superset's environment lies or will lie."""
    return settings.cache.absolute() / f"superset-{environment_key()}"


def ensure_environment(settings: Settings) -> Path:
    """Superset's environment, installed if it is not there (about 650 MB)."""
    folder = environment_folder(settings)
    with locked(folder.with_suffix(".lock")):
        if not (folder / COMPLETE).exists():
            _sync(folder)
            (folder / COMPLETE).touch()
    return folder


def _sync(folder: Path) -> None:
    command = [*find_uv(), "sync", "--frozen", "--quiet", "--project", str(PROJECT)]
    env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    env |= {"UV_PROJECT_ENVIRONMENT": str(folder), "UV_PYTHON": str(our_python())}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise UserError(f"Superset could not be installed; uv said:\n{said}", "check that PyPI can be reached (proxy?)")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; a second process waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
