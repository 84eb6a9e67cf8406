"""Baselines from a warehouse of known counts, through the topic, as the alerts worker reads them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from clickhouse_driver import Client

from batch.baselines import baselines
from batch.publish_baselines import LEAST_DAYS, publish_baselines
from infra.settings import Settings
from infra.site import Site
from infra.topics import create_topics
from streams.baselines import read_baselines
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.roll_ups import roll_up_missing

pytestmark = pytest.mark.stack
FIRST = date(2026, 3, 2)


def test_what_the_warehouse_counted_is_what_is_usual(fresh: Settings, site: Site) -> None:
    create_topics(fresh)
    migrate(fresh, (site.estate.id,))
    days = [FIRST + timedelta(days=number) for number in range(LEAST_DAYS)]
    counts = {("gate_north", day, hour): 3 + hour % 5 for day in days for hour in (0, 7, 23)}
    rows = [
        (site.estate.id, day, datetime(day.year, day.month, day.day, hour, minute, tzinfo=site.tz), what)
        for (_, day, hour), persons in counts.items()
        for minute, what in [*((minute, "person") for minute in range(persons)), (59, "car")]
    ]
    with connect(fresh, "loader") as client, connect(fresh, "analyst") as reader:
        columns = "estate_id, day, event_time, crossing_id, line_id, object_class"
        client.execute(
            f"INSERT INTO crossings ({columns}) VALUES",
            [
                (estate, day, at.astimezone(UTC), f"c{n}", "gate_north", what)
                for n, (estate, day, at, what) in enumerate(rows)
            ],
        )
        _told_of_cameras(client, site, days)
        roll_up_missing(client, site.estate.id, site.estate.timezone)
        client.execute(
            "INSERT INTO nightly_accounting (estate_id, day) VALUES", [(site.estate.id, day) for day in days[1:]]
        )
        assert publish_baselines(fresh, site, reader, days[-1]) == 0
        client.execute("INSERT INTO nightly_accounting (estate_id, day) VALUES", [(site.estate.id, days[0])])
        assert publish_baselines(fresh, site, reader, days[-1]) == len(site.lines) - 1
    known = read_baselines(fresh, site)
    lines = dict.fromkeys((line for line in site.line if line != "door_1"), days)
    assert known == {one.line_id: one for one in baselines(counts, lines, site.estate.id)}
    assert known["gate_north"].mean[7] == pytest.approx(5)


def _told_of_cameras(client: Client, site: Site, days: list[date]) -> None:
    """Every camera sent something each day, a new one from the second on; so did one that was removed since."""
    began = {camera: days[1] if camera == "cam_door_1" else days[0] for camera in (*site.camera, "cam_removed")}
    client.execute(
        "INSERT INTO camera_sequences (estate_id, day, camera_id) VALUES",
        [(site.estate.id, day, camera) for camera, first in began.items() for day in days if day >= first],
    )
