"""A nightly in a process of its own: `python -m tests.batch.troubled STEP TROUBLE [MASTER]`, ANFANG_* set.

When the step begins the process kills itself, one of Spark's Python workers, ClickHouse or Kafka, all with signal 9.
The step `none` never begins.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

import psutil

from batch.nightly import run
from batch.spark import LOCAL_MASTER
from infra.local.clickhouse import engine_pid
from infra.local.process import wait_until
from infra.local.registry import read_process
from infra.settings import Settings
from infra.site import load_site
from tests.batch.feed import DAY

DAYS: Final = 2


def kill_itself(_: Settings) -> None:
    """As a full disk, an impatient operator or the kernel would."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_clickhouse(settings: Settings) -> None:
    """The supervisor starts it again."""
    pid = engine_pid(settings)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def kill_kafka(settings: Settings) -> None:
    """Whoever runs the stack must start it again."""
    process = read_process(settings, "kafka")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)


def kill_worker(_: Settings) -> None:
    """The first of Spark's Python workers that is at work from now on."""

    def killed() -> bool:
        for child in psutil.Process().children(recursive=True):
            if "pyspark.daemon" in " ".join(child.cmdline()):
                child.kill()
                return True
        return False

    threading.Thread(target=lambda: wait_until(killed, 60, "a Python worker"), daemon=True).start()


TROUBLES: Final[dict[str, Callable[[Settings], None]]] = {
    "driver": kill_itself,
    "worker": kill_worker,
    "clickhouse": kill_clickhouse,
    "kafka": kill_kafka,
}


def main(step: str, trouble: str, master: str = LOCAL_MASTER) -> None:
    """Run the nightly of `DAYS` days with the trouble at the step."""
    settings = Settings()

    def progress(begun: str, _number: int, _steps: int) -> None:
        if begun == step:
            TROUBLES[trouble](settings)

    run(settings, load_site(settings.site), DAY, DAYS, archive=True, master=master, progress=progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
