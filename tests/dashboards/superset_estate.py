"""A small estate for Superset: fifteen days of rows, and by the product's own commands names, ledgers and a report."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from dashboards.report.issue import run as issue_report
from infra.settings import SMALL_SITE, Settings
from infra.site import Site, load_site
from warehouse.client import connect
from warehouse.estate import record_site
from warehouse.ledger import Kind, import_ledger
from warehouse.migrate import migrate, statements
from warehouse.roll_ups import roll_up_missing

SITE: Final = load_site(SMALL_SITE)
ROWS: Final = Path(__file__).with_name("superset_rows.sql")
FIRST, LAST = date(2025, 3, 3), date(2025, 3, 17)
NOW: Final = datetime(2025, 3, 18, tzinfo=UTC)
KINDS: Final = ("theft", "theft", "public_order", "fight", "fire_lane", "other")
ZONES: Final = ("plaza", "clubhouse", "building_1", "building_2", "fire_lane", "")


def fill(settings: Settings, folder: Path, site: Site = SITE) -> None:
    """Migrate an empty database and fill it; `folder` takes the ledgers' files and the report."""
    migrate(settings, (site.estate.id,))
    with connect(settings, "loader") as client:
        record_site(client, site, NOW)
    with connect(settings, "migrator") as client:
        for statement in statements(ROWS.read_text(encoding="utf-8")):
            client.execute(statement)
        roll_up_missing(client, site.estate.id, site.estate.timezone)
    ledgers: dict[Kind, list[dict[str, object]]] = {"incidents": incidents(), "funds": FUNDS, "survey": SURVEYS}
    with connect(settings, "office") as client:
        for kind, rows in ledgers.items():
            import_ledger(client, kind, _csv(folder / f"{kind}.csv", rows), site, NOW)
    issue_report(settings, site, FIRST, LAST, ["json"], folder)


FUNDS: Final[list[dict[str, object]]] = [
    {"day": "2025-01-02", "kind": "budget", "amount_yuan": "860000"},
    {"day": "2025-01-20", "kind": "received", "amount_yuan": "860000"},
    {"day": "2025-03-10", "kind": "spent", "amount_yuan": "806200"},
]
SURVEYS: Final[list[dict[str, object]]] = [
    {"day": "2025-03-12", "question": "satisfaction", "respondents": 312, "score_mean": 87.5, "score_sd": 11},
    {"day": "2025-03-12", "question": "safety", "respondents": 312, "score_mean": 91.2, "score_sd": 9},
]


def incidents() -> list[dict[str, object]]:
    """Incidents of three years, some five a month, fewer after the hand-over; most in the evening."""
    random, day = Random(7), date(2022, 3, 1)
    rows: list[dict[str, object]] = []
    while day <= LAST:
        handed_over = SITE.estate.handover_date is not None and day >= SITE.estate.handover_date
        for _ in range(sum(random.random() < (0.05 if handed_over else 0.09) for _ in range(2))):
            hour = random.choice((1, 2, 9, 13, 17, 18, 19, 20, 20, 21, 21, 22, 23))
            at = datetime(day.year, day.month, day.day, hour, random.randrange(60))  # noqa: DTZ001 local, as in the file
            rows.append({"event_time": at.isoformat(), "kind": random.choice(KINDS), "zone_id": random.choice(ZONES)})
        day += timedelta(days=1)
    rows.append({"event_time": f"{LAST}T21:10:00", "kind": "other", "zone_id": "plaza"})
    return rows


def _csv(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
