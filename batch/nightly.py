"""The nightly: days of Kafka become a load of the warehouse, read in one pass, switched to at once, accounted for.

Running it twice changes nothing but the time of loading: rows are what the records say, and a day is replaced, never
added to. Whatever fails before the switch leaves the old days as they were; the next run drops what it left behind.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

from clickhouse_driver import Client
from msgspec.structs import replace
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch import tables
from batch.accounting import DayAccount, Fates, check_accounts, check_read, fates, record_counts, stored
from batch.days import Period, period_of
from batch.envelopes import fated, fates_by_day
from batch.kafka import OffsetRange, offsets_since, read_records, read_topic
from batch.spark import LOCAL_MASTER, spark_session
from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from infra.topics import (
    ALERTS,
    DEAD_LETTERS,
    DETECTIONS,
    DISPOSITIONS,
    GATE_PASSAGES,
    OCCUPANCY,
    Topic,
    admin,
    topic_name,
)
from warehouse.access import LOAD_TABLES
from warehouse.client import access, connect
from warehouse.lease import Lease, nightly_lease
from warehouse.load import batch_writer
from warehouse.loads import Load, drop_stale

STEPS: Final = (
    "drop what a killed run left",
    "start Spark",
    "judge records",
    "count records",
    *LOAD_TABLES,
    "check accounts",
    "switch days",
    "drop replaced days",
    "done",
)

Progress = Callable[[str, int, int], None]  # the step that begins, its number from 0, how many there are


def run(
    settings: Settings,
    site: Site,
    first_day: date,
    days: int = 1,
    *,
    master: str = LOCAL_MASTER,
    progress: Progress | None = None,
    spark: SparkSession | None = None,
) -> list[DayAccount]:
    """Load `days` local days from `first_day` on, in one pass; returns each day's account.

    `spark` is used where given, else a session on `master` is started and stopped. Raises UserError when Kafka or
    ClickHouse does not answer or another nightly is at work (before Spark starts), or records do not add up (before
    anything is switched).
    """
    period, started = period_of(settings, site, first_day, days), time.monotonic()
    begin = _stepper(progress)
    admin(settings)
    with connect(settings, "loader") as client, nightly_lease(settings, client) as lease:
        begin("drop what a killed run left")
        drop_stale(client, site.estate.id)
        begin("start Spark")
        with _session(settings, master, spark) as session:
            accounts = Nightly(settings, period, session, client, lease, begin).load(started)
        begin("drop replaced days")
        drop_stale(client, site.estate.id)
        begin("done")
        return accounts


def _stepper(progress: Progress | None) -> Callable[[str], None]:
    def begin(step: str) -> None:
        if progress is not None:
            progress(step, STEPS.index(step), len(STEPS))

    return begin


@contextmanager
def _session(settings: Settings, master: str, given: SparkSession | None) -> Iterator[SparkSession]:
    session = given or spark_session(settings, master)
    try:
        yield session
    finally:
        if given is None:
            session.stop()


@dataclass(frozen=True)
class Nightly:
    """One run over one period."""

    settings: Settings
    period: Period
    spark: SparkSession
    client: Client
    lease: Lease
    begin: Callable[[str], None]

    def load(self, started: float) -> list[DayAccount]:
        """Judge, load, check, switch."""
        offsets = offsets_since(self.settings, DETECTIONS, self.period.read_from_ms)
        scanned = read_records(self.spark, self.settings, offsets)
        within = F.col("kafka_ms").between(self.period.read_from_ms, self.period.read_to_ms)
        records = fated(scanned.where(within), self.period).persist()
        load = Load(self.client, secrets.randbits(62), self.period.site.estate.id, self.period.dates)
        try:
            found = self._count(records, scanned, offsets)
            self._write_all(records, load)
            self.begin("check accounts")
            accounts = self._accounts(found, load)
            check_accounts(accounts)
            return self._switch(accounts, load, started)
        finally:
            records.unpersist()

    def _count(self, records: DataFrame, scanned: DataFrame, offsets: OffsetRange) -> Fates:
        """Fates by day, after a second, separate look at Kafka has found as many records."""
        self.begin("judge records")
        found = fates((row.day, row.fate, row.records) for row in fates_by_day(records).collect())
        self.begin("count records")
        kafka_ms = F.col("kafka_ms")
        outside = scanned.where(~kafka_ms.between(self.period.read_from_ms, self.period.read_to_ms)).count()
        check_read(offsets.records, outside, sum(sum(day.values()) for day in found.values()))
        return found

    def _write_all(self, records: DataFrame, load: Load) -> None:
        """Write the load's rows of every table; nobody reads them yet."""
        day_crossings = tables.crossings(records, self.period).persist()
        try:
            frames = self._frames(records, day_crossings)
            for table in LOAD_TABLES:
                self.begin(table)
                self._write(frames[table], load, table)
        finally:
            day_crossings.unpersist()

    def _frames(self, records: DataFrame, day_crossings: DataFrame) -> dict[str, DataFrame]:
        period = self.period
        visitors = tables.visitors(records, period)
        return {
            "crossings": day_crossings,
            "camera_minutes": tables.camera_minutes(records, period),
            "camera_sequences": tables.camera_sequences(records, period),
            "gate_passages": tables.gate_passages(self._topic(GATE_PASSAGES), period),
            "visitors": tables.not_expired(visitors),
            "visitor_counts": tables.visitor_counts(visitors, period),
            "zone_minutes": tables.zone_minutes(self._topic(OCCUPANCY), day_crossings, period),
            "alerts": tables.alerts(self._topic(ALERTS), period),
            "dispositions": tables.dispositions(self._topic(DISPOSITIONS), period),
        }

    def _topic(self, topic: Topic) -> DataFrame:
        return read_topic(self.spark, self.settings, topic, self.period.read_from_ms)

    def _write(self, frame: DataFrame, load: Load, table: str) -> None:
        writer = batch_writer(access(self.settings, "loader"), table)
        of_load = frame.withColumn("load_id", F.lit(load.run) + F.datediff("day", F.lit(load.days[0])))
        written = sum(row.written for row in of_load.mapInArrow(writer, "written long").collect())
        loaded = sum(load.rows(table).values())
        if written != loaded:
            raise UserError(
                f"{table}: {written} rows were sent but {loaded} arrived",
                "run the nightly again; nothing was changed",
            )

    def _accounts(self, found: Fates, load: Load) -> list[DayAccount]:
        rows = {table: load.rows(table) for table in ("crossings", "alerts", "zone_minutes")}
        differing = load.differing_zone_minutes()
        hashes, refused = load.crossings_hash(), self._streamed_dead_letters()
        return [
            DayAccount(
                day=day,
                **record_counts(found.get(day, {})),
                streamed_dead_letters=refused.get(day, 0),
                **{table: by_day.get(day, 0) for table, by_day in rows.items()},
                differing_zone_minutes=differing.get(day, 0),
                content_hash=hashes.get(day, ""),
            )
            for day in self.period.dates
        ]

    def _streamed_dead_letters(self) -> dict[date, int]:
        detections = topic_name(DETECTIONS, self.settings)
        counted = tables.streamed_dead_letters(self._topic(DEAD_LETTERS), detections, self.period)
        return {row.day: row.records for row in counted.collect()}

    def _switch(self, accounts: list[DayAccount], load: Load, started: float) -> list[DayAccount]:
        self.begin("switch days")
        self.lease.check()
        seconds = (time.monotonic() - started) / len(accounts)
        timed = [replace(account, seconds=round(seconds, 3)) for account in accounts]
        load.switch([stored(account, load.estate_id, load.id(account.day)) for account in timed])
        return timed
