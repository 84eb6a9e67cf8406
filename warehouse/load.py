"""The columnar loader: Arrow batches or numpy columns into ClickHouse, without Python per row.

Instants travel as integers in the unit of their column (`DateTime64(3)`: UTC ms, `DateTime`: UTC s), which
clickhouse-driver sends as they are; local days as Arrow dates; a missing value of a nullable number as NaN.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from clickhouse_driver import Client

from warehouse.client import Access, identifier, open_client

WRITTEN: Final = pa.schema([("written", pa.int64())])
INSERT_SETTINGS: Final = {"max_partitions_per_insert_block": 0, "insert_allow_materialized_columns": 1}
"""`load_id` is a materialised column, so that no `SELECT *` and no other insert need know of it."""

Batches = Iterable[pa.RecordBatch]


def insert_columns(client: Client, table: str, columns: Mapping[str, np.ndarray]) -> int:
    """Insert equally long columns by name; returns the number of rows. The client must use numpy."""
    return _insert(client, table, list(columns), list(columns.values()))


def insert_batch(numpy_client: Client, plain_client: Client, table: str, batch: pa.RecordBatch) -> int:
    """Insert one Arrow batch. Maps and lists, which clickhouse-driver has not in numpy, go as Python columns."""
    if any(pa.types.is_nested(field.type) for field in batch.schema):
        return _insert(plain_client, table, batch.schema.names, [_python(column) for column in batch.columns])
    columns = [numpy_column(column) for column in batch.columns]
    return insert_columns(numpy_client, table, dict(zip(batch.schema.names, columns, strict=True)))


def _insert(client: Client, table: str, names: list[str], columns: list[np.ndarray] | list[list[object]]) -> int:
    rows = len(columns[0]) if columns else 0
    if rows:
        sql = f"INSERT INTO {identifier(table)} ({', '.join(map(identifier, names))}) VALUES"
        client.execute(sql, columns, columnar=True, settings=INSERT_SETTINGS)
    return rows


def numpy_column(column: pa.Array) -> np.ndarray:
    """An Arrow column as numpy: bool becomes 0/1, a nullable number becomes float with NaN."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values


def _python(column: pa.Array) -> list[object]:
    values: list[object] = column.to_pylist(maps_as_pydicts="strict")
    return values


def batch_writer(to: Access, table: str) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """A function for Spark's `mapInArrow` that inserts each batch and yields how many rows it wrote."""

    def write(batches: Batches) -> Iterator[pa.RecordBatch]:
        with open_client(to, use_numpy=True) as fast, open_client(to) as plain:
            written = sum(insert_batch(fast, plain, table, batch) for batch in batches)
        yield pa.RecordBatch.from_arrays([pa.array([written], pa.int64())], schema=WRITTEN)

    return write
