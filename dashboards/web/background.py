"""The live page as a process of the local stack: `anfang logs web` shows what it says, `anfang down` stops it."""

import sys
from typing import Final

from infra.errors import UserError
from infra.local import registry
from infra.local.files import log_file
from infra.local.ports import LOOPBACK, free_port, is_free, is_healthy
from infra.local.process import alive, last_lines, wait_until
from infra.local.registry import start_process, stop_process
from infra.settings import Settings

NAME: Final = "web"
PORT: Final = 8080
READY_TIMEOUT_S: Final = 60.0


def start(settings: Settings, *, replay: bool) -> str:
    """Start `anfang web` on the loopback and wait until it answers; its address.

    It listens on port 8080 where that is free. Raises UserError when it does not come up; nothing is left running then.
    """
    port = PORT if is_free(PORT) else free_port(set())
    argv = [sys.executable, "-m", "anfang", "web", "--port", str(port), *(["--replay"] if replay else [])]
    process = start_process(settings, NAME, argv, settings.as_environment())
    address = f"http://{LOOPBACK}:{port}/"
    try:
        wait_until(lambda: not alive(process) or is_healthy(f"{address}healthz"), READY_TIMEOUT_S, "the live page")
    except BaseException:  # on Ctrl-C, too
        stop_process(settings, NAME)
        raise
    if not is_running(settings):
        said = "\n".join(last_lines(log_file(settings, NAME)))
        raise UserError(f"the live page ended while starting:\n{said}", "put that right and start it again")
    return address


def is_running(settings: Settings) -> bool:
    """Whether our page's process lives."""
    return registry.is_running(settings, NAME)
