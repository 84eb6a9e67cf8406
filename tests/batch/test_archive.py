"""The archive on real parts: what it holds is what Kafka held, and it tells when it no longer is."""

import shutil
import stat
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from batch.archive import MANIFEST, archive_days, archived_days, day_folder, drop_day, read_manifest, verify_day
from batch.nightly import run
from infra.clock import FakeClock
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
    create_topics,
    topic_name,
)
from tests.batch.feed import (
    DAY,
    NEXT,
    a_day,
    alert_state,
    at,
    crossing_envelopes,
    disposition,
    drop_all,
    envelope,
    message,
    minute_row,
    passage,
    poison,
    produce,
)
from tests.batch.test_nightly import contents
from tests.kafka_helpers import read_all
from warehouse.client import connect
from warehouse.migrate import migrate

BEFORE = DAY - timedelta(days=1)
AFTER = NEXT + timedelta(days=1)
LATER = FakeClock(at("00:00:00", AFTER + timedelta(days=1)))


@pytest.fixture
def fed(fresh: Settings, site: Site, tmp_path: Path) -> Settings:
    """Two days of everything: copies, poison, late ones, a crossing that straddles midnight."""
    settings = fresh.model_copy(update={"archive": tmp_path / "archive"})
    migrate(settings, (site.estate.id,))
    sent = [message(one) for day in (DAY, NEXT) for one in a_day(site, day, 60)]
    straddling = [
        message(one)
        for day in (BEFORE, DAY)
        for one in crossing_envelopes("gate_north", "cam_gate_north", ["estate"], at("23:59:59.95", day), 900_000)
    ]
    in_grace = message(envelope("cam_plaza", "plaza", 800_000, at("23:00:00")), at("00:30:00", NEXT))
    too_late = message(envelope("cam_plaza", "plaza", 800_001, at("22:00:00")), at("05:00:00", NEXT))
    produce(settings, DETECTIONS, [*sent, *straddling, in_grace, too_late, *sent[:7], *poison(DAY)])
    noon = at("12:00:00")
    produce(settings, OCCUPANCY, [minute_row("plaza", noon, 1, 0), minute_row("plaza", noon, 2, 0, revision=2)])
    produce(settings, ALERTS, [alert_state(noon, 1), alert_state(noon, 2, at("12:00:00", NEXT))])
    produce(settings, GATE_PASSAGES, [passage(1, noon), passage(2, at("12:00:00", NEXT))])
    produce(settings, DISPOSITIONS, [disposition(noon)])
    produce(settings, DEAD_LETTERS, [("k", b"{", noon)], {"source_topic": topic_name(DETECTIONS, settings)})
    return settings


@pytest.mark.stack
def test_a_nightly_from_the_archive_gives_the_same_rows(fed: Settings, site: Site, spark: SparkSession) -> None:
    run(fed, site, DAY, 2, spark=spark)
    archive_days(spark, fed, site, [DAY, NEXT, AFTER], LATER)
    assert archived_days(fed, site) == [BEFORE, DAY, NEXT, AFTER]
    other = fed.model_copy(update={"clickhouse_database": f"{fed.clickhouse_database}_again", "kafka": "127.0.0.1:1"})
    migrate(other, (site.estate.id,))
    run(other, site, DAY, 2, wanted="archive", spark=spark)
    with connect(fed, "migrator") as one, connect(other, "migrator") as two:
        wanted, found = contents(one), contents(two)
        assert found == wanted
        assert {name for name, rows in wanted.items() if not rows} <= {"visitors", "visitor_counts"}
        two.execute(f"DROP DATABASE {other.clickhouse_database}")


@pytest.mark.stack
def test_it_holds_each_record_of_kafka_once_in_few_private_files(
    fed: Settings, site: Site, spark: SparkSession
) -> None:
    written = archive_days(spark, fed, site, [DAY, NEXT], LATER)
    held: dict[str, list[tuple[bytes | None, bytes | None, int]]] = {}
    for manifest in written:
        folder = day_folder(fed, site, manifest.day)
        for file in manifest.files:
            rows = pq.read_table(folder / file.name).to_pylist()
            assert len(rows) == file.records
            held.setdefault(file.topic, []).extend((row["key"], row["value"], row["kafka_ms"]) for row in rows)
            assert stat.S_IMODE((folder / file.name).stat().st_mode) == 0o600
        assert len(manifest.files) <= fed.partitions + 5
    for topic in (DETECTIONS, OCCUPANCY, ALERTS, GATE_PASSAGES, DISPOSITIONS, DEAD_LETTERS):
        sent = [(one.key(), one.value(), one.timestamp()[1]) for one in read_all(fed, topic)]
        assert sorted(held[topic.name], key=repr) == sorted(sent, key=repr)


@pytest.mark.stack
def test_written_again_it_is_the_same_and_one_flipped_byte_is_found(
    fed: Settings, site: Site, spark: SparkSession
) -> None:
    before = archive_days(spark, fed, site, [DAY], LATER)
    assert archive_days(spark, fed, site, [DAY], LATER) == before[1:]
    folder = day_folder(fed, site, DAY)
    assert verify_day(fed, site, DAY) == []
    assert not list(folder.parent.glob(".writing*"))
    for file in read_manifest(folder).files:
        path = folder / file.name
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
        assert [problem.split(" was changed")[0] for problem in verify_day(fed, site, DAY)] == [str(path)]
        path.write_bytes(whole)
    manifest = folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"records": 1,', b'"records": 2,', 1))
    assert [str(manifest) in problem for problem in verify_day(fed, site, DAY)] == [True]


@pytest.mark.stack
def test_a_day_is_not_replaced_by_fewer_records(fed: Settings, site: Site, spark: SparkSession) -> None:
    before = archive_days(spark, fed, site, [DAY], LATER)
    anew = fed.model_copy(update={"topic_prefix": f"{fed.topic_prefix}anew."})
    create_topics(anew)
    assert archive_days(spark, anew, site, [DAY], LATER) == before[1:]
    assert verify_day(fed, site, DAY) == []
    produce(fed, DISPOSITIONS, [disposition(at("13:00:00"))])
    (more,) = archive_days(spark, fed, site, [DAY], LATER)
    assert more.records == before[1].records + 1
    assert verify_day(fed, site, DAY) == []


@pytest.mark.stack
def test_what_kafka_dropped_comes_from_the_archive_and_a_hole_is_told(
    fed: Settings, site: Site, spark: SparkSession
) -> None:
    accounts = run(fed, site, DAY, 2, spark=spark)
    archive_days(spark, fed, site, [DAY, NEXT, AFTER], LATER)
    for topic in (DETECTIONS, OCCUPANCY):
        drop_all(fed, topic)
    with connect(fed, "migrator") as client:
        before = contents(client)
        again = run(fed, site, DAY, 2, spark=spark)
        assert contents(client) == before
    assert [a.content_hash for a in again] == [a.content_hash for a in accounts]
    folder = day_folder(fed, site, NEXT)
    shutil.move(folder / next(file.name for file in read_manifest(folder).files), folder.parent / "elsewhere")
    with pytest.raises(UserError, match=r"the archive is damaged: .* is missing"):
        run(fed, site, DAY, 2, spark=spark)
    drop_day(fed, site, NEXT)
    with pytest.raises(UserError, match=f"the archive lacks {NEXT}"):
        run(fed, site, DAY, 2, spark=spark)


@pytest.mark.stack
def test_a_day_that_is_not_over_is_not_archived(fed: Settings, site: Site, spark: SparkSession) -> None:
    clock = FakeClock(at("23:59:59", NEXT))
    assert [one.day for one in archive_days(spark, fed, site, [DAY, NEXT], clock)] == [BEFORE, DAY]
    assert archived_days(fed, site) == [BEFORE, DAY]
    assert isinstance(read_manifest(day_folder(fed, site, DAY)).day, date)
