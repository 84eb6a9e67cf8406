"""Which records are valid envelopes, and why others are not: what `infra.validate.judge` says, the streams' own judge.

Records are judged batch by batch in Python and go back to Spark as Arrow columns, the crossings of many records as one
value (`batch.told`). So stream and batch cannot disagree, and it is fast: msgspec reads an envelope of 20
crossings in 14 µs, Spark's own JSON reader in 160 to 210, and limits in Spark's columns, which it interprets value by
value, took as long again and more.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import types as t
from pyspark.sql.pandas.types import to_arrow_type

from batch.schemas import spark_schema
from batch.told import list_columns, told
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
        t.StructField("told", t.BinaryType()),  # `batch.told.told` of some records; the first of them has it
        spark_schema(Envelope)["visitors"],
        spark_schema(Envelope)["health"],
    ]
)
KINDS: Final = {field.name: to_arrow_type(field.dataType) for field in FOUND}
AT_ONCE: Final = 1024
"""Records that are Python objects at one time."""


def judged(records: DataFrame, site: Site) -> DataFrame:
    """`records` (`value`, `kafka_ms` and what else they have) without their bytes, but with what is in them.

    That is `reason` for refusal (null where valid) and, null where refused, id, start, visitors and health; and what
    many records tell of crossings, in one of them. `records` must have `batch.told.RECORD`.
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
    of_first = [told(batch, envelopes), *[None] * (len(envelopes) - 1)]
    found = {"reason": pa.array(reasons, KINDS["reason"]), "told": pa.array(of_first, KINDS["told"])}
    found |= columns_of(envelopes)
    return pa.RecordBatch.from_pydict(carried | {name: found[name] for name in FOUND.names})  # Spark goes by place


def columns_of(envelopes: Sequence[Envelope | None]) -> dict[str, pa.Array]:
    """What is kept of n envelopes, but for crossings, as n-long columns, null where there is no envelope."""
    fields = {name: [None if one is None else getattr(one, name) for one in envelopes] for name in FIELDS}
    visitors = [None if one is None else one.visitors for one in envelopes]
    health = [None if one is None else _plain(one.health) for one in envelopes]
    return {name: pa.array(values, KINDS[name]) for name, values in fields.items()} | {
        "visitors": _lists(visitors, KINDS["visitors"]),
        "health": pa.array(health, KINDS["health"]),
    }


def _lists(parts: Sequence[Visitors | None], kind: pa.StructType) -> pa.StructArray:
    """A column of structs of lists, the lists of one struct being equally long."""
    columns = list_columns(parts, pa.schema([(field.name, field.type.value_type) for field in kind]))
    missing = pa.array([part is None for part in parts])
    return pa.StructArray.from_arrays(list(columns.values()), fields=list(kind), mask=missing)


def _plain(part: Health | None) -> dict[str, object] | None:
    """A struct's fields; integers that no column holds as the next that one does."""
    if part is None:
        return None
    fields: dict[str, object] = msgspec.structs.asdict(part)
    return {
        name: max(-MAX_INTEGER, min(value, MAX_INTEGER)) if type(value) is int else value
        for name, value in fields.items()
    }
