"""A small known data set: two days of the small estate as rows of every table the report reads, seeded and exact."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from clickhouse_driver import Client

from infra.clock import day_start_ms
from infra.settings import SMALL_SITE
from infra.site import load_site
from warehouse.roll_ups import roll_up_missing

SITE: Final = load_site(SMALL_SITE)
ESTATE: Final = SITE.estate.id
DAYS: Final = (date(2024, 3, 1), date(2024, 3, 2))
LOADED_AT: Final = datetime(2024, 3, 4, tzinfo=UTC)
ZONES: Final = ("estate", "plaza")
Rows = list[tuple[object, ...]]
LEDGER_COLUMNS: Final = {
    "funds": "estate_id, entry_id, version, day, kind, amount_yuan, purpose, imported_at",
    "incidents": "estate_id, entry_id, version, event_time, kind, zone_id, description, imported_at",
    "surveys": "estate_id, entry_id, version, day, question, respondents, score_mean, score_sd, imported_at",
    "spot_checks": "estate_id, entry_id, version, start_time, end_time, line_id, manual_count, imported_at",
}


def instant(day: date, seconds: float) -> datetime:
    """`seconds` after the start of local day `day`."""
    return datetime.fromtimestamp(day_start_ms(day, SITE.tz) / 1000 + seconds, UTC)


def make_rows() -> dict[str, Rows]:
    """Rows by table, in the order of the columns."""
    rng = random.Random(7)
    tables: dict[str, Rows] = {
        "funds": [
            (ESTATE, "budget", 1, date(2024, 1, 1), "budget", 900_000, "", LOADED_AT),
            (ESTATE, "budget", 2, date(2024, 1, 1), "budget", 1_000_000, "corrected", LOADED_AT),
            (ESTATE, "in", 1, date(2024, 1, 9), "received", 800_000, "", LOADED_AT),
            (ESTATE, "out", 1, date(2024, 2, 9), "spent", 650_000, "", LOADED_AT),
            (ESTATE, "later", 1, date(2024, 3, 3), "spent", 100_000, "after the period", LOADED_AT),
        ],
        "incidents": [
            *((ESTATE, f"now{i}", 1, instant(DAYS[0], i), "theft", "", "", LOADED_AT) for i in range(2)),
            *((ESTATE, f"old{i}", 1, instant(date(2023, 3, 2), i), "theft", "", "", LOADED_AT) for i in range(15)),
            (ESTATE, "fight", 1, instant(DAYS[1], 9), "fight", "", "", LOADED_AT),
            (ESTATE, "outside", 1, instant(DAYS[1], 86_400), "theft", "", "the day after", LOADED_AT),
        ],
        "surveys": [
            (ESTATE, "s1", 1, DAYS[0], "satisfaction", 100, 80.0, 10.0, LOADED_AT),
            (ESTATE, "s2", 1, DAYS[1], "satisfaction", 300, 90.0, 12.0, LOADED_AT),
        ],
        "spot_checks": [
            (ESTATE, "c1", 1, instant(DAYS[0], 36_000), instant(DAYS[0], 39_600), "gate_north", 30, LOADED_AT)
        ],
    }
    for day in DAYS:
        for table, rows in _day(day, rng).items():
            tables.setdefault(table, []).extend(rows)
    return tables


def _day(day: date, rng: random.Random) -> dict[str, Rows]:
    crossings = _crossings(day, rng)
    alerts = _alerts(day)
    minutes = _zone_minutes(day, rng)
    differing = sum(row[4:6] != row[6:8] for row in minutes)
    tables: dict[str, Rows] = {
        "crossings": crossings,
        "zone_minutes": minutes,
        "alerts": alerts,
        "dispositions": [
            (ESTATE, day, f"{day}-d0", f"{day}-a0", instant(day, 40_600), "true", "guard", ""),
            (ESTATE, day, f"{day}-d1", f"{day}-a1", instant(day, 49_000), "false", "guard", ""),
        ],
        "camera_minutes": _camera_minutes(day),
        "camera_sequences": [
            (ESTATE, day, camera.id, "b", camera.zones[0], 0, 1439, 1440 - 9 * n)
            for n, camera in enumerate(SITE.cameras)
        ],
        "gate_passages": [
            (ESTATE, day, instant(day, 60 * i), f"{day}-p{i}", SITE.gates[i % 2].id, 1, "card", int(i % 9 > 0))
            for i in range(50)
        ],
    }
    numbers = (len(crossings), len(alerts), 2880, differing)
    account = (ESTATE, day, 1000, 980, 15, 5, 3, 5, *numbers, f"hash of {day}", LOADED_AT, 1.0)
    return {**tables, "nightly_accounting": [account]}


def _crossings(day: date, rng: random.Random) -> Rows:
    seen: Rows = []
    for i in range(600):
        line = rng.choice(["gate_north", "gate_south", "plaza_edge"])
        at = instant(day, rng.randrange(86_400_000) / 1000)
        seen.append((ESTATE, day, at, f"{day}-{i}", line, f"cam_{line}", rng.choice([1, -1]), i, "person"))
    return seen


def _zone_minutes(day: date, rng: random.Random) -> Rows:
    rows: Rows = []
    for zone in ZONES:
        for minute in range(1440):
            ins, coverage = rng.randrange(3), "unknown" if zone == "estate" and minute < 36 else "full"
            occupancy = float(rng.randrange(100, 400))
            batch = ins + (minute == 700)
            numbers = (ins, 1, batch, 1, occupancy, occupancy - 20, occupancy + 20)
            rows.append((ESTATE, day, instant(day, 60 * minute), zone, *numbers, None, coverage, 0))
    return rows


def _camera_minutes(day: date) -> Rows:
    return [
        (
            ESTATE,
            day,
            instant(day, 60 * minute),
            camera.id,
            int(not (camera.id == "cam_plaza" and minute < 100)),
            25.0,
            0,
            "blurred" if camera.id == "cam_door_1" and minute < 10 else "ok",
            0.0,
            0,
            0,
        )
        for camera in SITE.cameras
        for minute in range(1440)
        if camera.id != "cam_door_2"
    ]


def _alerts(day: date) -> Rows:
    rows: Rows = []
    for i, delay_s in enumerate([2, 70, 86_400 * 400]):
        opened = instant(day, 40_000 + 4_000 * i)
        closed = opened + timedelta(minutes=10) if i else None
        status, published = "closed" if i else "opened", opened + timedelta(seconds=delay_s)
        about = ("restricted_hours", "pump_room", "pump_room", "warning", status)
        rows.append((ESTATE, day, f"{day}-a{i}", *about, opened, opened, closed, published, 1, "why", {}, []))
    return rows


def insert(client: Client, tables: dict[str, Rows]) -> None:
    """Put the rows into their tables, and sum them up as the nightly does."""
    for table, rows in tables.items():
        columns = f" ({LEDGER_COLUMNS[table]})" if table in LEDGER_COLUMNS else ""
        client.execute(f"INSERT INTO {table}{columns} VALUES", rows)
    roll_up_missing(client, ESTATE, SITE.estate.timezone)


def where(rows: Sequence[tuple[object, ...]], column: int, value: object) -> Rows:
    """Rows whose column has this value."""
    return [row for row in rows if row[column] == value]
