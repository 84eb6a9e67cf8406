"""Keeps system.query_log (who read what) over restarts of the embedded ClickHouse engine.

There `system` lives in memory: after a restart the engine knows nothing of the log's table, and fails to make it anew
because its data is in the way. So the data is set aside before the engine starts, and brought back into the new table
after: attached under another name, its partitions moved over, the other name dropped.
"""

from pathlib import Path
from typing import Final

from clickhouse_driver import Client

LOG: Final = "query_log"
PAST: Final = "query_log_past_"
KEEPER_GRANTS: Final = (
    "GRANT SYSTEM FLUSH LOGS ON *.*",
    "GRANT SELECT ON system.parts",
    f"GRANT SELECT, SHOW TABLES, SHOW COLUMNS, INSERT, ALTER DELETE ON system.{LOG}",
    f"GRANT CREATE TABLE, SELECT, INSERT, ALTER DELETE, DROP TABLE ON system.{PAST}*",
    "GRANT TABLE ENGINE ON MergeTree",
)


def set_past_aside(data: Path) -> None:
    """Move the log's files out of the way of the engine about to start on `data`."""
    tables = data / "data" / "system"
    if (tables / LOG).exists():
        number = 1 + max((int(name.removeprefix(PAST)) for name in _past_tables(data)), default=0)
        (tables / LOG).rename(tables / f"{PAST}{number}")


def bring_past_back(client: Client, data: Path) -> None:
    """Make the log's table and move into it what earlier engines had written. Raises the driver's errors."""
    client.execute("SYSTEM FLUSH LOGS")
    ((definition,),) = client.execute(f"SHOW CREATE TABLE system.{LOG}")
    for number, name in enumerate(_past_tables(data), start=1):
        unused_id = f"UUID '00000000-0000-0000-0000-{number:012}'"  # the syntax wants one; a table in memory has none
        client.execute(definition.replace(f"CREATE TABLE system.{LOG}", f"ATTACH TABLE system.{name} {unused_id}", 1))
        _move_rows(client, name)


def _move_rows(client: Client, past: str) -> None:
    partitions = (
        "SELECT DISTINCT partition_id FROM system.parts WHERE database = 'system' AND table = %(table)s AND active"
    )
    for (partition,) in client.execute(partitions, {"table": past}):
        client.execute(f"ALTER TABLE system.{LOG} ATTACH PARTITION ID '{partition}' FROM system.{past}")
    client.execute(f"DROP TABLE system.{past} SYNC")


def _past_tables(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "data" / "system").glob(f"{PAST}*"))
