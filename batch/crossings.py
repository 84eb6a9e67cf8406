"""The day's crossings, each once. They stay Arrow batches from the envelope to the loader: few become rows.

A line's crossing comes in the envelopes of both its zones under one id: those become rows of Spark and are merged. Of
a line with one zone it comes once, but for a camera that tells it again: these are found by their hashes alone, and
merged with the others. All that is left never is a row of the JVM, which would take longer than everything else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows
from pyspark.sql import types as t
from pyspark.sql.pandas.types import to_arrow_schema

from batch.days import Period
from batch.envelopes import VALID
from batch.schemas import spark_schema
from batch.verdict import parts_of
from infra.clock import MINUTE_MS, day_start_ms
from infra.events import Crossings
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
TOLD: Final = t.StructType([t.StructField("day", t.DateType()), t.StructField("camera_id", t.StringType()), *CROSSING])
TABLE: Final = (
    "estate_id string, day date, camera_id string, crossing_id string, event_time long, line_id string, "
    "direction byte, track_id long, object_class string"
)
LEAST_BY: Final = ("event_ms", "line_id", "camera_id", "direction", "track_id", "object_class")
"""Of what was told of one crossing the least by these is kept."""
LINE_COUNTS: Final = "day date, minute long, line_id string, direction byte, crossings long"
BUCKETS: Final = 64
EDGES: Final = np.linspace(-(2**63), 2**63, BUCKETS, endpoint=False)[1:].astype(np.int64)
"""Hashes are looked at in so many groups, each of which fits into memory."""
LZ4: Final = pa.ipc.IpcWriteOptions(compression="lz4")
SHARED: Final = 0
"""For the hash of a crossing of a line with several zones: it is merged anyway."""

MakeBatches = Callable[[Batches], Iterator[pa.RecordBatch]]
Hashes = np.ndarray[tuple[int], np.dtype[np.int64]]


def told(records: DataFrame, *carried: str) -> DataFrame:
    """A row for each time that a crossing was told in valid `records`, with the envelope's columns `carried`."""
    valid = _with_crossings(records).select("crossings", *carried)

    def unpack(batches: Batches) -> Iterator[pa.RecordBatch]:
        return (_unpacked(part, carried) for part in parts_of(batches))

    return valid.mapInArrow(unpack, t.StructType([*(valid.schema[name] for name in carried), *CROSSING]))


def _with_crossings(records: DataFrame) -> DataFrame:
    return records.where((F.col("fate") == VALID) & F.col("crossings").isNotNull())


def _unpacked(envelopes: pa.RecordBatch, carried: Sequence[str]) -> pa.RecordBatch:
    """A row for each entry of `crossings`, with what its envelope has in the columns `carried`."""
    parts = [_decoder.decode(packed) for packed in envelopes.column("crossings").to_pylist()]
    envelope = pa.array(np.repeat(np.arange(len(parts)), [len(part.event_ms) for part in parts]))
    columns = {name: envelopes.column(name).take(envelope) for name in carried}
    for field in CROSSING_ARROW:
        values = list(chain.from_iterable(getattr(part, field.name) for part in parts))
        columns[field.name] = pa.array(values, field.type)
    return pa.RecordBatch.from_pydict(columns)


_decoder: Final = msgspec.msgpack.Decoder(Crossings)


def packed(records: DataFrame, period: Period) -> DataFrame:
    """The period's crossings as valid `records` tell them: `batch`, many as one Arrow batch, and their `hashes`."""
    valid = _with_crossings(records).select("crossings", "camera_id")
    days = np.array(period.dates, "datetime64[D]")
    edges_ms = np.array([*(day_start_ms(day, period.site.tz) for day in period.dates), period.end_ms])
    one_zone = pa.array([line for line, zones in period.site.effects.items() if len(zones) == 1], pa.string())

    def pack(batches: Batches) -> Iterator[pa.RecordBatch]:
        for part in parts_of(batches):
            of_any_day = _unpacked(part, ["camera_id"])
            place = np.searchsorted(edges_ms, of_any_day.column("event_ms").to_numpy(), "right") - 1
            inside = (place >= 0) & (place < len(days))
            rows = of_any_day.filter(pa.array(inside))
            rows = rows.append_column("day", pa.array(days[place[inside]])).select(TOLD.names)
            hashes = _hashes(rows, one_zone).tobytes()
            yield pa.RecordBatch.from_pydict({"batch": [_compressed(rows)], "hashes": [hashes]})

    return valid.mapInArrow(pack, "batch binary, hashes binary")


def _compressed(rows: pa.RecordBatch) -> bytes:
    """As an Arrow stream; Spark copies these bytes several times, and there are a third of them."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=LZ4) as stream:
        stream.write_batch(rows)
    return bytes(sink.getvalue())


def _hashes(rows: pa.RecordBatch, one_zone: pa.Array) -> Hashes:
    ids = rows.column("crossing_id").to_numpy(zero_copy_only=False)
    hashes = pd.util.hash_array(ids, categorize=False).view(np.int64)
    alone = pc.is_in(rows.column("line_id"), one_zone).to_numpy(zero_copy_only=False)
    return np.where(alone, hashes, SHARED)


@dataclass(frozen=True)
class DayCrossings:
    """The crossings of `told_batches` (as of `packed`), each once."""

    told_batches: DataFrame
    period: Period

    @cached_property
    def again(self) -> Hashes:
        """The hashes that were met twice among crossings of lines with one zone; looked for once."""
        buckets = self.told_batches.select("hashes").mapInArrow(bucketed, "bucket int, hashes binary")
        found = buckets.groupBy("bucket").applyInArrow(met_twice, "hash long").toArrow()
        hashes: Hashes = found.column("hash").to_numpy()
        return hashes

    def map_batches(self, make: MakeBatches, schema: str) -> DataFrame:
        """What `make` makes of Arrow batches of the table `crossings`: Spark's `mapInArrow`."""
        again, estate = self.again, self.period.site.estate.id

        def make_of_once(batches: Batches) -> Iterator[pa.RecordBatch]:
            return make(_of_table(rows, estate) for rows in _chosen(batches, again, once=True))

        def make_of_merged(batches: Batches) -> Iterator[pa.RecordBatch]:
            return make(_of_table(rows, estate) for rows in batches)

        once = self.told_batches.mapInArrow(make_of_once, schema)
        return once.unionAll(self._merged().mapInArrow(make_of_merged, schema))

    def line_counts(self) -> DataFrame:
        """How many crossed which line which way in each minute, in one row or several: `LINE_COUNTS`; minutes UTC s."""
        return self.map_batches(_counted, LINE_COUNTS)

    def rows(self) -> DataFrame:
        """The crossings as rows, the slow way."""
        return self.map_batches(iter, TABLE)

    def _merged(self) -> DataFrame:
        """Of each crossing that was or may have been told twice the least of what was told."""
        again = self.again

        def choose(batches: Batches) -> Iterator[pa.RecordBatch]:
            return _chosen(batches, again, once=False)

        several = self.told_batches.mapInArrow(choose, TOLD).groupBy("day", "crossing_id")
        least = several.agg(F.min(F.struct(*LEAST_BY)).alias("c"))
        return least.select("day", "crossing_id", "c.*").select(*TOLD.names)


def bucketed(batches: Batches) -> Iterator[pa.RecordBatch]:
    """The `hashes` of batches of `packed` but for `SHARED`, in order and by bucket: equal ones come into one."""
    for batch in batches:
        hashes = np.frombuffer(b"".join(batch.column("hashes").to_pylist()), np.int64)
        in_order = np.sort(hashes[hashes != SHARED])
        parts = np.split(in_order, np.searchsorted(in_order, EDGES))
        buckets = pa.array(range(BUCKETS), pa.int32())
        yield pa.RecordBatch.from_pydict({"bucket": buckets, "hashes": [part.tobytes() for part in parts]})


def met_twice(bucket: pa.Table) -> pa.Table:
    """Each `hash` that is twice or more in one bucket's rows of `bucketed`."""
    hashes = np.sort(np.frombuffer(b"".join(bucket.column("hashes").to_pylist()), np.int64))
    return pa.table({"hash": np.unique(hashes[1:][hashes[1:] == hashes[:-1]])})


def _chosen(batches: Batches, again: Hashes, *, once: bool) -> Iterator[pa.RecordBatch]:
    """Of packed batches the rows that were told once, or the others."""
    for batch in batches:
        for rows, packed_hashes in zip(batch.column("batch"), batch.column("hashes"), strict=True):
            hashes = np.frombuffer(packed_hashes.as_buffer(), np.int64)
            told_once = (hashes != SHARED) & ~np.isin(hashes, again)
            yield pa.ipc.open_stream(rows.as_buffer()).read_next_batch().filter(pa.array(told_once == once))


def _of_table(rows: pa.RecordBatch, estate: str) -> pa.RecordBatch:
    """Rows told, with the columns of the table `crossings`."""
    names = ["event_time" if name == "event_ms" else name for name in rows.schema.names]
    columns = dict(zip(names, rows.columns, strict=True))
    return pa.RecordBatch.from_pydict({"estate_id": pa.repeat(estate, rows.num_rows), **columns})


def _counted(batches: Batches) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        minute = pc.multiply(pc.divide(batch.column("event_time"), MINUTE_MS), MINUTE_MS // 1000)
        keys = [*map(batch.column, ("day", "line_id", "direction")), minute]
        rows = pa.Table.from_arrays(keys, names=["day", "line_id", "direction", "minute"])
        counts = rows.group_by(rows.column_names).aggregate([([], "count_all")])
        named = counts.rename_columns([*rows.column_names, "crossings"])
        yield from named.select(["day", "minute", "line_id", "direction", "crossings"]).to_batches()
