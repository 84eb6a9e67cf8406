"""Superset as a process of the local stack: its metadata database, its administrator, gunicorn on the loopback.

`superset db upgrade` and `init` take a minute, so their result (which holds no user and no secret) is kept in the cache
as a template that each new home copies.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dashboards.superset.install import CONFIG, ensure_environment, environment_folder, environment_key, locked
from infra.errors import UserError
from infra.local import registry
from infra.local.files import log_file, private_folder, stack_home, write_private
from infra.local.ports import LOOPBACK, free_port, holder, is_free, is_healthy
from infra.local.process import last_lines, wait_until
from infra.local.registry import start_process, stop_process
from infra.settings import Settings

NAME: Final = "superset"
ADMIN: Final = "admin"
ADMIN_SECRET: Final = "superset_admin"  # noqa: S105 names of secrets
KEY_SECRET: Final = "superset_secret_key"  # noqa: S105
GUEST_SECRET: Final = "superset_guest_key"  # noqa: S105
THREADS: Final = 6
READY_TIMEOUT_S: Final = 90.0


def start(settings: Settings) -> bool:
    """Install, prepare and start Superset, and wait until it answers; False when it was running already."""
    with locked(private_folder(superset_home(settings)) / ".lock"):
        if is_running(settings):
            return False
        environment = ensure_environment(settings)
        _prepare_metadata(settings)
        port = _choose_port(settings)
        # One worker: the metadata database is SQLite.
        options = ["--bind", f"{LOOPBACK}:{port}", "--workers", "1", "--worker-class", "gthread"]
        options += ["--threads", str(THREADS), "--timeout", "120", "--log-level", "warning"]
        argv = [str(environment / "bin" / "gunicorn"), *options, "superset.app:create_app()"]
        start_process(settings, NAME, argv, _environment(settings, superset_home(settings)))
        try:
            _wait_ready(settings, port)
        except BaseException:  # on Ctrl-C, too, nothing is left running
            stop(settings)
            raise
        return True


def stop(settings: Settings) -> bool:
    """Stop Superset; False when it was not running."""
    return stop_process(settings, NAME)


def is_running(settings: Settings) -> bool:
    """Whether our Superset process lives."""
    return registry.is_running(settings, NAME)


def superset_home(settings: Settings) -> Path:
    """Superset's metadata database and port; secrets lie in home/secrets."""
    return stack_home(settings) / "superset"


def admin_password_file(settings: Settings) -> Path:
    """The file with the administrator's password."""
    settings.secret(ADMIN_SECRET)
    return stack_home(settings) / "secrets" / ADMIN_SECRET


def url(settings: Settings) -> str:
    """Where Superset listens. Raises UserError when it does not run."""
    if not is_running(settings):
        raise UserError("Superset is not running", "start it with `anfang dashboards up`")
    return f"http://{LOOPBACK}:{_port_file(settings).read_text()}"


def _port_file(settings: Settings) -> Path:
    return superset_home(settings) / "port"


def _choose_port(settings: Settings) -> int:
    """The port of the last start, so that bookmarks keep; the first time a free one."""
    file = _port_file(settings)
    port = int(file.read_text()) if file.exists() else free_port(set())
    if not is_free(port):
        raise UserError(f"port {port} of Superset is taken by {holder(port)}", f"stop it, or remove {file} for another")
    write_private(file, str(port))
    return port


def _environment(settings: Settings, home: Path) -> dict[str, str]:
    settings.secret(KEY_SECRET)
    settings.secret(GUEST_SECRET)
    secrets = stack_home(settings) / "secrets"
    return {
        "ANFANG_SUPERSET_HOME": str(home),
        "ANFANG_SUPERSET_SECRET_KEY_FILE": str(secrets / KEY_SECRET),
        "ANFANG_SUPERSET_GUEST_KEY_FILE": str(secrets / GUEST_SECRET),
        "ANFANG_SUPERSET_EMBED_ORIGINS": settings.superset_embed_origins,
        "SUPERSET_CONFIG_PATH": str(CONFIG),
        "SUPERSET_HOME": str(home),
        "FLASK_APP": "superset.app:create_app()",
        "SCARF_ANALYTICS": "false",
        "PYTHONDONTWRITEBYTECODE": "",
    }


def _metadata_key() -> str:
    """What the metadata database was made by: Superset's version and our configuration of it."""
    return environment_key() + hashlib.sha256(CONFIG.read_bytes()).hexdigest()[:12]


def _prepare_metadata(settings: Settings) -> None:
    """Make or upgrade the metadata database, once for each version of Superset and its configuration."""
    home = superset_home(settings)
    marker, database = home / "prepared", home / "superset.db"
    if marker.exists() and marker.read_text() == _metadata_key():
        return
    env = _environment(settings, home)
    if marker.exists():
        _superset(settings, ["db", "upgrade"], env)
        _superset(settings, ["init"], env)
    else:
        database.unlink(missing_ok=True)  # left by a first start that did not end
        write_private(database, _template(settings).read_bytes())
        _create_admin(settings, env)
    write_private(marker, _metadata_key())


def _template(settings: Settings) -> Path:
    """A metadata database with all tables and roles and no user, made once and kept in the cache."""
    template = environment_folder(settings).with_name(f"superset-{_metadata_key()}.db")
    with locked(template.with_suffix(".lock")):
        if not template.exists():
            with tempfile.TemporaryDirectory(dir=template.parent) as folder:
                env = _environment(settings, Path(folder))
                _superset(settings, ["db", "upgrade"], env)
                _superset(settings, ["init"], env)
                shutil.move(Path(folder) / "superset.db", template)
    return template


def _create_admin(settings: Settings, env: Mapping[str, str]) -> None:
    names = ["--username", ADMIN, "--firstname", "anfang", "--lastname", ADMIN, "--email", "admin@localhost"]
    # By the environment, as a command line can be read by every user of the machine.
    secret = {"FLASK_FAB_CREATE_ADMIN_PASSWORD": admin_password_file(settings).read_text().strip()}
    _superset(settings, ["fab", "create-admin", *names], {**env, **secret})


def _superset(settings: Settings, arguments: list[str], env: Mapping[str, str]) -> None:
    command = [str(environment_folder(settings) / "bin" / "superset"), *arguments]
    done = subprocess.run(
        command, env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise UserError(f"`superset {' '.join(arguments[:2])}` failed:\n{said}", "mend that and start again")


def _wait_ready(settings: Settings, port: int) -> None:
    try:
        wait_until(
            lambda: not is_running(settings) or is_healthy(f"http://{LOOPBACK}:{port}/health"),
            READY_TIMEOUT_S,
            "Superset's /health",
        )
        problem = "" if is_running(settings) else "Superset ended while starting"
    except TimeoutError as error:
        problem = str(error)
    if problem:
        log = log_file(settings, NAME)
        said = "\n".join(last_lines(log))
        raise UserError(
            f"{problem}; its log {log} says:\n{said}", "put that right and run `anfang dashboards up` again"
        )
