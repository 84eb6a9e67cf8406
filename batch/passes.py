"""More than one pass of the nightly: over many days, again over those that changed, or only saying what it would do.

Each pass loads consecutive days from one source and is switched to by itself, so after a kill what was done stays done.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import msgspec
from clickhouse_driver import Client
from msgspec import Struct
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.accounting import record_counts
from batch.archive import Manifest, archive_days, archived_days
from batch.days import period_of
from batch.kafka import whole_since_ms
from batch.messages import Inputs, changed, inputs
from batch.reading import Reading, count_fates, session
from batch.source import NEEDED, KafkaSource, SourceName, Wanted, choose
from batch.spark import LOCAL_MASTER
from infra.clock import Clock, SystemClock, local_day
from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DISPOSITIONS, admin
from warehouse.client import ask, connect
from warehouse.lease import nightly_lease

PASS_DAYS: Final = 16
TOLD_LATER: Final = (ALERTS, DISPOSITIONS)


@dataclass(frozen=True)
class Pass:
    """Consecutive days that are loaded together, and where they come from."""

    first: date
    days: int
    source: SourceName

    @property
    def dates(self) -> list[date]:
        """Its days in order."""
        return [self.first + timedelta(days=n) for n in range(self.days)]


class DayPlan(Struct, frozen=True, kw_only=True):
    """What a nightly would do with one day."""

    day: date
    source: SourceName
    loaded: bool
    raw: int
    valid: int
    duplicates: int
    dead_letters: int
    late: int
    rows: dict[str, int]  # by table


def days_between(first: date, last: date) -> list[date]:
    """The days from `first` to `last`. Raises UserError when there are none."""
    if last < first:
        raise UserError(f"no days from {first} to {last}", "give the earlier day first")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def last_days(number: int, clock: Clock, site: Site) -> list[date]:
    """The last `number` local days that have ended."""
    today = local_day(clock.now_ms(), site.tz)
    return [today - timedelta(days=n) for n in range(number, 0, -1)]


def passes(days: Sequence[tuple[date, SourceName]], longest: int = PASS_DAYS) -> list[Pass]:
    """Days in order, each with its source, as passes of consecutive days of one source, none longer than `longest`."""
    spans: list[list[tuple[date, SourceName]]] = [[days[0]]] if days else []
    for (before, one), (day, other) in pairwise(days):
        if day - before == timedelta(days=1) and one == other and len(spans[-1]) < longest:
            spans[-1].append((day, other))
        else:
            spans.append([(day, other)])
    return [Pass(span[0][0], len(span), span[0][1]) for span in spans]


def sourced(
    settings: Settings, site: Site, days: Iterable[date], wanted: Wanted, clock: Clock
) -> tuple[list[tuple[date, SourceName]], list[str]]:
    """Each day that can be loaded whole with its source; and what is said of those that cannot."""
    found: list[tuple[date, SourceName]] = []
    lacking: list[str] = []
    if wanted != "archive":
        admin(settings)
    since_ms = 0 if wanted == "archive" else whole_since_ms(settings, NEEDED, clock.now_ms())
    for day in days:
        try:
            found.append((day, choose(settings, period_of(settings, site, day, 1), wanted, since_ms).name))
        except UserError as error:
            lacking.append(error.problem)
    return found, lacking


def changed_days(
    settings: Settings,
    site: Site,
    todo: Sequence[Pass],
    *,
    master: str = LOCAL_MASTER,
    spark: SparkSession | None = None,
) -> dict[date, str]:
    """Of the passes' days those that are not loaded, or were made of other records than there are now; and why."""
    why: dict[date, str] = {}
    with session(settings, master, spark) as started, connect(settings, "analyst") as client:
        for one in todo:
            found = _reading(settings, site, one, started).inputs()
            loaded, known = _loaded_inputs(client, site, one.dates), _days_loaded(client, site, one.dates)
            why |= changed(one.dates, found, loaded, known)
    return why


def told_later(
    settings: Settings,
    site: Site,
    before: date,
    *,
    master: str = LOCAL_MASTER,
    spark: SparkSession | None = None,
) -> list[date]:
    """The loaded days of the `archive_days` before `before` of which more was told since, in order.

    As when an alert closes weeks after it opened, or somebody says late what it was. Nothing else of the days is read.
    """
    if not settings.archive_days:
        return []
    period = period_of(settings, site, before - timedelta(days=settings.archive_days), settings.archive_days)
    with session(settings, master, spark) as started, connect(settings, "analyst") as client:
        found = Reading(settings, period, started, KafkaSource(settings)).message_inputs(TOLD_LATER)
        loaded, known = _loaded_inputs(client, site, period.dates), _days_loaded(client, site, period.dates)
    return more_told(known, found, loaded)


def more_told(known: Iterable[date], found: Inputs, loaded: Inputs) -> list[date]:
    """The days of `known`, in order, of which there are more records of a topic than were loaded."""
    return [
        day
        for day in sorted(known)
        if any(
            records > loaded.get(day, {}).get(topic, (0, 0))[0] for topic, (records, _) in found.get(day, {}).items()
        )
    ]


def archive_missing(
    settings: Settings,
    site: Site,
    days: Sequence[date],
    *,
    master: str = LOCAL_MASTER,
    spark: SparkSession | None = None,
) -> list[date]:
    """Archive those of the days that a run which failed after its switch has not; returns them."""
    missing = sorted(set(days) - set(archived_days(settings, site)))
    if not missing:
        return []
    asked = days_between(missing[0], missing[-1])
    return [manifest.day for manifest in archive_alone(settings, site, asked, master=master, spark=spark)]


def archive_alone(
    settings: Settings,
    site: Site,
    days: Sequence[date],
    *,
    master: str = LOCAL_MASTER,
    spark: SparkSession | None = None,
) -> list[Manifest]:
    """Archive consecutive days without loading them, while no nightly is at work."""
    with (
        connect(settings, "loader") as client,
        nightly_lease(settings, client),
        session(settings, master, spark) as started,
    ):
        return archive_days(started, settings, site, days, SystemClock())


def plan(
    settings: Settings,
    site: Site,
    todo: Sequence[Pass],
    *,
    master: str = LOCAL_MASTER,
    spark: SparkSession | None = None,
) -> list[DayPlan]:
    """What the passes would load, by day: read, judged and counted as in earnest, but nothing is written."""
    planned: list[DayPlan] = []
    with session(settings, master, spark) as started, connect(settings, "analyst") as client:
        for one in todo:
            planned += _planned(_reading(settings, site, one, started), _days_loaded(client, site, one.dates))
    return planned


def _loaded_inputs(client: Client, site: Site, days: Sequence[date]) -> Inputs:
    """What consecutive days were loaded from."""
    rows = ask(client, "loaded_inputs", estate=site.estate.id, first=days[0], last=days[-1])
    return inputs(msgspec.convert(rows, list[tuple[date, str, int, int]]))


def _days_loaded(client: Client, site: Site, days: Sequence[date]) -> set[date]:
    """Which of consecutive days are loaded."""
    rows = ask(client, "days_loaded", estate=site.estate.id, first=days[0], last=days[-1])
    return {day for (day,) in msgspec.convert(rows, list[tuple[date]])}


def _reading(settings: Settings, site: Site, one: Pass, spark: SparkSession) -> Reading:
    period = period_of(settings, site, one.first, one.days)
    return Reading(settings, period, spark, choose(settings, period, one.source, 0))


def _planned(reading: Reading, known: set[date]) -> list[DayPlan]:
    with reading.fated() as found, reading.crossings(found) as day_crossings:
        counted = count_fates(found)
        reading.check(counted)
        frames = {"crossings": day_crossings.rows(), **reading.frames(found, day_crossings)}
        rows = {table: _rows(frame) for table, frame in frames.items()}
    return [
        DayPlan(
            day=day,
            source=reading.source.name,
            loaded=day in known,
            **record_counts(counted.get(day, {})),
            rows={table: by_day.get(day, 0) for table, by_day in rows.items()},
        )
        for day in reading.period.dates
    ]


def _rows(frame: DataFrame) -> dict[date, int]:
    return {row.day: row.rows for row in frame.groupBy("day").agg(F.count("*").alias("rows")).collect()}
