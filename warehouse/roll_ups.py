"""Roll-ups: small tables of sums by day or hour, which dashboards and reports ask instead of rows by the million.

They are made inside ClickHouse of a load's own rows before the load is switched to, and carry its load id. So readers
see them change with the days, and what drops a load deletes its roll-ups, too. A partition holds a month: a question
about a year opens tens of parts; of the rows' own partitions, one a day and load, it would open hundreds.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from clickhouse_driver import Client

from infra.errors import UserError
from warehouse.client import ask_tables, query
from warehouse.load import INSERT_SETTINGS


class RollUp(NamedTuple):
    """A table, the one that it is made of, and the column that counts its rows."""

    table: str
    source: str
    counted: str


ROLL_UPS: Final = (
    RollUp("hourly_lines", "crossings", "crossings"),
    RollUp("daily_lines", "crossings", "crossings"),  # by way of hourly_lines, which therefore comes first
    RollUp("daily_zones", "zone_minutes", "minutes"),
    RollUp("daily_cameras", "camera_minutes", "minutes"),
    RollUp("daily_gates", "gate_passages", "passages"),
)
LOADS_EACH: Final = 8
"""So few that an insert is one block, which makes each load's part whole or not at all."""


def roll_up(client: Client, estate_id: str, timezone: str, loads: Sequence[int]) -> None:
    """Make the roll-ups of loads that have none, as role `loader`; `timezone` is the estate's.

    Raises UserError where they do not add up to the rows.
    """
    for one in ROLL_UPS:
        _fill(client, one, estate_id, timezone, loads)
        ((rolled_up, held),) = ask_tables(client, "rolled_up_rows", one._asdict(), estate=estate_id, loads=loads)
        if rolled_up != held:
            raise UserError(
                f"{one.table} counts {rolled_up} rows of {one.source}, there are {held}",
                "run the nightly again; nothing was changed",
            )


def roll_up_missing(client: Client, estate_id: str, timezone: str) -> int:
    """Make the roll-ups that loads lack: of days that were loaded before there were any. Returns how many it made."""
    made = 0
    for one in ROLL_UPS:
        rows = ask_tables(client, "loads_not_rolled_up", one._asdict(), estate=estate_id)
        loads = [int(str(load)) for (load,) in rows]
        for start in range(0, len(loads), LOADS_EACH):
            _fill(client, one, estate_id, timezone, loads[start : start + LOADS_EACH])
        made += len(loads)
    return made


def _fill(client: Client, one: RollUp, estate_id: str, timezone: str, loads: Sequence[int]) -> None:
    asked = {"estate": estate_id, "tz": timezone, "loads": list(loads)}
    client.execute(query(f"roll_up_{one.table}"), asked, settings=INSERT_SETTINGS)
