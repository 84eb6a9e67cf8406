"""The nightly on real Kafka, Spark and ClickHouse, against counts made in plain Python."""

from collections import Counter, defaultdict
from datetime import date
from typing import Final

import pytest
from clickhouse_driver import Client
from pyspark.sql import SparkSession

from batch.accounting import DayAccount
from batch.nightly import run
from infra.clock import local_day
from infra.errors import UserError
from infra.events import Envelope
from infra.settings import Settings
from infra.site import Site
from infra.topics import (
    ALERTS,
    DEAD_LETTERS,
    DETECTIONS,
    DISPOSITIONS,
    GATE_PASSAGES,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_TIMESTAMP,
    HEADER_TOPIC,
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
    crossings_per_day,
    disposition,
    envelope,
    message,
    minute_row,
    passage,
    poison,
    produce,
)
from tests.batch.recovery import ACCOUNTS
from warehouse.access import LOAD_TABLES
from warehouse.client import ask, connect
from warehouse.lease import nightly_lease
from warehouse.migrate import migrate

HOUR_MS: Final = 3_600_000
LAST_MINUTES: Final = """
SELECT camera_id, count(), argMax((fps, decode_errors, dropped, thinned), minute)
FROM camera_minutes WHERE day = {d:Date} GROUP BY camera_id ORDER BY camera_id
"""
SIBLINGS: Final = ("building_1",)


@pytest.fixture
def warehouse(fresh: Settings, site: Site) -> Settings:
    """A migrated database and empty topics."""
    migrate(fresh, (site.estate.id,))
    return fresh


def contents(client: Client) -> dict[str, list[tuple[object, ...]]]:
    """Everything in every table, without the times of loading."""
    found = {table: client.execute(f"SELECT * FROM {table} ORDER BY ALL") for table in LOAD_TABLES}
    return found | {"nightly_accounting": client.execute(ACCOUNTS)}


def lost_by_hand(envelopes: list[Envelope], site: Site) -> list[tuple[object, ...]]:
    """Numbers skipped between the first and the last of each day, run and zone, summed by day and camera."""
    numbers: dict[tuple[date, str, str, str], set[int]] = defaultdict(set)
    for one in envelopes:
        numbers[local_day(one.start_ms, site.tz), one.camera_id, one.boot_id, one.zone_id].add(one.seq)
    lost: Counter[tuple[date, str]] = Counter()
    for (day, camera, _, _), came in numbers.items():
        lost[day, camera] += len(set(range(min(came), max(came) + 1)) - came)
    return [(day, camera, number) for (day, camera), number in sorted(lost.items()) if number]


@pytest.mark.stack
def test_every_record_is_accounted_for_and_a_second_run_changes_nothing(
    warehouse: Settings, site: Site, spark: SparkSession
) -> None:
    first, second = a_day(site, DAY, 400), a_day(site, NEXT, 300)
    straddling = crossing_envelopes("gate_north", "cam_gate_north", ["estate"], at("23:59:59.95"), 900_000)
    sent = [message(one) for one in (*first, *second, *straddling)]
    copies = [message(one, one.start_ms + 30_000) for one in first[:25]]
    came_late = envelope("cam_plaza", "plaza", 800_000, at("23:00:00"))
    in_grace = message(came_late, at("00:30:00", NEXT))
    too_late = message(envelope("cam_plaza", "plaza", 800_001, at("22:00:00")), at("05:00:00", NEXT))
    produce(warehouse, DETECTIONS, [*sent, *copies, copies[0], in_grace, too_late, *poison(DAY)])

    accounts = run(warehouse, site, DAY, 3, spark=spark)

    counted = crossings_per_day([*first, *second, *straddling])
    assert [figures(a) for a in accounts] == [
        (len(first) + 1 + 26 + 1 + 8, len(first) + 1 + 1, 26, 8, 0, counted[DAY]),
        (len(second), len(second), 0, 0, 1, counted[NEXT]),
        (0, 0, 0, 0, 0, 0),
    ]
    with connect(warehouse, "migrator") as client:
        rows = client.execute("SELECT day, count() FROM crossings GROUP BY day ORDER BY day")
        assert dict(rows) == counted
        told = client.execute(LAST_MINUTES, {"d": DAY})
        assert told == [(camera, 5, (25.0, 0 + 1, 8 + 10, 4 + 5)) for camera in sorted(site.camera)]
        names = client.execute("SELECT device_id, name FROM devices FINAL")
        known = {camera.id: camera.name for camera in site.cameras} | {gate.id: gate.name for gate in site.gates}
        assert dict(names) == known
        lost = ask(client, "lost_by_camera", estate=site.estate.id, first=DAY, last=NEXT)
        assert [row[:3] for row in lost] == lost_by_hand([*first, *second, *straddling, came_late], site)
        before = contents(client)
        assert run(warehouse, site, DAY, 3, spark=spark)[0].content_hash == accounts[0].content_hash
        assert contents(client) == before
        run(warehouse, site, NEXT, 1, spark=spark)  # the same day alone gives the same rows
        assert contents(client) == before
        assert loads(client) <= set(client.execute("SELECT load_id FROM nightly_accounting FINAL"))


def loads(client: Client) -> set[tuple[object, ...]]:
    """Every load that any table holds rows of."""
    return {row for table in LOAD_TABLES for row in client.execute(f"SELECT DISTINCT load_id FROM {table}")}


def figures(account: DayAccount) -> tuple[int, ...]:
    """The numbers of an account that a test can foresee."""
    counts = (account.raw, account.valid, account.duplicates, account.dead_letters, account.late)
    return (*counts, account.crossings)


@pytest.mark.stack
def test_stream_and_batch_meet_in_the_zone_minutes(warehouse: Settings, site: Site, spark: SparkSession) -> None:
    noon = at("12:00:00")
    produce(warehouse, DETECTIONS, [message(e) for e in crossing_envelopes("door_1", "cam_door_1", SIBLINGS, noon, 1)])
    produce(
        warehouse,
        OCCUPANCY,
        [
            minute_row("building_1", noon, 0, 0),
            minute_row("building_1", noon, 1, 0, revision=2),
            minute_row("plaza", noon, 3, 0),
        ],
    )
    produce(warehouse, ALERTS, [alert_state(noon, 1), alert_state(noon, 2, noon + 30 * HOUR_MS)])
    produce(warehouse, GATE_PASSAGES, [passage(1, noon), passage(1, noon), passage(2, noon), ("k", b"{", noon)])
    produce(warehouse, DISPOSITIONS, [disposition(noon), disposition(noon)])
    refused: dict[str, str | bytes | None] = {
        HEADER_TOPIC: topic_name(DETECTIONS, warehouse),
        HEADER_PARTITION: "0",
        HEADER_OFFSET: "7",
    }
    produce(warehouse, DEAD_LETTERS, [("k", b"{", noon)] * 2, refused | {HEADER_TIMESTAMP: str(noon)})

    (account,) = run(warehouse, site, DAY, spark=spark)

    assert (account.alerts, account.zone_minutes, account.differing_zone_minutes) == (1, 2, 1)
    assert account.streamed_dead_letters == 1
    with connect(warehouse, "migrator") as client:
        minutes = client.execute(
            "SELECT zone_id, ins, outs, batch_ins, batch_outs, revision, visible FROM zone_minutes ORDER BY zone_id"
        )
        assert minutes == [("building_1", 1, 0, 1, 0, 2, 2), ("plaza", 3, 0, 0, 0, 1, None)]
        alert = "SELECT status, toUnixTimestamp64Milli(published_time), measured, evidence, revision FROM alerts"
        assert client.execute(alert) == [("closed", noon + 500, {"persons": 1.0}, ["e1", "e2"], 2)]
        assert client.execute("SELECT count(), uniq(passage_id) FROM gate_passages") == [(2, 2)]
        assert client.execute("SELECT said_by, verdict FROM dispositions") == [("guard_3", "true")]


@pytest.mark.stack
def test_a_day_that_would_lose_records_is_left_as_it_is(warehouse: Settings, site: Site, spark: SparkSession) -> None:
    produce(warehouse, DETECTIONS, [message(one) for day in (DAY, NEXT) for one in a_day(site, day, 30)])
    produce(warehouse, GATE_PASSAGES, [passage(1, at("12:00:00"))])
    run(warehouse, site, DAY, 2, spark=spark)
    anew = warehouse.model_copy(update={"topic_prefix": f"{warehouse.topic_prefix}anew."})
    create_topics(anew)  # Kafka has lost the first day, and knows more of the second
    produce(anew, DETECTIONS, [message(one) for one in a_day(site, NEXT, 31)])
    fewer = {camera for camera in site.camera if camera != "cam_plaza"}
    smaller = site.model_copy(update={"cameras": tuple(one for one in site.cameras if one.id in fewer)})
    with connect(warehouse, "migrator") as client:
        before = client.execute(ACCOUNTS)
        with pytest.raises(UserError, match=f"{DAY} would lose: detections: .*; {NEXT} would lose: detections: "):
            run(warehouse, smaller, DAY, 2, spark=spark)
        assert client.execute(ACCOUNTS) == before
        (account,) = run(anew, site, DAY, 2, fewer="leave", spark=spark)
        assert (account.day, account.valid) == (NEXT, len(a_day(site, NEXT, 31)))
        stand = "SELECT day, valid FROM nightly_accounting FINAL ORDER BY day"
        assert client.execute(stand) == [(DAY, len(a_day(site, DAY, 30))), (NEXT, account.valid)]
        assert client.execute("SELECT count() FROM gate_passages") == [(1,)]
        assert run(anew, site, DAY, fewer="leave", spark=spark) == []
        run(anew, site, DAY, fewer="load", spark=spark)
        assert client.execute(stand) == [(DAY, 0), (NEXT, account.valid)]


@pytest.mark.stack
def test_an_empty_day_clears_what_stood_there(warehouse: Settings, site: Site, spark: SparkSession) -> None:
    with connect(warehouse, "loader") as client:
        client.execute(
            "INSERT INTO crossings (estate_id, day, crossing_id) VALUES",
            [("demo_garden", DAY, "old"), ("elsewhere", DAY, "kept")],
        )
        client.execute("INSERT INTO nightly_accounting (estate_id, day) VALUES", [("demo_garden", DAY)])
        with nightly_lease(warehouse, client), pytest.raises(UserError, match="another nightly is at work"):
            run(warehouse, site, DAY, spark=spark)
        assert client.execute("SELECT count() FROM crossings") == [(2,)]
    (account,) = run(warehouse, site, DAY, spark=spark)
    assert figures(account) == (0, 0, 0, 0, 0, 0)
    with connect(warehouse, "migrator") as client:
        assert client.execute("SELECT estate_id FROM crossings") == [("elsewhere",)]


def test_kafka_that_does_not_answer_is_said_before_spark_starts(
    tmp_path_factory: pytest.TempPathFactory, site: Site
) -> None:
    settings = Settings(home=tmp_path_factory.mktemp("home"), kafka="127.0.0.1:1")
    with pytest.raises(UserError, match=r"127\.0\.0\.1:1"):
        run(settings, site, DAY)
