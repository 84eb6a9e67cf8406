"""The columnar loader: Arrow batches into ClickHouse as they are, over HTTP, without Python per row or per value.

Instants travel as integers in the unit of their column: UTC ms in what is named `…_time` (`DateTime64(3)`), UTC s in
what is named otherwise (`DateTime`).

clickhouse-driver, which asks all the questions, is not used here: its numpy columns come to 0.4 of the rows per second
of ClickHouse's own Parquet insert, this to 0.7, at a fifth of the processor time (`make bench NAME=loader`).
"""

import http.client
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import pyarrow as pa

from warehouse.client import ANSWER_TIMEOUT_S, Access, identifier

WRITTEN: Final = pa.schema([("written", pa.int64())])
INSERT_SETTINGS: Final = {"max_partitions_per_insert_block": 0, "insert_allow_materialized_columns": 1}
"""`load_id` is a materialised column, so that no `SELECT *` and no other insert need know of it."""
INSERT_ROWS: Final = 500_000
"""Rows of one INSERT, about: each makes parts that ClickHouse has to merge later."""
END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""Of an Arrow stream: <https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format>."""

Batches = Iterable[pa.RecordBatch]


class NotInsertedError(Exception):
    """ClickHouse did not take an INSERT; says which table, how many rows, and ClickHouse's own words."""


def insert_batches(to: Access, table: str, batches: Batches) -> int:
    """Insert batches of one schema by the names of their columns; returns the number of rows.

    Raises NotInsertedError; what was inserted before stays.
    """
    rows = 0
    for group in grouped(batches):
        _insert(to, table, [_with_instants(batch) for batch in group])
        rows += sum(batch.num_rows for batch in group)
    return rows


def grouped(batches: Batches, most_rows: int = INSERT_ROWS) -> Iterator[list[pa.RecordBatch]]:
    """Batches that have rows, together until they have `most_rows` or more."""
    group: list[pa.RecordBatch] = []
    for batch in batches:
        if batch.num_rows:
            group.append(batch)
        if sum(one.num_rows for one in group) >= most_rows:
            yield group
            group = []
    if group:
        yield group


def _with_instants(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with ms as Arrow's instants; ClickHouse would take a bare integer for seconds."""
    columns = [
        column.cast(pa.timestamp("ms", "UTC")) if field.name.endswith("_time") else column
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _insert(to: Access, table: str, batches: Sequence[pa.RecordBatch]) -> None:
    """One INSERT of an Arrow stream: its schema, its batches, its end."""
    schema = batches[0].schema
    sql = f"INSERT INTO {identifier(table)} ({', '.join(map(identifier, schema.names))}) FORMAT ArrowStream"
    body = [memoryview(part) for part in (schema.serialize(), *(batch.serialize() for batch in batches), END_OF_STREAM)]
    connection = http.client.HTTPConnection(to.host, to.http_port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request(
            "POST",
            f"/?{urlencode({'database': to.database, 'query': sql, **INSERT_SETTINGS})}",
            body,
            {
                "X-ClickHouse-User": to.role,
                "X-ClickHouse-Key": to.password,
                "Content-Length": str(sum(part.nbytes for part in body)),
            },
        )
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        said = f"no answer: {error or type(error).__name__}"
    else:
        if answer.status == HTTPStatus.OK:
            return
    finally:
        connection.close()
    rows = sum(batch.num_rows for batch in batches)
    raise NotInsertedError(f"{table}: {rows} rows were not taken by ClickHouse at {to.host}:{to.http_port}: {said}")


def batch_writer(to: Access, table: str) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """A function for Spark's `mapInArrow` that inserts the batches and yields how many rows it wrote."""

    def write(batches: Batches) -> Iterator[pa.RecordBatch]:
        written = insert_batches(to, table, batches)
        yield pa.RecordBatch.from_arrays([pa.array([written], pa.int64())], schema=WRITTEN)

    return write
