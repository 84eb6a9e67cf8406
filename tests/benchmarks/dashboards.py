"""Questions of dashboards and report about the full-size estate, in answers/s; p50 and p95 in ms beside raw rows.

A year (`ANFANG_BENCH_DAYS`) of crossings, zone-minutes of every zone and camera-minutes of every camera is made inside
ClickHouse, and summed up as the nightly does. Each question is asked as the analyst (row filters and all) about the
last week, month and year that there are. The peer asks the same of the rows themselves, in the same sorted, compressed
tables (`tests/warehouse/raw_questions/`); every answer must be the same. It is slow, and asked in the first
`RAW_ROUNDS` rounds only: then its last figure stands. The figures of the table are answers/s over all questions.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import msgspec
from clickhouse_driver import Client

from dashboards.report.evidence import Parameter as Asked
from dashboards.report.evidence import used_parameters
from dashboards.report.facts import parameters
from dashboards.report.indicators import load_tree
from infra.period import Period
from infra.settings import FULL_SITE, Settings
from infra.site import Site, load_site
from tests.benchmarks.harness import Result, compare, same
from warehouse.client import Parameter, connect, query
from warehouse.migrate import migrate
from warehouse.roll_ups import roll_up_missing

DAYS: Final = 365
CROSSINGS_A_DAY: Final = 100_000
LAST: Final = date(2026, 3, 1)
RAW_ROUNDS: Final = 1
TABLES: Final = ("crossings", "zone_minutes", "camera_minutes", "nightly_accounting")
QUESTIONS: Final = (
    "kpi_crossings_by_day",
    "kpi_crossings_by_hour",
    "kpi_crossings_total",
    "kpi_border_coverage",
    "passages_by_line",
    "kpi_occupancy_by_day",
    "kpi_occupancy_by_hour",
    "kpi_occupancy_precision",
    "kpi_zone_peaks",
    "kpi_stream_batch_agreement",
    "kpi_camera_online_by_day",
    "kpi_camera_minutes",
    "kpi_cameras_least_online",
    "kpi_video_quality",
)
SPANS: Final = (7, 30, 365)
ROWS: Final = Path(__file__).parent / "dashboard_rows"
RAW: Final = Path(__file__).parents[1] / "warehouse" / "raw_questions"
Question = tuple[str, Mapping[str, Asked]]  # SQL and its parameters


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
        roll_up_missing(client, site.estate.id, site.estate.timezone)


def offered(site: Site, days: int) -> dict[str, Asked]:
    """The parameters that any of the questions may name, for the last so many days."""
    period = Period(LAST - timedelta(days=days - 1), LAST)
    return dict(parameters(site, period, load_tree()))


def asked(texts: Iterable[str], spans: Sequence[Mapping[str, Asked]]) -> list[Question]:
    """Each text about each span, with the parameters that it names."""
    return [(sql, used_parameters(sql, span)) for sql in texts for span in spans]


@dataclass
class Asker:
    """Asks all questions and remembers how long each took; what was answered must be what the other side answered."""

    client: Client
    asked: Sequence[Question]
    seen: list[object]
    rounds: int
    took_ms: list[list[float]] = field(default_factory=list)
    per_s: float = 0.0

    def __call__(self) -> float:
        """Answers/s of one round; after `rounds` of them, and one that does not count, the last again."""
        if len(self.took_ms) <= self.rounds:
            self.per_s = self._ask()
        return self.per_s

    def _ask(self) -> float:
        found: list[object] = []
        took_ms: list[float] = []
        for sql, values in self.asked:
            begun = time.monotonic()
            found.append(self.client.execute(sql, values))
            took_ms.append(1000 * (time.monotonic() - begun))
        if self.seen:
            same("answers", _rounded(found), _rounded(self.seen))
        self.seen[:] = found
        self.took_ms.append(took_ms)
        return 1000 * len(self.asked) / sum(took_ms)

    def percentiles_ms(self) -> tuple[float, float]:
        """Median and 95th percentile over single questions of the rounds that count."""
        cut = quantiles([ms for took in self.took_ms[1:] for ms in took], n=100, method="inclusive")
        return cut[49], cut[94]

    def slowest_ms(self) -> float:
        """The slowest question's median over the rounds that count."""
        return float(max(median(times) for times in zip(*self.took_ms[1:], strict=True)))


def _rounded(found: list[object]) -> list[list[list[object]]]:
    """Sums of floats differ in their last digits from run to run."""
    answers_of = msgspec.convert(found, list[list[list[object]]])
    return [[[round(v, 3) if isinstance(v, float) else v for v in row] for row in rows] for rows in answers_of]


def run(settings: Settings, rounds: int) -> Result:
    """Answers/s, ours beside raw rows; `p50_ms`, `p95_ms` and theirs beside."""
    site, days = load_site(FULL_SITE), int(os.environ.get("ANFANG_BENCH_DAYS", DAYS))
    own = settings.model_copy(update={"clickhouse_database": "anfang_bench_dashboards"})
    migrate(own, (site.estate.id,))
    make(own, site, days)
    spans = [offered(site, min(span, days)) for span in SPANS]
    raw = asked(((RAW / f"{name}.sql").read_text(encoding="utf-8") for name in QUESTIONS), spans)
    seen: list[object] = []
    try:
        with connect(own, "analyst") as analyst:
            ours = Asker(analyst, asked(map(query, QUESTIONS), spans), seen, rounds)
            rows = Asker(analyst, raw, seen, min(rounds, RAW_ROUNDS))
            found = compare("dashboards", "answers/s", ours, {"raw_rows": rows}, rounds)
    finally:
        with connect(own, "migrator") as client:
            client.execute(f"DROP DATABASE IF EXISTS {own.clickhouse_database} SYNC")
    figures = {"days": float(days), "questions": float(len(raw)), "raw_rounds": float(rows.rounds)}
    for prefix, asker in (("", ours), ("raw_", rows)):
        p50_ms, p95_ms = asker.percentiles_ms()
        figures |= {f"{prefix}p50_ms": p50_ms, f"{prefix}p95_ms": p95_ms, f"{prefix}slowest_ms": asker.slowest_ms()}
    return msgspec.structs.replace(found, extra=figures)
