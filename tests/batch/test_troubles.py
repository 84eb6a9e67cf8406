"""Whatever kills a nightly, readers see the old days or the new, and the next run leaves what it would have."""

from pathlib import Path
from typing import Final

import pytest
from pyspark.sql import SparkSession

from batch.nightly import STEPS
from infra.site import Site
from tests.batch.cluster import cluster
from tests.batch.recovery import Trouble, Troubled, in_own_process, recover, whole

A_FEW: Final[tuple[Trouble, ...]] = (("zone_minutes", "driver"), ("drop replaced days", "driver"))
MANY: Final[tuple[Trouble, ...]] = (
    *((step, "driver") for step in STEPS),
    *((step, "worker") for step in ("crossings", "visitor_counts", "alerts")),
    *((step, "clickhouse") for step in ("judge records", "zone_minutes", "check accounts", "switch days")),
    *((step, "kafka") for step in ("start Spark", "count records", "gate_passages")),
)


def test_the_long_run_has_at_least_25_troubles() -> None:
    assert len(set(MANY)) == len(MANY) >= 25
    assert {step for step, trouble in MANY if trouble == "driver"} == set(STEPS)


@pytest.mark.stack
def test_a_killed_nightly_leaves_no_trace(troubled: Troubled, site: Site, spark: SparkSession) -> None:
    recover(troubled, site, spark, A_FEW)


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("trouble", MANY, ids="-".join)
def test_any_trouble_leaves_no_trace(troubled: Troubled, site: Site, spark: SparkSession, trouble: Trouble) -> None:
    recover(troubled, site, spark, (trouble,))


@pytest.mark.long
@pytest.mark.stack
def test_a_cluster_gives_the_same_rows(troubled: Troubled, tmp_path: Path) -> None:
    with cluster(tmp_path) as master:
        done = in_own_process(troubled.settings, "none", "none", master)
    assert done.returncode == 0, done.stderr[-2000:]
    whole(troubled)


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("step", ["judge records", "unpack crossings", "crossings", "alerts"])
def test_a_killed_executor_leaves_no_trace(
    troubled: Troubled, site: Site, spark: SparkSession, tmp_path: Path, step: str
) -> None:
    with cluster(tmp_path) as master:
        recover(troubled, site, spark, ((step, "executor"),), master)
