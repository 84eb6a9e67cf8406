"""How long the report of many days of the full estate takes: 617 devices, 556 zones, rows as the nightly loads them.

There is no peer to compare with. The days are made up inside ClickHouse (`tests/dashboards/made_up_day.sql`). A round
is a whole `anfang report`: every question, every question once more, all four formats, manifest and bundle.
`ANFANG_BENCH_DAYS` sets the days (365).
"""

import os
import secrets
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from dashboards.report.issue import run as issue
from infra.local.stack import up
from infra.settings import FULL_SITE, Settings
from infra.site import Site, load_site
from tests.benchmarks.harness import OURS, Result, alternate, result, this_machine
from tests.dashboards.made_up_day import fill_day
from warehouse.client import connect
from warehouse.migrate import migrate

FIRST: Final = date(2023, 1, 1)
ROWS: Final = "SELECT sum(rows) FROM system.parts WHERE active AND database = currentDatabase()"


def run(settings: Settings, rounds: int) -> Result:
    """Reports a minute; `seconds` is the median of one."""
    up(settings)  # ClickHouse, which other benchmarks do without
    days = int(os.environ.get("ANFANG_BENCH_DAYS", "365"))
    own = settings.model_copy(update={"clickhouse_database": f"anfang_bench_{secrets.token_hex(3)}"})
    site = load_site(FULL_SITE)
    migrate(own, (site.estate.id,))
    with connect(own, "migrator") as client:
        for number in range(days):
            fill_day(client, site, FIRST + timedelta(days=number))
        rows = client.execute(ROWS)[0][0]
    here = this_machine()
    found = alternate({OURS: lambda: _minute_s(own, site, days)}, rounds)
    with connect(own, "migrator") as client:
        client.execute(f"DROP DATABASE {own.clickhouse_database} SYNC")
    measured = result("report", "reports/min", here, found[OURS], {})
    extra = {"seconds": 60 / measured.ours.median, "days": float(days), "rows": float(rows)}
    return msgspec.structs.replace(measured, extra=extra)


def _minute_s(settings: Settings, site: Site, days: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        issue(settings, site, FIRST, FIRST + timedelta(days=days - 1), out_dir=Path(folder))
        return 60 / (time.monotonic() - start)
