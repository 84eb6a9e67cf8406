"""The day's crossings, each once. They stay Arrow batches from the envelope to the loader: few become rows.

A line's crossing comes in the envelopes of both its zones under one id: those become rows of Spark and are merged. Of
a line with one zone it comes once, but for a camera that tells it again: these are found by their hashes alone, and
merged with the others. All that is left never is a row of the JVM, which would take longer than everything else.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows
from pyspark.sql import types as t
from pyspark.sql.pandas.types import to_arrow_schema

from batch.days import Period
from batch.told import CROSSING, Integers, Places, batches_in, entries, from_bytes, places, to_bytes
from infra.clock import MINUTE_MS, day_start_ms
from warehouse.load import Batches

TOLD: Final = t.StructType([t.StructField("day", t.DateType()), t.StructField("camera_id", t.StringType()), *CROSSING])
SUSPECT: Final = t.StructType([*TOLD, *(t.StructField(name, t.BooleanType()) for name in ("late", "refused"))])
PACKED: Final = t.StructType([t.StructField(name, t.BinaryType()) for name in ("batch", "hashes", "suspect")])
PACKED_ARROW: Final = to_arrow_schema(PACKED)
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
SHARED: Final = 0
"""For the hash of a crossing of a line with several zones: it is merged anyway."""

MakeBatches = Callable[[Batches], Iterator[pa.RecordBatch]]
Hashes = Integers


@dataclass(frozen=True)
class Unpacking:
    """What must be known of records to make a period's crossings of what they tell (`batch.told`)."""

    period: Period
    invalid: Places
    """Of copies, and of what came too late to be loaded; in order."""
    refused: Places
    """Of what the streams refused; in order."""
    grace_ms: int
    """The streams': what was sent later than so long after it happened is late to them."""

    def packed(self, records: DataFrame) -> DataFrame:
        """The period's crossings as valid `records` tell them, many as one Arrow batch.

        That is `batch`, its `hashes`, and those that the streams may lack as a further batch, `suspect`, or null.
        """
        starts_ms = np.array([day_start_ms(day, self.period.site.tz) for day in self.period.dates])
        of_one_zone = [line for line, zones in self.period.site.effects.items() if len(zones) == 1]
        one_zone = pa.array(of_one_zone, pa.string())

        def pack(batches: Batches) -> Iterator[pa.RecordBatch]:
            for envelopes in batches_in(batches, "told"):
                told = _of_days(self._entries(envelopes), self.period, starts_ms)
                lacking = pc.or_(told.column("late"), told.column("refused"))
                suspect = told.filter(pc.and_(lacking, _persons(told))).select(SUSPECT.names)
                rows = told.select(TOLD.names)
                pack = {
                    "batch": to_bytes(rows),
                    "hashes": _hashes(rows, one_zone).tobytes(),
                    "suspect": to_bytes(suspect) if suspect.num_rows else None,
                }
                yield pa.RecordBatch.from_pylist([pack], PACKED_ARROW)

        telling = records.where(F.col("told").isNotNull()).select("told")
        return telling.mapInArrow(pack, PACKED)

    def _entries(self, envelopes: pa.RecordBatch) -> pa.RecordBatch:
        """The crossings that valid envelopes tell, with `camera_id`, `late` and `refused`."""
        valid = envelopes.filter(pa.array(~_among(places(envelopes), self.invalid)))
        refused = pa.array(_among(places(valid), self.refused))
        sent = {"camera_id": valid.column("camera_id"), "kafka_ms": valid.column("kafka_ms"), "refused": refused}
        rows = entries(valid, sent)
        delay_ms = pc.subtract(rows.column("kafka_ms"), rows.column("event_ms"))
        return rows.append_column("late", pc.greater(delay_ms, self.grace_ms))


def _of_days(rows: pa.RecordBatch, period: Period, starts_ms: Integers) -> pa.RecordBatch:
    """The rows of the period, with their `day`."""
    event_ms = rows.column("event_ms").to_numpy()
    inside = (event_ms >= starts_ms[0]) & (event_ms < period.end_ms)
    place = np.searchsorted(starts_ms, event_ms[inside], "right") - 1
    days = np.array(period.dates, "datetime64[D]")[place]
    return rows.filter(pa.array(inside)).append_column("day", pa.array(days))


def _among(values: Integers, known: Integers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of n values are among `known`, which are in order; n-long."""
    if not len(known):
        return np.zeros(len(values), np.bool_)
    nearest = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.equal(known[nearest], values)


def _hashes(rows: pa.RecordBatch, one_zone: pa.Array) -> Hashes:
    ids = rows.column("crossing_id").to_numpy(zero_copy_only=False)
    hashes = pd.util.hash_array(ids, categorize=False).view(np.int64)
    alone = pc.is_in(rows.column("line_id"), one_zone).to_numpy(zero_copy_only=False)
    return np.where(alone, hashes, SHARED)


@dataclass(frozen=True)
class DayCrossings:
    """The crossings of `told_batches` (as of `Unpacking.packed`), each once."""

    told_batches: DataFrame
    period: Period

    @cached_property
    def again(self) -> Hashes:
        """The hashes that were met twice among crossings of lines with one zone, in order; looked for once."""
        buckets = self.told_batches.select("hashes").mapInArrow(bucketed, "bucket int, hashes binary")
        found = buckets.groupBy("bucket").applyInArrow(met_twice, "hash long").toArrow()
        return np.sort(found.column("hash").to_numpy())

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
        """How many persons crossed which line which way in each minute, in one row or several: `LINE_COUNTS`; UTC s."""
        return self.map_batches(_counted, LINE_COUNTS)

    def rows(self) -> DataFrame:
        """The crossings as rows, the slow way."""
        return self.map_batches(iter, TABLE)

    def suspect(self) -> DataFrame:
        """A row for each time that a crossing was told late or refused by the streams: `SUSPECT`."""
        found = self.told_batches.where(F.col("suspect").isNotNull()).select("suspect")
        return found.mapInArrow(lambda batches: batches_in(batches, "suspect"), SUSPECT)

    def _merged(self) -> DataFrame:
        """Of each crossing that was or may have been told twice the least of what was told."""
        again = self.again

        def choose(batches: Batches) -> Iterator[pa.RecordBatch]:
            return _chosen(batches, again, once=False)

        several = self.told_batches.mapInArrow(choose, TOLD).groupBy("day", "crossing_id")
        least = several.agg(F.min(F.struct(*LEAST_BY)).alias("c"))
        return least.select("day", "crossing_id", "c.*").select(*TOLD.names)


def bucketed(batches: Batches) -> Iterator[pa.RecordBatch]:
    """The `hashes` of `Unpacking.packed` but for `SHARED`, in order and by bucket: equal ones come into one."""
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
            told_once = (hashes != SHARED) & ~_among(hashes, again)
            yield from_bytes(rows).filter(pa.array(told_once == once))


def _of_table(rows: pa.RecordBatch, estate: str) -> pa.RecordBatch:
    """Rows told, with the columns of the table `crossings`."""
    names = ["event_time" if name == "event_ms" else name for name in rows.schema.names]
    columns = dict(zip(names, rows.columns, strict=True))
    return pa.RecordBatch.from_pydict({"estate_id": pa.repeat(estate, rows.num_rows), **columns})


def _persons(rows: pa.RecordBatch) -> pa.Array:
    return pc.equal(rows.column("object_class"), "person")


def _counted(batches: Batches) -> Iterator[pa.RecordBatch]:
    for everything in batches:
        batch = everything.filter(_persons(everything))
        minute = pc.multiply(pc.divide(batch.column("event_time"), MINUTE_MS), MINUTE_MS // 1000)
        keys = [*map(batch.column, ("day", "line_id", "direction")), minute]
        rows = pa.Table.from_arrays(keys, names=["day", "line_id", "direction", "minute"])
        counts = rows.group_by(rows.column_names).aggregate([([], "count_all")])
        named = counts.rename_columns([*rows.column_names, "crossings"])
        yield from named.select(["day", "minute", "line_id", "direction", "crossings"]).to_batches()
