"""The warehouse's tables as DataFrames: one function a table, its columns named as in `warehouse/migrations/`.

Instants are integers in the unit of the table's column: UTC ms for `DateTime64(3)`, UTC s for `DateTime`.
"""

from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.days import Period, in_grace, local_day
from batch.envelopes import VALID
from batch.messages import messages
from infra.clock import MINUTE_MS
from infra.topics import ALERTS, DISPOSITIONS, GATE_PASSAGES, OCCUPANCY

MINUTE_S: Final = MINUTE_MS // 1000
MOST_UINT32: Final = 2**32 - 1
VISITOR_DAYS: Final = 29
"""Days for which tokens are loaded: within the table's TTL, which would take older ones away while they are counted."""
LOSSES: Final = ("decode_errors", "dropped", "thinned")
"""What a health counts since the one before it."""
CROSSING: Final = ("event_ms", "line_id", "camera_id", "direction", "track_id", "object_class")


def told_again(records: DataFrame, period: Period) -> DataFrame:
    """The `hash` of each id that was met twice among crossings of lines that change one zone only.

    A line's crossing comes in the envelopes of both its zones under one id. Of a line with one zone it comes once, but
    for a camera that tells it again: few ids, by which all others need no shuffle.
    """
    told = _told(records, period).select("hash", "alone").repartition("hash")  # counting before it would find no pairs
    met = told.groupBy("hash").agg(F.count("*").alias("times"), F.max("alone").alias("alone"))
    return met.where("times > 1 AND alone").select("hash")


def crossings(records: DataFrame, again: DataFrame, period: Period) -> DataFrame:
    """One row per crossing; `again` are those of `told_again`."""
    told, known = _told(records, period), F.broadcast(again)
    alone, shared = told.where("alone"), told.where("NOT alone")
    several = shared.unionByName(alone.join(known, "hash", "left_semi"))
    merged = several.groupBy("day", "crossing_id").agg(F.min(F.struct(*CROSSING)).alias("c"))
    once = alone.join(known, "hash", "left_anti").unionByName(merged.select("day", "crossing_id", "c.*"), True)
    return once.select(
        _estate(period),
        "day",
        F.col("event_ms").alias("event_time"),
        "crossing_id",
        "line_id",
        "camera_id",
        F.col("direction").cast("byte").alias("direction"),
        "track_id",
        "object_class",
    )


def _told(records: DataFrame, period: Period) -> DataFrame:
    """A row for each time that a crossing was told; `alone` where its line changes one zone only."""
    exploded = one_by_one(records, "crossings", "camera_id")
    day = local_day(F.col("event_ms"), period.site.estate.timezone)
    one_zone = F.col("line_id").isin([line for line, zones in period.site.effects.items() if len(zones) == 1])
    told = exploded.withColumn("day", day).where(period.contains(F.col("day")))
    return told.withColumn("hash", F.xxhash64("crossing_id")).withColumn("alone", one_zone)


def one_by_one(records: DataFrame, part: str, *carried: str | Column) -> DataFrame:
    """A row for each entry of the valid records' `crossings` or `visitors`, with the columns `carried`.

    Their lists are equally long. By place rather than zipped: then lists that nobody asks for are not read.
    """
    valid = records.where((F.col("fate") == VALID) & F.col(part).isNotNull())
    first, *others = valid.select(f"{part}.*").columns
    placed = valid.select(*carried, part, F.posexplode(f"{part}.{first}").alias("place", first))
    values = [F.get(f"{part}.{name}", F.col("place")).alias(name) for name in others]
    return placed.select("*", *values).drop(part, "place")


def _estate(period: Period) -> Column:
    return F.lit(period.site.estate.id).alias("estate_id")


def camera_minutes(records: DataFrame, period: Period) -> DataFrame:
    """What each camera told of itself last in each minute, and all that it lost in it."""
    told = records.where((F.col("fate") == VALID) & F.col("health").isNotNull() & period.contains(F.col("day")))
    minute = (F.floor(F.col("start_ms") / MINUTE_MS) * MINUTE_S).alias("minute")
    latest = F.max_by("health", F.struct("start_ms", "seq", "zone_id", "boot_id"))
    return (
        told.groupBy("day", minute, "camera_id")
        .agg(latest.alias("h"), *(_uint32(F.sum(_uint32(_counted(name)))).alias(name) for name in LOSSES))
        .select(
            _estate(period),
            "day",
            "minute",
            "camera_id",
            F.col("h.online").cast("byte").alias("online"),
            F.col("h.fps").cast("float").alias("fps"),
            *LOSSES,
            F.coalesce("h.picture", F.lit("ok")).alias("picture"),
            F.coalesce("h.clock_offset_ms", F.lit(0.0)).cast("float").alias("clock_offset_ms"),
        )
    )


def _counted(name: str) -> Column:
    return F.coalesce(f"health.{name}", F.lit(0))


def _uint32(number: Column) -> Column:
    return F.least(F.greatest(number, F.lit(0)), F.lit(MOST_UINT32))


def camera_sequences(records: DataFrame, period: Period) -> DataFrame:
    """First and last sequence number of each camera run and zone, and how many envelopes came."""
    valid = records.where((F.col("fate") == VALID) & period.contains(F.col("day")))
    return (
        valid.groupBy("day", "camera_id", "boot_id", "zone_id")
        .agg(F.min("seq").alias("first_seq"), F.max("seq").alias("last_seq"), F.count("*").alias("received"))
        .withColumn("estate_id", F.lit(period.site.estate.id))
    )


def gate_passages(records: DataFrame, period: Period) -> DataFrame:
    """One row per passage id, of those that came within the grace of their day."""
    told = messages(records, GATE_PASSAGES, period)
    passage = told.where(in_grace(F.col("kafka_ms"), F.col("day"), period))
    once = passage.groupBy("day", "passage_id").agg(
        F.min(F.struct("event_ms", "gate_id", "direction", "method", "granted")).alias("p")
    )
    return once.select(
        _estate(period),
        "day",
        F.col("p.event_ms").alias("event_time"),
        "passage_id",
        "p.gate_id",
        F.col("p.direction").cast("byte").alias("direction"),
        "p.method",
        F.col("p.granted").cast("byte").alias("granted"),
    )


def visitors(records: DataFrame, period: Period) -> DataFrame:
    """One row per track that has a token, by camera, run and local day."""
    exploded = one_by_one(records, "visitors", "zone_id", "camera_id", "boot_id")
    day = local_day(F.col("event_ms"), period.site.estate.timezone).alias("day")
    once = exploded.groupBy(day, "camera_id", "boot_id", "track_id").agg(
        F.min(F.struct("event_ms", "zone_id", "token")).alias("v")
    )
    return once.where(period.contains(F.col("day"))).select(
        _estate(period),
        "day",
        F.col("v.event_ms").alias("event_time"),
        "v.zone_id",
        "camera_id",
        "boot_id",
        "track_id",
        "v.token",
    )


def not_expired(day_visitors: DataFrame) -> DataFrame:
    """The rows of `visitors` that may still be kept."""
    return day_visitors.where(F.col("day") >= F.date_sub(F.current_date(), VISITOR_DAYS))


def visitor_counts(day_visitors: DataFrame, period: Period) -> DataFrame:
    """Per day and zone, and for the whole estate (zone ""), how many visitors came, and how often."""
    seen = day_visitors.select("day", "zone_id", "token")
    whole = seen.withColumn("zone_id", F.lit(""))
    visitor = seen.unionByName(whole).groupBy("day", "zone_id", "token").agg(F.count("*").alias("passes"))
    return (
        visitor.groupBy("day", "zone_id")
        .agg(
            _uint32(F.count("*")).alias("unique_visitors"),
            _uint32(F.count_if(F.col("passes") > 1)).alias("returning_visitors"),
            _uint32(F.sum("passes")).alias("passes"),
        )
        .withColumn("estate_id", F.lit(period.site.estate.id))
    )


def dispositions(records: DataFrame, period: Period) -> DataFrame:
    """What people said on the days, one row per disposition id."""
    said = messages(records, DISPOSITIONS, period)
    once = said.groupBy("day", "disposition_id").agg(
        F.min(F.struct("event_ms", "alert_id", "verdict", "by", F.coalesce("note", F.lit("")).alias("note"))).alias("d")
    )
    return once.select(
        _estate(period),
        "day",
        "disposition_id",
        "d.alert_id",
        F.col("d.event_ms").alias("event_time"),
        "d.verdict",
        F.col("d.by").alias("said_by"),
        "d.note",
    )


def alerts(records: DataFrame, period: Period) -> DataFrame:
    """The last state of each alert that was opened on the days."""
    states = messages(records, ALERTS, period)
    last = _last(states, ("alert_id",)).withColumn("published_ms", _first_sent("alert_id"))
    return last.where(F.col("latest") == 1).select(
        _estate(period),
        "day",
        "alert_id",
        "rule",
        "zone_id",
        "subject_id",
        "severity",
        "status",
        F.col("opened_ms").alias("opened_time"),
        F.col("updated_ms").alias("updated_time"),
        F.col("closed_ms").alias("closed_time"),
        F.col("published_ms").alias("published_time"),
        "revision",
        "explanation",
        F.coalesce("measured", F.create_map().cast("map<string,double>")).alias("measured"),
        F.coalesce("evidence", F.array().cast("array<string>")).alias("evidence"),
    )


def _first_sent(key: str) -> Column:
    return F.min("kafka_ms").over(Window.partitionBy(key))


def _last(states: DataFrame, key: tuple[str, ...]) -> DataFrame:
    """`states` with `latest` = 1 for the last revision of each key (of equal ones the last sent)."""
    newest = Window.partitionBy(*key).orderBy(F.desc("revision"), F.desc("kafka_partition"), F.desc("kafka_offset"))
    return states.withColumn("latest", F.row_number().over(newest))


def zone_minutes(records: DataFrame, day_crossings: DataFrame, period: Period) -> DataFrame:
    """Stream and batch side by side; where only one has it, zeros stand for the other (revision 0: no stream)."""
    counted = batch_minutes(day_crossings, period)
    joined = _streamed_minutes(records, period).join(counted, ["day", "minute", "zone_id"], "full_outer")
    numbers = ("ins", "outs", "batch_ins", "batch_outs", "revision")
    return joined.select(
        _estate(period),
        "day",
        "minute",
        "zone_id",
        *(_uint32(F.coalesce(name, F.lit(0))).alias(name) for name in numbers),
        *(F.coalesce(name, F.lit(0.0)).cast("float").alias(name) for name in ("occupancy", "low", "high")),
        "visible",
        F.coalesce("coverage", F.lit("unknown")).alias("coverage"),
    )


def _streamed_minutes(records: DataFrame, period: Period) -> DataFrame:
    minutes = _last(messages(records, OCCUPANCY, period), ("day", "minute_ms", "zone_id"))
    minute = F.floor(F.col("minute_ms") / 1000).alias("minute")
    estimate = ("ins", "outs", "occupancy", "low", "high", "visible", "coverage", "revision")
    return minutes.where(F.col("latest") == 1).select("day", minute, "zone_id", *estimate)


def batch_minutes(day_crossings: DataFrame, period: Period) -> DataFrame:
    """Crossings into and out of each zone per minute, recounted: `day, minute, zone_id, batch_ins, batch_outs`."""
    entered = F.col("direction") * F.col("effect") > 0
    return (
        minute_effects(day_crossings, period)
        .groupBy("day", "minute", "zone_id")
        .agg(F.count_if(entered).alias("batch_ins"), F.count_if(~entered).alias("batch_outs"))
    )


def minute_effects(day_crossings: DataFrame, period: Period) -> DataFrame:
    """A row for each crossing and zone that it enters (`direction` x `effect` > 0) or leaves; `minute` in UTC s."""
    effects = F.broadcast(_effects(day_crossings.sparkSession, period))
    minute = F.floor(F.col("event_time") / MINUTE_MS) * MINUTE_S
    return day_crossings.join(effects, "line_id").withColumn("minute", minute)


def _effects(spark: SparkSession, period: Period) -> DataFrame:
    rows = [(line, zone, effect) for line, zones in period.site.effects.items() for zone, effect in zones.items()]
    return spark.createDataFrame(rows, "line_id string, zone_id string, effect int")


def streamed_dead_letters(records: DataFrame, detections_topic: str, period: Period) -> DataFrame:
    """How many records the streams refused, by the local day they came: `day, records`. One sent twice counts once."""
    header = F.map_from_entries("headers")
    source = {
        name: header[name].cast("string").alias(name)
        for name in ("source_topic", "source_partition", "source_offset", "source_timestamp_ms")
    }
    refused = records.where(F.col("headers").isNotNull()).select(*source.values())
    own = refused.where(F.col("source_topic") == detections_topic).drop("source_topic").distinct()
    day = local_day(F.col("source_timestamp_ms").cast("long"), period.site.estate.timezone)
    return own.groupBy(day.alias("day")).agg(F.count("*").alias("records")).where(period.contains(F.col("day")))
