"""The nightly: days of Kafka become a load of the warehouse, read in one pass, switched to at once, accounted for.

Running it twice changes nothing but the time of loading: rows are what the records say, and a day is replaced, never
added to. Whatever fails before the switch leaves the old days as they were; the next run drops what it left behind. So
does a day that would lose records: of which Kafka was made anew, say, or of which the site file knows a camera no more.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from clickhouse_driver import Client
from msgspec.structs import replace
from pyspark.sql import DataFrame, SparkSession

from batch.accounting import DayAccount, Fates, by_topic, check_accounts, losses, record_counts, stored
from batch.archive import archive_days
from batch.crossings import MakeBatches
from batch.days import Period, period_of
from batch.disks import full_disk_told
from batch.kafka import whole_since_ms
from batch.reading import Fated, Reading, count_fates, session
from batch.source import NEEDED, Source, Wanted, choose
from batch.spark import LOCAL_MASTER
from infra.clock import SystemClock
from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from infra.topics import DETECTIONS, admin
from warehouse.access import RECORD_TABLES
from warehouse.client import access, connect
from warehouse.estate import record_site
from warehouse.lease import Lease, nightly_lease
from warehouse.load import Batches, batch_writer
from warehouse.loads import Load, drop_stale
from warehouse.roll_ups import roll_up, roll_up_missing

STEPS: Final = (
    "drop what a killed run left",
    "start Spark",
    "judge records",
    "count records",
    "unpack crossings",
    *RECORD_TABLES,
    "roll up",
    "check accounts",
    "switch days",
    "drop replaced days",
    "archive",
    "done",
)

MapBatches = Callable[[MakeBatches, str], DataFrame]
"""Spark's `mapInArrow` of a frame: what a function makes of its batches, and the schema of that."""
Fewer = Literal["refuse", "leave", "load"]
"""What becomes of a day that has fewer records than it stands on: no day of the run is switched, that day is left as it
is, or it is loaded nevertheless."""
Progress = Callable[[str, int, int], None]  # the step that begins, its number from 0, how many there are

log = structlog.get_logger()


def run(
    settings: Settings,
    site: Site,
    first_day: date,
    days: int = 1,
    *,
    wanted: Wanted = "auto",
    archive: bool = False,
    fewer: Fewer = "refuse",
    master: str = LOCAL_MASTER,
    progress: Progress | None = None,
    spark: SparkSession | None = None,
) -> list[DayAccount]:
    """Load `days` local days from `first_day` on, in one pass; returns the account of each day switched to.

    With `archive` what Kafka held of the days is archived, too, after the switch. `spark` is used where given, else a
    session on `master` is started and stopped. Raises UserError when Kafka or ClickHouse does not answer, another
    nightly is at work or the source lacks a part of the days (before Spark starts), records do not add up, a
    day would lose some (both before anything is switched), or a disk is full.
    """
    period, started = period_of(settings, site, first_day, days), time.monotonic()
    begin = _stepper(progress)
    source = source_of(settings, period, wanted)
    with full_disk_told(), connect(settings, "loader") as client, nightly_lease(settings, client) as lease:
        begin("drop what a killed run left")
        drop_stale(client, site.estate.id)
        record_site(client, site, datetime.now(UTC))
        roll_up_missing(client, site.estate.id, site.estate.timezone)
        begin("start Spark")
        with session(settings, master, spark) as started_session:
            reading = Reading(settings, period, started_session, source)
            accounts = Nightly(settings, reading, client, lease, begin, fewer).load(started)
            begin("drop replaced days")
            drop_stale(client, site.estate.id)
            begin("archive")
            if archive and settings.archive_days and source.name == "kafka":
                archive_days(started_session, settings, site, period.dates, SystemClock())
        begin("done")
        return accounts


def source_of(settings: Settings, period: Period, wanted: Wanted) -> Source:
    """Where the period comes from. From the archive nothing is asked of Kafka, which may be away."""
    if wanted == "archive":
        return choose(settings, period, wanted, 0)
    admin(settings)
    return choose(settings, period, wanted, whole_since_ms(settings, NEEDED, SystemClock().now_ms()))


def _stepper(progress: Progress | None) -> Callable[[str], None]:
    def begin(step: str) -> None:
        if progress is not None:
            progress(step, STEPS.index(step), len(STEPS))

    return begin


@dataclass(frozen=True)
class Nightly:
    """One run over one period."""

    settings: Settings
    reading: Reading
    client: Client
    lease: Lease
    begin: Callable[[str], None]
    fewer: Fewer

    @property
    def period(self) -> Period:
        """The days that it loads."""
        return self.reading.period

    def load(self, started: float) -> list[DayAccount]:
        """Judge, load, check, switch."""
        load = Load(self.client, secrets.randbits(62), self.period.site.estate.id, self.period.dates)
        with self.reading.fated() as found:
            counted = self._count(found)
            self._write_all(found, load)
            self.begin("roll up")
            roll_up(self.client, load.estate_id, self.period.site.estate.timezone, load.ids)
            self.begin("check accounts")
            accounts = self._accounts(counted, load)
            check_accounts(accounts)
            return self._switch(self._not_losing(accounts, load), load, started)

    def _count(self, found: Fated) -> Fates:
        """Fates by day, after a second, separate look at the source has found as many records."""
        self.begin("judge records")
        counted = count_fates(found)
        self.begin("count records")
        self.reading.check(counted)
        return counted

    def _write_all(self, found: Fated, load: Load) -> None:
        """Write the load's rows of every table; nobody reads them yet."""
        self.begin("unpack crossings")
        with self.reading.crossings(found) as day_crossings:
            frames = self.reading.frames(found, day_crossings)
            frames["zone_minutes"].persist()  # `differences` are made of it, too
            try:
                for table in RECORD_TABLES:
                    self.begin(table)
                    rows = day_crossings.map_batches if table == "crossings" else frames[table].mapInArrow
                    self._write(rows, load, table)
            finally:
                frames["zone_minutes"].unpersist()

    def _write(self, rows: MapBatches, load: Load, table: str) -> None:
        writer, run, first = batch_writer(access(self.settings, "loader"), table), load.run, load.days[0]

        def write(batches: Batches) -> Iterator[pa.RecordBatch]:
            return writer(_of_load(batch, run, first) for batch in batches)

        written = sum(row.written for row in rows(write, "written long").collect())
        loaded = sum(load.rows(table).values())
        if written != loaded:
            raise UserError(
                f"{table}: {written} rows were sent but {loaded} arrived",
                "run the nightly again; nothing was changed",
            )

    def _accounts(self, counted: Fates, load: Load) -> list[DayAccount]:
        rows = {table: load.rows(table) for table in ("crossings", "alerts", "zone_minutes")}
        differing = load.differing_zone_minutes()
        hashes, refused = load.crossings_hash(), self.reading.streamed_dead_letters()
        return [
            DayAccount(
                day=day,
                **record_counts(counted.get(day, {})),
                streamed_dead_letters=refused.get(day, 0),
                **{table: by_day.get(day, 0) for table, by_day in rows.items()},
                differing_zone_minutes=differing.get(day, 0),
                content_hash=hashes.get(day, ""),
            )
            for day in self.period.dates
        ]

    def _not_losing(self, accounts: list[DayAccount], load: Load) -> list[DayAccount]:
        """The accounts of the days to switch to."""
        if self.fewer == "load":
            return accounts
        now = [*((a.day, DETECTIONS.name, a.valid) for a in accounts), *load.messages()]
        losing = losses(by_topic(load.standing()), by_topic(now))
        if losing and self.fewer == "refuse":
            raise UserError(
                "; ".join(f"{day} would lose: {said}" for day, said in losing.items()),
                "nothing was changed; `--from archive` loads what was archived, `--fewer` what there is now",
            )
        for day, said in losing.items():
            log.warning("the day would lose records and is left as it is", day=str(day), because=said)
        return [account for account in accounts if account.day not in losing]

    def _switch(self, accounts: list[DayAccount], load: Load, started: float) -> list[DayAccount]:
        self.begin("switch days")
        self.lease.check()
        seconds = (time.monotonic() - started) / self.period.days
        timed = [replace(account, seconds=round(seconds, 3)) for account in accounts]
        if not timed:
            return []
        load.switch([stored(account, load.estate_id, load.id(account.day)) for account in timed])
        return timed


def _of_load(batch: pa.RecordBatch, run: int, first: date) -> pa.RecordBatch:
    """The batch with its rows' load ids: `Load.id` of their days."""
    since_1970 = pc.cast(batch.column("day"), pa.int32())
    place = pc.subtract(pc.cast(since_1970, pa.int64()), (first - date(1970, 1, 1)).days)
    return batch.append_column("load_id", pc.add(place, run))
