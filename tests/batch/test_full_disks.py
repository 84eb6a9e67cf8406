"""A disk that fills up while the nightly works: ClickHouse's or Spark's, real ones of a few hundred megabytes.

They are tmpfs, which only root may mount, so these tests skip where they may not.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
from pyspark.sql import SparkSession

from infra.local.parts import fetch_parts
from infra.local.stack import down, up
from infra.settings import Settings
from infra.site import Site
from tests.batch.recovery import Trouble, Troubled, recover
from tests.batch.troubled import clickhouse_disk, spark_disk
from tests.conftest import stack_settings

pytestmark = [pytest.mark.long, pytest.mark.stack, pytest.mark.timeout(1800)]

FULL: Final[tuple[Trouble, ...]] = (
    *((step, "full ClickHouse") for step in ("crossings", "zone_minutes", "roll up", "switch days")),
    *((step, "full Spark") for step in ("judge records", "unpack crossings", "zone_minutes")),
)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack whose ClickHouse has a small disk of its own, as has Spark."""
    settings = stack_settings(tmp_path_factory.mktemp("small"))
    fetch_parts(settings)
    with ExitStack() as disks:
        disks.enter_context(disk(clickhouse_disk(settings), 400))
        disks.enter_context(disk(spark_disk(settings), 100))
        try:
            up(settings)
            yield settings
        finally:
            down(settings)


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk mounted at the folder while this lasts."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"cannot mount a small disk: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("trouble", FULL, ids="-".join)
def test_a_full_disk_leaves_no_trace(
    troubled: Troubled, site: Site, spark: SparkSession, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(spark_disk(troubled.settings)))
    recover(troubled, site, spark, (trouble,))
