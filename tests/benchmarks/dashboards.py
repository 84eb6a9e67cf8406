"""Questions of the dashboards about the full-size estate, in answers/s; p50 and p95 in ms beside the same on raw rows.

A year (`ANFANG_BENCH_DAYS`) of crossings, zone-minutes of every zone and camera-minutes of every camera is made inside
ClickHouse. Each question is asked as the analyst (row filters and all) about the last week, month and year that there
are. The peer's tables hold the same rows in the order in which they came, without sorting key, partitions, codecs or
row filters; every answer must be the same. The figures of the table are answers/s over all questions.
"""

import os
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Final

import msgspec
from clickhouse_driver import Client

from dashboards.report.facts import parameters
from dashboards.report.indicators import load_tree
from infra.period import Period
from infra.settings import FULL_SITE, Settings
from infra.site import Site, load_site
from tests.benchmarks.harness import Result, compare, same
from warehouse.client import Parameter, connect, query
from warehouse.migrate import migrate

DAYS: Final = 365
CROSSINGS_A_DAY: Final = 100_000
LAST: Final = date(2026, 3, 1)
TABLES: Final = ("crossings", "zone_minutes", "camera_minutes", "nightly_accounting")
QUESTIONS: Final = (
    "kpi_crossings_by_day",
    "kpi_crossings_by_hour",
    "kpi_occupancy_by_day",
    "kpi_occupancy_by_hour",
    "kpi_zone_peaks",
    "kpi_camera_online_by_day",
    "kpi_camera_minutes",
    "kpi_stream_batch_agreement",
    "line_hours",
)
SPANS: Final = (7, 30, 365)
ROWS: Final = Path(__file__).parent / "dashboard_rows"


def make(settings: Settings, site: Site, days: int) -> None:
    """Fill a migrated database."""
    fixed: dict[str, Parameter] = {
        "estate": site.estate.id,
        "lines": [line.id for line in site.lines],
        "zones": [zone.id for zone in site.zones],
        "cameras": [camera.id for camera in site.cameras],
        "many": CROSSINGS_A_DAY,
    }
    with connect(settings, "loader") as client:
        for number in range(days):
            for table in TABLES:
                sql = (ROWS / f"{table}.sql").read_text(encoding="utf-8")
                client.execute(sql, {**fixed, "day": LAST - timedelta(days=number)})


def copy_raw(settings: Settings, raw: Settings) -> None:
    """The same rows without anything that makes them quick to read."""
    with connect(raw, "migrator", database="") as client:
        client.execute(f"CREATE DATABASE IF NOT EXISTS {raw.clickhouse_database}")
        for table in TABLES:
            engine = (
                "ReplacingMergeTree(loaded_at) ORDER BY (estate_id, day)"
                if table == TABLES[-1]
                else "MergeTree ORDER BY ()"
            )
            client.execute(
                f"CREATE TABLE {raw.clickhouse_database}.{table} ENGINE = {engine} "
                f"AS SELECT * FROM {settings.clickhouse_database}.{table}"
            )


def offered(site: Site, days: int) -> dict[str, Parameter]:
    """The parameters that any of the questions may name, for the last so many days."""
    period = Period(LAST - timedelta(days=days - 1), LAST)
    return dict(parameters(site, period, load_tree()))


def answers(
    client: Client, asked: list[tuple[str, dict[str, Parameter]]], took_ms: list[float], seen: list[object]
) -> float:
    """Ask every question once; answers/s. What was answered must be what was answered before."""
    started = time.monotonic()
    found: list[object] = []
    for name, values in asked:
        begun = time.monotonic()
        found.append(client.execute(query(name), values))
        took_ms.append(1000 * (time.monotonic() - begun))
    seconds = time.monotonic() - started
    if seen:
        same("answers", _rounded(found), _rounded(seen))
    seen[:] = found
    return len(asked) / seconds


def _rounded(found: list[object]) -> list[list[list[object]]]:
    """Sums of floats differ in their last digits from run to run."""
    answers_of = msgspec.convert(found, list[list[list[object]]])
    return [[[round(v, 3) if isinstance(v, float) else v for v in row] for row in rows] for rows in answers_of]


def run(settings: Settings, rounds: int) -> Result:
    """Answers/s, ours beside raw rows; `p50_ms`, `p95_ms` and theirs beside."""
    site, days = load_site(FULL_SITE), int(os.environ.get("ANFANG_BENCH_DAYS", DAYS))
    own = settings.model_copy(update={"clickhouse_database": "anfang_bench_dashboards"})
    raw = settings.model_copy(update={"clickhouse_database": "anfang_bench_raw"})
    migrate(own, (site.estate.id,))
    make(own, site, days)
    copy_raw(own, raw)
    asked = [(name, offered(site, min(span, days))) for name in QUESTIONS for span in SPANS]
    ours_ms: list[float] = []
    raw_ms: list[float] = []
    seen: list[object] = []
    try:
        with connect(own, "analyst") as analyst, connect(raw, "migrator") as plain:
            ours: Callable[[], float] = partial(answers, analyst, asked, ours_ms, seen)
            found = compare(
                "dashboards", "answers/s", ours, {"raw_rows": partial(answers, plain, asked, raw_ms, seen)}, rounds
            )
    finally:
        with connect(own, "migrator") as client:
            for database in (own.clickhouse_database, raw.clickhouse_database):
                client.execute(f"DROP DATABASE IF EXISTS {database} SYNC")
    counted = len(asked)  # the first round is not counted
    figures = {"days": float(days), "questions": float(counted)}
    for prefix, took in (("", ours_ms[counted:]), ("raw_", raw_ms[counted:])):
        cut = quantiles(took, n=100, method="inclusive")
        figures |= {f"{prefix}p50_ms": cut[49], f"{prefix}p95_ms": cut[94]}
    return msgspec.structs.replace(found, extra=figures)
