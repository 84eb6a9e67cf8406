"""Which days a nightly loads, in which passes, from where; pure, and once on real parts."""

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from clickhouse_driver import Client
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from batch.archive import archived_days
from batch.kafka import Kept, whole_since
from batch.messages import changed
from batch.nightly import STEPS, run
from batch.passes import (
    Pass,
    archive_missing,
    changed_days,
    days_between,
    last_days,
    more_told,
    passes,
    plan,
    sourced,
    told_later,
)
from batch.progress import remaining_s, share_done
from batch.source import SourceName
from infra.clock import DAY_MS, FakeClock, SystemClock
from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES
from tests.batch.feed import DAY, NEXT, a_day, alert_state, at, disposition, drop_all, message, passage, produce
from tests.batch.test_nightly import contents
from warehouse.access import RECORD_TABLES
from warehouse.client import connect
from warehouse.migrate import migrate

SOURCES: tuple[SourceName, ...] = ("kafka", "archive")


@given(
    st.lists(
        st.tuples(st.dates(date(2026, 1, 1), date(2026, 3, 1)), st.sampled_from(SOURCES)), unique_by=lambda d: d[0]
    ),
    st.integers(1, 20),
)
def test_passes_hold_each_day_once_in_runs_of_one_source(days: list[tuple[date, SourceName]], longest: int) -> None:
    days.sort()
    made = passes(days, longest)
    assert [(day, one.source) for one in made for day in one.dates] == days
    assert all(one.days <= longest for one in made)
    for before, after in pairwise(made):
        goes_on = before.dates[-1] + timedelta(days=1) == after.first and before.source == after.source
        assert not goes_on or before.days == longest


def test_days_asked_for(site: Site) -> None:
    assert days_between(DAY, NEXT) == [DAY, NEXT]
    with pytest.raises(UserError, match="no days"):
        days_between(NEXT, DAY)
    assert last_days(2, FakeClock(at("00:00:00", NEXT)), site) == [DAY - timedelta(days=1), DAY]
    assert last_days(1, FakeClock(at("23:59:59", NEXT)), site) == [DAY]


def test_what_kafka_holds_whole_is_decided_by_what_it_dropped() -> None:
    now, week = 100 * DAY_MS, 7
    never = Kept(0, False, 3 * DAY_MS)
    assert whole_since([never], week, now) == 0
    assert whole_since([never, Kept(1, True, 5 * DAY_MS)], week, now) == 5 * DAY_MS
    assert whole_since([Kept(0, True, 99 * DAY_MS)], week, now) == 93 * DAY_MS  # quiet, but younger is never dropped
    assert whole_since([Kept(0, True, None)], week, now) == 93 * DAY_MS
    assert whole_since([Kept(0, True, None)], None, now) == now


def test_a_day_is_changed_where_other_records_made_it() -> None:
    days = [DAY, NEXT, NEXT + timedelta(days=1)]
    same = {"detections": (5, 77)}
    loaded = {DAY: same, NEXT: {"detections": (5, 77)}}
    found = {DAY: same, NEXT: {"detections": (5, 78)}, days[2]: same}
    assert changed(days, found, loaded, {DAY, NEXT}) == {
        days[2]: "not loaded yet",
        NEXT: "detections: 5 records loaded, 5 now",
    }
    assert changed([DAY], {DAY: same | {"alerts": (1, 1)}}, loaded, {DAY}) == {DAY: "alerts: 0 records loaded, 1 now"}
    assert changed([DAY], {}, {}, {DAY}) == {}


def test_more_was_told_of_a_day_where_a_topic_has_more_records() -> None:
    third = NEXT + timedelta(days=1)
    loaded = {DAY: {"detections": (5, 7), "alerts": (2, 8)}, NEXT: {"alerts": (2, 8)}}
    found = {DAY: {"alerts": (2, 9)}, NEXT: {"alerts": (1, 9), "dispositions": (1, 9)}, third: {"alerts": (1, 1)}}
    assert more_told({NEXT, DAY}, found, loaded) == [NEXT]
    assert more_told({third, DAY}, found, {}) == [DAY, third]


def test_the_share_that_is_done_only_grows_and_ends_whole() -> None:
    shares = [share_done(step, number, 3) for number in range(3) for step in STEPS[:-1]]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert share_done("done", 2, 3) == pytest.approx(1)
    assert remaining_s(30, 0.75) == pytest.approx(10)
    assert remaining_s(30, 0) is None


@pytest.fixture
def loaded(fresh: Settings, site: Site, spark: SparkSession) -> Settings:
    """Two days, the first of them loaded."""
    migrate(fresh, (site.estate.id,))
    produce(fresh, DETECTIONS, [message(one) for day in (DAY, NEXT) for one in a_day(site, day, 50)])
    produce(fresh, GATE_PASSAGES, [passage(1, at("12:00:00"))])
    run(fresh, site, DAY, spark=spark)
    return fresh


def everything(client: Client) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, whatever load they are of, and all leases."""
    tables = [name for (name,) in client.execute("SHOW TABLES")]
    return {name: client.execute(f"SELECT * FROM {name} ORDER BY ALL") for name in tables}


@pytest.mark.stack
def test_a_dry_run_says_what_a_run_does_and_writes_nothing(
    loaded: Settings, site: Site, spark: SparkSession, tmp_path: Path
) -> None:
    own = loaded.model_copy(update={"archive": tmp_path / "archive"})
    with connect(own, "migrator") as client:
        client.execute("OPTIMIZE TABLE nightly_leases FINAL")  # else a merge of its versions could come in between
        before = everything(client)
        first, second = plan(own, site, [Pass(DAY, 2, "kafka")], spark=spark)
        assert everything(client) == before
    assert not own.archive_folder().exists()
    assert (first.loaded, second.loaded, first.source) == (True, False, "kafka")
    accounts = run(own, site, DAY, 2, spark=spark)
    for planned, account in zip((first, second), accounts, strict=True):
        names = ("day", "raw", "valid", "duplicates", "dead_letters", "late")
        assert [getattr(planned, name) for name in names] == [getattr(account, name) for name in names]
    with connect(own, "migrator") as client:
        for table in RECORD_TABLES:
            counted = dict(client.execute(f"SELECT day, count() FROM {table} GROUP BY day"))
            assert {one.day: one.rows[table] for one in (first, second) if one.rows[table]} == counted, table


@pytest.mark.stack
def test_only_what_changed_is_loaded_again(loaded: Settings, site: Site, spark: SparkSession) -> None:
    both = [Pass(DAY, 2, "kafka")]
    assert changed_days(loaded, site, both, spark=spark) == {NEXT: "not loaded yet"}
    run(loaded, site, NEXT, spark=spark)
    assert changed_days(loaded, site, both, spark=spark) == {}
    produce(loaded, DISPOSITIONS, [disposition(at("13:00:00"))])
    replayed = a_day(site, NEXT, 51)[-1]
    produce(loaded, DETECTIONS, [message(replayed)])
    assert changed_days(loaded, site, both, spark=spark) == {
        DAY: "dispositions: 0 records loaded, 1 now",
        NEXT: "detections: 98 records loaded, 99 now",
    }


@pytest.mark.stack
def test_what_is_told_weeks_later_has_its_day_loaded_again(loaded: Settings, site: Site, spark: SparkSession) -> None:
    later = NEXT + timedelta(days=20)
    produce(loaded, ALERTS, [alert_state(at("13:00:00"), 1), alert_state(at("13:00:00", NEXT), 1)])
    assert told_later(loaded, site, later, spark=spark) == [DAY]  # the next day is not loaded at all
    assert told_later(loaded, site, DAY, spark=spark) == []
    produce(loaded, ALERTS, [alert_state(at("13:00:00"), 2, at("13:00:00", later))])
    run(loaded, site, DAY, spark=spark)
    assert told_later(loaded, site, later, spark=spark) == []
    with connect(loaded, "analyst") as client:
        assert client.execute("SELECT status FROM alerts") == [("closed",)]


@pytest.mark.stack
def test_what_was_not_archived_is(loaded: Settings, site: Site, spark: SparkSession, tmp_path: Path) -> None:
    own = loaded.model_copy(update={"archive": tmp_path / "archive"})
    wanted = [DAY - timedelta(days=1), DAY, NEXT]
    assert archive_missing(own, site, [DAY, NEXT], spark=spark) == wanted
    assert archived_days(own, site) == wanted
    assert archive_missing(own, site, [DAY, NEXT], spark=spark) == []


@pytest.mark.stack
def test_a_day_that_kafka_has_half_dropped_is_not_loaded_over_the_whole_one(
    loaded: Settings, site: Site, spark: SparkSession
) -> None:
    run(loaded, site, DAY, 2, spark=spark)
    drop_all(loaded, DETECTIONS)
    produce(loaded, DETECTIONS, [message(one) for one in a_day(site, NEXT, 50)])
    with connect(loaded, "migrator") as client:
        before = contents(client)
        with pytest.raises(
            UserError, match=r"cannot be loaded whole: Kafka has dropped a part; the archive lacks 2026"
        ):
            run(loaded, site, DAY, 2, spark=spark)
        assert contents(client) == before
    found, lacking = sourced(loaded, site, [DAY, date(2026, 3, 20)], "auto", SystemClock())
    assert found == [(date(2026, 3, 20), "kafka")]
    assert len(lacking) == 1
