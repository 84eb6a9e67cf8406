"""Days of a large estate made up inside ClickHouse by `made_up_day.sql`: as many rows as the nightly loads."""

from datetime import date
from pathlib import Path
from typing import Final

from clickhouse_driver import Client

from infra.clock import day_start_ms
from infra.site import Site
from warehouse.roll_ups import roll_up

CROSSINGS: Final = 40_000  # a day, as the next two
PASSAGES: Final = 20_000
ALERTS: Final = 40
LOADS: Final = "SELECT load_id FROM nightly_accounting FINAL WHERE estate_id = {estate:String} AND day = {day:Date}"
SQL: Final = Path(__file__).with_name("made_up_day.sql")


def fill_day(client: Client, site: Site, day: date) -> None:
    """Put one day into every table that the nightly loads, as role `migrator`."""
    asked: dict[str, object] = {
        "estate": site.estate.id,
        "day": day.isoformat(),
        "start_s": day_start_ms(day, site.tz) // 1000,
        "cameras": [camera.id for camera in site.cameras],
        "zones": [zone.id for zone in site.zones],
        "lines": [line.id for line in site.lines],
        "gates": [gate.id for gate in site.gates],
        "crossings": CROSSINGS,
        "passages": PASSAGES,
        "alerts": ALERTS,
    }
    for statement in SQL.read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            client.execute(statement, asked)
    loads = [load for (load,) in client.execute(LOADS, asked)]
    roll_up(client, site.estate.id, site.estate.timezone, loads)
