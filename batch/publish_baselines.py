"""The baselines of the site's lines, from the warehouse into the compacted topic that the alerts worker reads."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

import msgspec
from clickhouse_driver import Client
from confluent_kafka import Producer

from batch.baselines import baselines
from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from infra.topics import BASELINES, PARTITIONER, topic_name
from warehouse.client import ask

BASELINE_DAYS: Final = 56
LEAST_DAYS: Final = 14
DELIVERY_TIMEOUT_S: Final = 30


def publish_baselines(settings: Settings, site: Site, client: Client, last: date) -> int:
    """Publish a baseline for each line from the `BASELINE_DAYS` up to `last`; returns how many.

    A line's days are the loaded ones on which a camera of it sent anything: what nobody watched is not usual. None from
    fewer than `LEAST_DAYS` of them: it would call usual what happened once. Raises UserError when Kafka did not take
    them.
    """
    estate, first = site.estate.id, last - timedelta(days=BASELINE_DAYS - 1)
    seen = ask(client, "camera_days", estate=estate, first=first, last=last)
    days_of = watched(site, msgspec.convert(seen, list[tuple[str, date]]))
    rows = ask(client, "line_hours", estate=estate, first=first, last=last, tz=site.estate.timezone)
    persons = msgspec.convert(rows, list[tuple[str, date, int, int]])
    counts = {(line, day, hour): number for line, day, hour, number in persons}
    made = baselines(counts, {line: days for line, days in days_of.items() if len(days) >= LEAST_DAYS}, estate)
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_address(),
            "partitioner": PARTITIONER,
            "enable.idempotence": True,
            "message.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
            "log_level": 0,
        }
    )
    for one in made:
        producer.produce(topic_name(BASELINES, settings), msgspec.json.encode(one), one.line_id.encode())
    if left := producer.flush(DELIVERY_TIMEOUT_S):
        raise UserError(
            f"Kafka did not take {left} of {len(made)} baselines", "look at `anfang status`, then run the nightly again"
        )
    return len(made)


def watched(site: Site, camera_days: Iterable[tuple[str, date]]) -> dict[str, list[date]]:
    """Of each line the days in order, given the days on which each camera sent anything."""
    days: dict[str, set[date]] = {line: set() for line in site.line}
    for camera, day in camera_days:
        for line in site.camera[camera].lines if camera in site.camera else ():
            days[line].add(day)
    return {line: sorted(found) for line, found in days.items()}
