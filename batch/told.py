"""Crossings as envelopes tell them: those of many records are one Arrow batch, which Spark carries as bytes.

So Spark, which goes row by row, has one row to carry where an envelope would be one, or a crossing.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import types as t
from pyspark.sql.pandas.types import to_arrow_schema

from batch.schemas import spark_schema
from infra.events import Crossings, Envelope, Visitors
from warehouse.load import Batches

CROSSING: Final = t.StructType(
    [
        t.StructField(lists.name, t.ByteType() if lists.name == "direction" else lists.dataType.elementType)
        for lists in spark_schema(Crossings)
        if isinstance(lists.dataType, t.ArrayType)
    ]
)
CROSSING_ARROW: Final = to_arrow_schema(CROSSING)
"""One entry of an envelope's `crossings`."""
RECORD: Final = ("kafka_partition", "kafka_offset", "kafka_ms")
OFFSET_BITS: Final = 48
LZ4: Final = pa.ipc.IpcWriteOptions(compression="lz4")

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
Places = Integers
"""Where records lie in their topic: partition and offset as one number."""


def places(records: pa.RecordBatch | pa.Table) -> Places:
    """Of n records with `kafka_partition` and `kafka_offset`, n-long."""
    partitions, offsets = (records.column(name).to_numpy().astype(np.int64) for name in RECORD[:2])
    found: Places = (partitions << OFFSET_BITS) | offsets
    return found


def told(records: pa.RecordBatch, envelopes: Sequence[Envelope | None]) -> bytes | None:
    """The crossings of n records' n envelopes, as bytes; None where there are none.

    In them each envelope with crossings is a row: `RECORD`, `camera_id` and the lists of `infra.events.Crossings`.
    """
    telling = [(n, one.camera_id, one.crossings) for n, one in enumerate(envelopes) if one and one.crossings]
    if not telling:
        return None
    numbers, cameras, crossings = zip(*telling, strict=True)
    of_record = records.select(RECORD).take(pa.array(numbers))
    columns = dict(zip(RECORD, of_record.columns, strict=True)) | {"camera_id": pa.array(cameras)}
    return to_bytes(pa.RecordBatch.from_pydict(columns | list_columns(crossings, CROSSING_ARROW)))


def list_columns(parts: Sequence[Crossings | Visitors | None], entry: pa.Schema) -> dict[str, pa.ListArray]:
    """n parts of envelopes, whose lists are equally long, as n-long columns of lists of `entry`'s fields."""
    there = [part for part in parts if part is not None]
    lengths = (0 if part is None else len(part.event_ms) for part in parts)
    offsets = pa.array(accumulate(lengths, initial=0), pa.int32())
    return {
        field.name: pa.ListArray.from_arrays(
            offsets, pa.array(list(chain.from_iterable(getattr(part, field.name) for part in there)), field.type)
        )
        for field in entry
    }


def entries(envelopes: pa.RecordBatch, carried: dict[str, pa.Array]) -> pa.RecordBatch:
    """A row for each crossing of the rows of `told`: what is `carried` of its envelope, and what it is."""
    each = np.repeat(np.arange(envelopes.num_rows), envelopes.column("event_ms").value_lengths())
    of_envelope = {name: values.take(pa.array(each)) for name, values in carried.items()}
    own = {field.name: envelopes.column(field.name).flatten() for field in CROSSING_ARROW}
    return pa.RecordBatch.from_pydict(of_envelope | own)


def to_bytes(batch: pa.RecordBatch) -> bytes:
    """The batch as a compressed Arrow stream: Spark copies these bytes several times, and there are a third of them."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=LZ4) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def batches_in(batches: Batches, column: str) -> Iterator[pa.RecordBatch]:
    """The batches that are in a column of `to_bytes`."""
    return (from_bytes(value) for batch in batches for value in batch.column(column))


def from_bytes(value: pa.BinaryScalar) -> pa.RecordBatch:
    """What was given to `to_bytes`."""
    return pa.ipc.open_stream(value.as_buffer()).read_next_batch()
