"""Is this record a valid envelope? The same answer as `infra.validate.judge`, in Spark's own columns.

Spark's JSON reader is laxer than msgspec in a few ways: it makes text of numbers and objects, does not tell null from
absent, and stops reading after the first value. The text is therefore read inside a wrapper that must close, and a
record in which laxness could matter (rare: nothing of ours writes such) is compared with its exact JSON types.
"""

from collections.abc import Iterable
from functools import reduce
from typing import Final, get_args

import msgspec
from msgspec import Meta
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows
from pyspark.sql import types as t

from batch.schemas import leaves, spark_schema
from infra.events import (
    MAX_CLOCK_ERROR_MS,
    MAX_ENVELOPE_BYTES,
    MAX_SLICE_MS,
    SCHEMA_VERSION,
    Envelope,
    Identifier,
    ObjectClass,
    Picture,
)
from infra.site import Site

LONGEST_ID: Final = next(m.max_length for m in get_args(Identifier) if isinstance(m, Meta) and m.max_length)
STRICT: Final = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
LAX_NUMBERS: Final = STRICT | {"allowNonNumericNumbers": "true"}
CORRUPT: Final = "corrupt"
# Text that Spark may have made of a number, a truth value, an object or a list.
NOT_TEXT: Final = r"^\s*([\[{].*|true|false|-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)\s*$"
OWN_IDS: Final = ("estate_id", "zone_id", "camera_id", "boot_id")
DETECTION_COLUMNS: Final = ("event_ms", "track_id", "object_class", "x_m", "y_m", "confidence")
CROSSING_COLUMNS: Final = ("crossing_id", "event_ms", "line_id", "direction", "track_id", "object_class")
VISITOR_COLUMNS: Final = ("event_ms", "track_id", "token")


def judged(records: DataFrame, site: Site) -> DataFrame:
    """`records` with the decoded `envelope` (null where it cannot be) and `reason` for refusal (null where valid)."""
    text = F.col("value").cast("string")
    small = F.length("value").between(1, MAX_ENVELOPE_BYTES) & F.is_valid_utf8(text)
    read = records.withColumn("read", F.when(small, F.from_json(_wrapped(text), _wrapper(Envelope), STRICT)))
    read = read.withColumn("envelope", F.when(_closed("read"), F.col("read.e")[0])).drop("read")
    return read.withColumn("reason", _reason(text, site))


def _wrapped(text: Column) -> Column:
    return F.concat(F.lit('{"e":['), text, F.lit('],"end":1}'))


def _wrapper(element: type[msgspec.Struct] | t.DataType) -> t.StructType:
    inner = element if isinstance(element, t.DataType) else spark_schema(element)
    return t.StructType().add("e", t.ArrayType(inner)).add("end", "long").add(CORRUPT, "string")


def _closed(read: str) -> Column:
    """Whether the wrapper was read whole, around exactly one value."""
    whole = F.col(f"{read}.{CORRUPT}").isNull() & (F.col(f"{read}.end") == 1) & (F.size(f"{read}.e") == 1)
    return F.coalesce(whole, F.lit(False))


def _reason(text: Column, site: Site) -> Column:
    size = F.length("value")
    decoded = F.coalesce(_fits() & (~_suspicious(site) | _exact(text)), F.lit(False))
    return (
        F.when(F.coalesce(size, F.lit(0)) == 0, "malformed_json")
        .when(size > MAX_ENVELOPE_BYTES, "too_large")
        .when(~decoded, _undecodable(text))
        .otherwise(_misfit(site))
    )


def _all(conditions: Iterable[Column]) -> Column:
    return reduce(lambda left, right: left & right, conditions)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda left, right: left | right, conditions)


def _at(path: str) -> Column:
    return F.col(f"envelope.{path}")


def _fits() -> Column:
    """Whether every field obeys the contract's limits (null where a required one is missing)."""
    return _all(
        [
            F.col("envelope").isNotNull(),
            _at("schema_version") == SCHEMA_VERSION,
            *(F.length(_at(name)).between(1, LONGEST_ID) for name in OWN_IDS),
            *(_at(name) >= 0 for name in ("seq", "start_ms", "end_ms")),
            F.coalesce(_at("visible") >= 0, F.lit(True)),
            _at("detections").isNull() | _columns_fit("detections", DETECTION_COLUMNS),
            _at("crossings").isNull() | _columns_fit("crossings", CROSSING_COLUMNS),
            _at("visitors").isNull() | _columns_fit("visitors", VISITOR_COLUMNS),
            _at("health").isNull() | _health_fits(),
        ]
    )


def _health_fits() -> Column:
    finite = [F.coalesce(_finite(_at(f"health.{name}")), F.lit(True)) for name in ("fps", "clock_offset_ms")]
    picture = F.coalesce(_at("health.picture").isin(*get_args(Picture)), F.lit(True))
    return _all([_at("health.online").isNotNull(), _at("health.fps").isNotNull(), picture, *finite])


def _columns_fit(part: str, columns: tuple[str, ...]) -> Column:
    return _all(_column_fits(part, name) for name in columns)


def _column_fits(part: str, name: str) -> Column:
    values_fit = F.forall(_at(f"{part}.{name}"), lambda value: F.coalesce(_value_fits(name, value), F.lit(False)))
    return F.coalesce(values_fit, F.lit(True))


def _value_fits(column: str, value: Column) -> Column:
    """The contract's limit for one value of a column (null where the value is)."""
    match column:
        case "event_ms":
            return value >= 0
        case "object_class":
            return value.isin(*get_args(ObjectClass))
        case "direction":
            return value.isin(1, -1)
        case "crossing_id" | "line_id" | "token":
            return F.length(value).between(1, LONGEST_ID)
        case "x_m" | "y_m" | "confidence":
            return _finite(value)
    return value.isNotNull()


def _finite(number: Column) -> Column:
    return ~F.isnan(number) & (F.abs(number) != float("inf"))


def _suspicious(site: Site) -> Column:
    """Whether Spark's laxness could have made something acceptable of a wrong JSON type."""
    absent = [
        _at(part).isNotNull() & _any(_at(f"{part}.{name}").isNull() for name in names)
        for part, names in (
            ("detections", DETECTION_COLUMNS),
            ("crossings", CROSSING_COLUMNS),
            ("visitors", VISITOR_COLUMNS),
            ("health", ("decode_errors", "picture", "clock_offset_ms", "dropped", "thinned")),
        )
    ]
    as_text = [
        F.coalesce(F.exists(_at(path), lambda text: text.rlike(NOT_TEXT)), F.lit(False))
        for path in ("crossings.crossing_id", "visitors.token")
    ]
    strange = [_at("boot_id").rlike(NOT_TEXT), *as_text, *_strange_ids(site)]
    return F.coalesce(_any([*absent, *strange]), F.lit(True))


def _strange_ids(site: Site) -> list[Column]:
    return [_at("estate_id") != site.estate.id, ~_known_pair(site), _unknown_line(site)]


def _exact(text: Column) -> Column:
    """Whether every field has exactly the JSON type of the contract. Slow: asked of suspicious records only."""
    message = F.try_parse_json(text)
    return _all(_exact_leaf(message, leaf.path, leaf.kinds, leaf.absent) for leaf in leaves(Envelope))


def _exact_leaf(message: Column, path: str, kinds: str, absent: bool) -> Column:
    parent = path.rsplit(".", 1)[0]
    found = F.coalesce(F.schema_of_variant(F.try_variant_get(message, path, "variant")), F.lit("absent"))
    if parent == "$":
        return found.rlike(f"^({kinds}{'|absent' if absent else ''})$")
    is_object = F.schema_of_variant(F.try_variant_get(message, parent, "variant")).startswith("OBJECT")
    return F.coalesce(~is_object, F.lit(True)) | found.rlike(f"^({kinds}{'|absent' if absent else ''})$")


def _undecodable(text: Column) -> Column:
    """Why there is no envelope in the record, in the order in which Python's reader finds it."""
    message = F.try_parse_json(text)
    version = F.try_variant_get(message, "$.schema_version", "variant")
    is_object = F.schema_of_variant(message).startswith("OBJECT")
    number = F.schema_of_variant(version).rlike(r"^(BIGINT|DECIMAL\(.*\)|DOUBLE|BOOLEAN)$")
    right = F.coalesce(number & (F.try_variant_get(version, "$", "double") == SCHEMA_VERSION), F.lit(False))
    return (
        F.when(~F.is_valid_utf8(text) | ~_readable(text, LAX_NUMBERS), "malformed_json")
        .when(~_readable(text, STRICT), "not_finite")
        .when(F.coalesce(is_object, F.lit(False)) & ~right, "wrong_schema_version")
        .otherwise("invalid_field")
    )


def _readable(text: Column, options: dict[str, str]) -> Column:
    read = F.from_json(_wrapped(text), _wrapper(t.StringType()), options)
    whole = read[CORRUPT].isNull() & (read["end"] == 1) & (F.size(read["e"]) == 1)
    return F.coalesce(whole, F.lit(False))


def _misfit(site: Site) -> Column:
    """Why a decoded envelope does not belong to this site or this time; null when it does."""
    length = _at("end_ms") - _at("start_ms")
    return (
        F.when(_at("estate_id") != site.estate.id, "wrong_estate")
        .when(~_at("camera_id").isin(*site.camera), "unknown_camera")
        .when(~_known_pair(site), "unknown_zone")
        .when((length < 0) | (length > MAX_SLICE_MS), "event_time_off")
        .when(F.abs(_at("start_ms") - F.col("kafka_ms")) > MAX_CLOCK_ERROR_MS, "event_time_off")
        .when(_unequal("crossings", CROSSING_COLUMNS), "unequal_columns")
        .when(_unknown_line(site), "unknown_line")
        .when(_outside_slice("crossings"), "event_time_off")
        .when(_unequal("detections", DETECTION_COLUMNS), "unequal_columns")
        .when(_outside_slice("detections"), "event_time_off")
        .when(_unequal("visitors", VISITOR_COLUMNS), "unequal_columns")
        .when(_outside_slice("visitors"), "event_time_off")
    )


def _known_pair(site: Site) -> Column:
    pairs = [f"{camera}/{zone}" for camera, zones in site.camera_zones.items() for zone in zones]
    return F.concat_ws("/", _at("camera_id"), _at("zone_id")).isin(*pairs)


def _unknown_line(site: Site) -> Column:
    return F.coalesce(F.exists(_at("crossings.line_id"), lambda line: ~line.isin(*site.line)), F.lit(False))


def _unequal(part: str, columns: tuple[str, ...]) -> Column:
    sizes = [F.coalesce(F.size(_at(f"{part}.{name}")), F.lit(0)) for name in columns]
    sizes = [F.greatest(size, F.lit(0)) for size in sizes]
    return _at(part).isNotNull() & _any(size != sizes[0] for size in sizes[1:])


def _outside_slice(part: str) -> Column:
    events = _at(f"{part}.event_ms")
    return (F.array_min(events) < _at("start_ms")) | (F.array_max(events) > _at("end_ms"))
