"""Which records are valid envelopes, and why others are not: what `infra.validate.judge` says, the streams' own judge.

Records are judged batch by batch in Python and go back to Spark as Arrow columns, an envelope's crossings packed
(`batch.crossings` unpacks them). So stream and batch cannot disagree, and it is fast: msgspec reads an envelope of 20
crossings in 14 µs, Spark's own JSON reader in 160 to 210, and limits in Spark's columns, which it interprets value by
value, took as long again and more.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Final

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import types as t
from pyspark.sql.pandas.types import to_arrow_type

from batch.schemas import spark_schema
from infra.events import MAX_INTEGER, Envelope, Health, Visitors
from infra.site import Site
from infra.validate import judge
from warehouse.load import Batches

ENVELOPE_ID: Final = ("camera_id", "boot_id", "zone_id", "seq")
FIELDS: Final = (*ENVELOPE_ID, "start_ms")
FOUND: Final = t.StructType(
    [
        t.StructField("reason", t.StringType()),
        *(spark_schema(Envelope)[name] for name in FIELDS),
        t.StructField("crossings", t.BinaryType()),  # MessagePack of `infra.events.Crossings`
        spark_schema(Envelope)["visitors"],
        spark_schema(Envelope)["health"],
    ]
)
KINDS: Final = {field.name: to_arrow_type(field.dataType) for field in FOUND}
AT_ONCE: Final = 1024
"""Records that are Python objects at one time."""


def judged(records: DataFrame, site: Site) -> DataFrame:
    """`records` (`value`, `kafka_ms` and what else they have) without their bytes, but with what is in them.

    That is `reason` for refusal (null where valid) and, null where refused, id, start, crossings, visitors and health.
    """
    carried = [field for field in records.schema if field.name != "value"]
    return records.mapInArrow(_judge(site), t.StructType([*carried, *FOUND]))


def _judge(site: Site) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """A function for Spark's `mapInArrow`."""

    def judge_batches(batches: Batches) -> Iterator[pa.RecordBatch]:
        gc.disable()  # nothing here refers to itself, and looking for what does takes a third of the time
        try:
            for part in parts_of(batches):
                yield _judged(part, site)
        finally:
            gc.enable()

    return judge_batches


def parts_of(batches: Batches) -> Iterator[pa.RecordBatch]:
    """The batches in parts of at most `AT_ONCE` records."""
    return (batch.slice(first, AT_ONCE) for batch in batches for first in range(0, batch.num_rows, AT_ONCE))


def _judged(batch: pa.RecordBatch, site: Site) -> pa.RecordBatch:
    records = zip(batch.column("value").to_pylist(), batch.column("kafka_ms").to_pylist(), strict=True)
    verdicts = [judge(value, kafka_ms, site) for value, kafka_ms in records]
    envelopes = [verdict if isinstance(verdict, Envelope) else None for verdict in verdicts]
    reasons = [None if isinstance(verdict, Envelope) else verdict.reason for verdict in verdicts]
    carried = {name: batch.column(name) for name in batch.schema.names if name != "value"}
    found = {"reason": pa.array(reasons, KINDS["reason"])} | columns_of(envelopes)
    return pa.RecordBatch.from_pydict(carried | {name: found[name] for name in FOUND.names})  # Spark goes by place


def columns_of(envelopes: Sequence[Envelope | None]) -> dict[str, pa.Array]:
    """What is kept of n envelopes as n-long columns, null where there is no envelope."""
    fields = {name: [None if one is None else getattr(one, name) for one in envelopes] for name in FIELDS}
    crossings = [None if one is None or one.crossings is None else _pack(one.crossings) for one in envelopes]
    visitors = [None if one is None else one.visitors for one in envelopes]
    health = [None if one is None else _plain(one.health) for one in envelopes]
    return {name: pa.array(values, KINDS[name]) for name, values in fields.items()} | {
        "crossings": pa.array(crossings, KINDS["crossings"]),
        "visitors": _lists(visitors, KINDS["visitors"]),
        "health": pa.array(health, KINDS["health"]),
    }


_pack: Final = msgspec.msgpack.Encoder().encode


def _lists(parts: Sequence[Visitors | None], kind: pa.StructType) -> pa.StructArray:
    """A column of structs of lists, the lists of one struct being equally long."""
    told = [part for part in parts if part is not None]
    offsets = pa.array(accumulate((0 if part is None else len(part.event_ms) for part in parts), initial=0), pa.int32())
    columns = []
    for field in kind:
        values = pa.array(list(chain.from_iterable(getattr(part, field.name) for part in told)), field.type.value_type)
        columns.append(pa.ListArray.from_arrays(offsets, values, type=field.type))
    return pa.StructArray.from_arrays(columns, fields=list(kind), mask=pa.array([part is None for part in parts]))


def _plain(part: Health | None) -> dict[str, object] | None:
    """A struct's fields; integers that no column holds as the next that one does."""
    if part is None:
        return None
    fields: dict[str, object] = msgspec.structs.asdict(part)
    return {
        name: max(-MAX_INTEGER, min(value, MAX_INTEGER)) if type(value) is int else value
        for name, value in fields.items()
    }
