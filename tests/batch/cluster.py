"""A real standalone Spark cluster on loopback: a master and two workers, from the jars of the pyspark wheel."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyspark

from infra.local.java import find_java
from infra.local.ports import free_port
from infra.local.process import Process, start_detached, stop, wait_until

WORKERS: Final = 2
PATIENCE_S: Final = 60.0
HOME: Final = Path(pyspark.__file__).parent


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The address of a master with `WORKERS` workers of one core each, all stopped at the end; logs in `folder`."""
    port = free_port(set())
    master = f"spark://127.0.0.1:{port}"
    started = [_start(folder, "master", "master.Master", "--port", str(port))]
    try:
        for number in range(WORKERS):
            started.append(_worker(folder, number, master))
        logs = [folder / f"worker-{number}.log" for number in range(WORKERS)]
        wait_until(lambda: all(map(_registered, logs)), PATIENCE_S, "workers at the master")
        yield master
    finally:
        for process in reversed(started):
            stop(process)


def _worker(folder: Path, number: int, master: str) -> Process:
    own = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder / f"work-{number}"), master)
    return _start(folder, f"worker-{number}", "worker.Worker", "--port", "0", *own)


def _start(folder: Path, name: str, kind: str, *arguments: str) -> Process:
    jars = str(HOME / "jars" / "*")
    java = [str(find_java()), "-Xmx256m", "-Dspark.master.rest.enabled=false", "-cp", jars]
    where = ["--host", "127.0.0.1", "--webui-port", "0"]
    environment = {
        "SPARK_HOME": str(HOME),
        "SPARK_SCALA_VERSION": "2.13",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }
    return start_detached(
        [*java, f"org.apache.spark.deploy.{kind}", *where, *arguments], folder / f"{name}.log", environment
    )


def _registered(log: Path) -> bool:
    return "Successfully registered with master" in log.read_text(encoding="utf-8", errors="replace")
