"""numpy columns into ClickHouse by clickhouse-driver: how tests and benchmarks fill tables without Spark."""

from collections.abc import Mapping

import numpy as np
from clickhouse_driver import Client

from infra.settings import Settings
from warehouse.client import Role, access, identifier
from warehouse.load import INSERT_SETTINGS


def connect_for_columns(settings: Settings, role: Role) -> Client:
    """A connection whose columns are numpy arrays both ways."""
    to = access(settings, role)
    own = {"user": to.role, "password": to.password, "database": to.database}
    return Client(to.host, to.port, settings={"use_numpy": True}, **own)


def insert_columns(client: Client, table: str, columns: Mapping[str, np.ndarray]) -> int:
    """Insert equally long columns by name; returns the number of rows. The client is of `connect_for_columns`."""
    rows = len(next(iter(columns.values()), ()))
    if rows:
        sql = f"INSERT INTO {identifier(table)} ({', '.join(map(identifier, columns))}) VALUES"
        client.execute(sql, list(columns.values()), columnar=True, settings=INSERT_SETTINGS)
    return rows
