"""The warehouse's tables as DataFrames: one function a table, its columns named as in `warehouse/migrations/`.

Instants are integers in the unit of the table's column: UTC ms for `DateTime64(3)`, UTC s for `DateTime`.
"""

from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.days import Period, in_grace, local_day, minute_of
from batch.envelopes import VALID
from batch.messages import messages
from infra.topics import ALERTS, DISPOSITIONS, GATE_PASSAGES, OCCUPANCY

MOST_UINT32: Final = 2**32 - 1
VISITOR_DAYS: Final = 29
"""Days for which tokens are loaded: within the table's TTL, which would take older ones away while they are counted."""
LOSSES: Final = ("decode_errors", "dropped", "thinned")
"""What a health counts since the one before it."""


def _estate(period: Period) -> Column:
    return F.lit(period.site.estate.id).alias("estate_id")


def camera_minutes(records: DataFrame, period: Period) -> DataFrame:
    """What each camera told of itself last in each minute, and all that it lost in it."""
    told = records.where((F.col("fate") == VALID) & F.col("health").isNotNull() & period.contains(F.col("day")))
    minute = minute_of(F.col("start_ms")).alias("minute")
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
    valid = records.where((F.col("fate") == VALID) & F.col("visitors").isNotNull())
    lists = [f"visitors.{name}" for name in ("event_ms", "track_id", "token")]
    exploded = valid.select("zone_id", "camera_id", "boot_id", F.inline(F.arrays_zip(*lists)))
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


def zone_minutes(records: DataFrame, line_counts: DataFrame, period: Period) -> DataFrame:
    """Stream and batch side by side; where only one has it, zeros stand for the other (revision 0: no stream).

    `line_counts` are those of `batch.crossings`.
    """
    counted = _batch_minutes(line_counts, period)
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


def _batch_minutes(line_counts: DataFrame, period: Period) -> DataFrame:
    """Crossings into and out of each zone per minute, recounted: `day, minute, zone_id, batch_ins, batch_outs`."""
    entered = F.col("direction") * F.col("effect") > 0
    return (
        with_effects(line_counts, period)
        .groupBy("day", "minute", "zone_id")
        .agg(
            F.sum(F.when(entered, F.col("crossings")).otherwise(0)).alias("batch_ins"),
            F.sum(F.when(entered, 0).otherwise(F.col("crossings"))).alias("batch_outs"),
        )
    )


def with_effects(of_lines: DataFrame, period: Period) -> DataFrame:
    """A row for each of `of_lines` and each zone that is entered (`direction` x `effect` > 0) or left by its line."""
    return of_lines.join(F.broadcast(_effects(of_lines.sparkSession, period)), "line_id")


def _effects(spark: SparkSession, period: Period) -> DataFrame:
    rows = [(line, zone, effect) for line, zones in period.site.effects.items() for zone, effect in zones.items()]
    return spark.createDataFrame(rows, "line_id string, zone_id string, effect int")


def refused_detections(letters: DataFrame, detections_topic: str) -> DataFrame:
    """Which detections the streams refused, by dead letters: `kafka_partition, kafka_offset, kafka_ms`, each once."""
    header = F.map_from_entries("headers")
    own = letters.where(header["source_topic"].cast("string") == detections_topic)
    return own.select(
        header["source_partition"].cast("string").cast("int").alias("kafka_partition"),
        header["source_offset"].cast("string").cast("long").alias("kafka_offset"),
        header["source_timestamp_ms"].cast("string").cast("long").alias("kafka_ms"),
    ).distinct()


def streamed_dead_letters(refused: DataFrame, period: Period) -> DataFrame:
    """How many records were `refused` (as of `refused_detections`), by the local day they came: `day, records`."""
    day = local_day(F.col("kafka_ms"), period.site.estate.timezone)
    return refused.groupBy(day.alias("day")).agg(F.count("*").alias("records")).where(period.contains(F.col("day")))
