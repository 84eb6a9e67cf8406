"""Day tokens on real Kafka, Spark and ClickHouse: loaded where nobody reads them, counted as brute force does."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from clickhouse_driver.errors import ServerException
from pyspark.sql import SparkSession

from batch.nightly import run
from infra.events import Envelope, Visitors
from infra.settings import Settings
from infra.site import Site
from infra.topics import DETECTIONS
from tests.batch.feed import ESTATE, at, day_of, envelope, message, produce
from warehouse.client import Role, ask, connect
from warehouse.migrate import migrate

CAMERAS = (("cam_plaza", "plaza"), ("cam_gate_north", "estate"), ("cam_gate_west", "estate"))
LAST = datetime.now(UTC).date() - timedelta(days=2)
FIRST = LAST - timedelta(days=1)
LONG_AGO = LAST - timedelta(days=60)

Pass = tuple[date, str, str, int, str]  # day, zone, camera, track, token
COUNT_READERS: tuple[Role, ...] = ("office", "analyst")


def a_day_of_visitors(day: date, seed: int) -> list[Envelope]:
    """Sixty slices of one to three tracks each, told by three cameras; the last lies at the very end of the day."""
    chance = random.Random(seed)
    sent = []
    for n in range(60):
        camera, zone = chance.choice(CAMERAS)
        start_ms = at("23:59:59", day) if n == 59 else at("06:00:00", day) + n * 600_000
        tracks = list(range(3 * n, 3 * n + chance.randint(1, 3)))
        told = Visitors(
            event_ms=[start_ms + 999] * len(tracks),
            track_id=tracks,
            token=[f"v{chance.randint(1, 25):02}{day:%d}" for _ in tracks],
        )
        sent.append(envelope(camera, zone, n, start_ms, visitors=told))
    return sent


def passes(sent: list[Envelope]) -> set[Pass]:
    """The oracle's rows: each track once."""
    return {
        (day_of(event_ms), one.zone_id, one.camera_id, track, token)
        for one in sent
        if one.visitors
        for event_ms, track, token in zip(one.visitors.event_ms, one.visitors.track_id, one.visitors.token, strict=True)
    }


def counted(rows: set[Pass]) -> list[tuple[object, ...]]:
    """Unique and returning visitors, passes and passes per visitor by day and zone, the whole estate first."""
    found: list[tuple[object, ...]] = []
    for day in sorted({row[0] for row in rows}):
        for zone in ("", *sorted({row[1] for row in rows if row[0] == day})):
            times = Counter(row[4] for row in rows if row[0] == day and zone in ("", row[1]))
            again = sum(number > 1 for number in times.values())
            found.append((day, zone, len(times), again, times.total(), times.total() / len(times)))
    return found


@pytest.mark.stack
def test_visitors_are_counted_and_their_tokens_shown_to_nobody(
    fresh: Settings, site: Site, spark: SparkSession
) -> None:
    migrate(fresh, (ESTATE,))
    sent = [*a_day_of_visitors(FIRST, 1), *a_day_of_visitors(LAST, 2)]
    old = a_day_of_visitors(LONG_AGO, 3)
    produce(fresh, DETECTIONS, [message(one) for one in (*sent, *sent[:10], *old)])

    accounts = run(fresh, site, FIRST, 2, spark=spark)
    run(fresh, site, LONG_AGO, spark=spark)

    assert [(a.raw, a.valid, a.duplicates, a.dead_letters) for a in accounts] == [(70, 60, 10, 0), (60, 60, 0, 0)]
    for role in COUNT_READERS:
        with connect(fresh, role) as client:
            answer = ask(client, "unique_visitors", estate=ESTATE, first=LONG_AGO, last=LAST)
            assert answer == counted(passes([*old, *sent]))
            with pytest.raises(ServerException, match="Not enough privileges"):
                client.execute("SELECT token FROM visitors")
    with connect(fresh, "loader") as client:
        loaded = set(client.execute("SELECT day, zone_id, camera_id, track_id, token FROM visitors"))
        assert loaded == passes(sent)  # of what is older than its time only the counts are kept
        run(fresh, site, FIRST, 2, spark=spark)
        assert set(client.execute("SELECT day, zone_id, camera_id, track_id, token FROM visitors")) == loaded
