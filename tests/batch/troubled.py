"""A nightly in a process of its own: `python -m tests.batch.troubled STEP TROUBLE [MASTER]`, ANFANG_* set.

When the step begins the process kills itself, one of Spark's Python workers, an executor of a cluster, ClickHouse or
Kafka, all with signal 9; or it fills ClickHouse's disk or Spark's. The step `none` never begins.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from pyspark.sql import SparkSession

from batch.nightly import run
from batch.spark import LOCAL_MASTER
from infra.local.clickhouse import clickhouse_folder, engine_pid
from infra.local.process import wait_until
from infra.local.registry import read_process
from infra.settings import Settings
from infra.site import load_site
from tests.batch.feed import DAY

DAYS: Final = 2
FILLER: Final = "filler"
MET: Final = "met its trouble"


def kill_itself(_: Settings) -> None:
    """As a full disk, an impatient operator or the kernel would."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_clickhouse(settings: Settings) -> None:
    """The supervisor starts it again."""
    pid = engine_pid(settings)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    print(MET, flush=True)


def kill_kafka(settings: Settings) -> None:
    """Whoever runs the stack must start it again."""
    process = read_process(settings, "kafka")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    print(MET, flush=True)


def kill_worker(_: Settings) -> None:
    """The first of Spark's Python workers that is at work from now on."""

    def killed() -> bool:
        for child in psutil.Process().children(recursive=True):
            if "pyspark.daemon" in " ".join(child.cmdline()):
                child.kill()
                print(MET, flush=True)
                return True
        return False

    threading.Thread(target=lambda: wait_until(killed, 60, "a Python worker"), daemon=True).start()


def kill_executor(_: Settings) -> None:
    """One of this nightly's, with all that it has kept; the cluster's worker starts another."""
    session = SparkSession.getActiveSession()
    assert session is not None
    address = f"@127.0.0.1:{session.sparkContext.getConf().get('spark.driver.port')}"
    ours = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(word.endswith(address) for word in process.info["cmdline"] or ())
    ]
    assert ours
    ours[0].kill()
    print(MET, flush=True)


def clickhouse_disk(settings: Settings) -> Path:
    """Where ClickHouse keeps its data."""
    return clickhouse_folder(settings) / "data"


def spark_disk(settings: Settings) -> Path:
    """Where Spark keeps what does not fit into memory, and what it exchanges."""
    return settings.home / "spark"


def fill(folder: Path) -> None:
    """Take all that is left of the folder's disk, which must be its own."""
    assert folder.is_mount()
    with (folder / FILLER).open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(2**16))
    print(MET, flush=True)


def empty_disks(settings: Settings) -> None:
    """Give back what was taken."""
    for folder in (clickhouse_disk(settings), spark_disk(settings)):
        (folder / FILLER).unlink(missing_ok=True)


TROUBLES: Final[dict[str, Callable[[Settings], None]]] = {
    "driver": kill_itself,
    "worker": kill_worker,
    "executor": kill_executor,
    "clickhouse": kill_clickhouse,
    "kafka": kill_kafka,
    "full ClickHouse": lambda settings: fill(clickhouse_disk(settings)),
    "full Spark": lambda settings: fill(spark_disk(settings)),
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
