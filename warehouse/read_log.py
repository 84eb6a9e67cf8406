"""The read log: who read person-related tables, taken from ClickHouse's own `system.query_log` into a table of ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from infra.settings import Settings
from warehouse.access import PERSONAL
from warehouse.client import ask, connect

ACCESS_DENIED: Final = 497


class Read(NamedTuple):
    """One query that read, or tried to. Times are UTC."""

    event_time: datetime
    user: str
    address: str
    tables: Sequence[str]
    read_rows: int
    refused: bool
    query: str


def collect_reads(settings: Settings) -> None:
    """Bring the read log up to date; running it again adds nothing. Wants the migrator's sight of `system`."""
    database = settings.clickhouse_database
    with connect(settings, "migrator") as client:
        client.execute("SYSTEM FLUSH LOGS")
        ask(
            client,
            "collect_reads",
            database=database,
            personal=[f"{database}.{table}" for table in PERSONAL],
            access_denied=ACCESS_DENIED,
        )


def latest_reads(settings: Settings, rows: int) -> list[Read]:
    """The last `rows` reads, newest first, as the auditor sees them."""
    with connect(settings, "auditor") as client:
        return [msgspec.convert(row, Read, strict=False) for row in ask(client, "latest_reads", most=rows)]
