"""numpy columns into ClickHouse by clickhouse-driver: how tests and benchmarks fill tables without Spark."""

from collections.abc import Mapping

import numpy as np
from clickhouse_driver import Client

from warehouse.client import identifier
from warehouse.load import INSERT_SETTINGS


def insert_columns(client: Client, table: str, columns: Mapping[str, np.ndarray]) -> int:
    """Insert equally long columns by name; returns the number of rows. The client must use numpy."""
    rows = len(next(iter(columns.values()), ()))
    if rows:
        sql = f"INSERT INTO {identifier(table)} ({', '.join(map(identifier, columns))}) VALUES"
        client.execute(sql, list(columns.values()), columnar=True, settings=INSERT_SETTINGS)
    return rows
