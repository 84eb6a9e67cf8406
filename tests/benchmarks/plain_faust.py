"""Plain Faust, as its documents show it, beside our apps: one JSON document and one table write a message.

Broker settings are as in our own apps, so that what differs is how it is used.
"""

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Final, TypedDict

import faust

from infra.settings import Settings
from infra.topics import ALERTS, DETECTIONS, topic_name
from streams import worker
from tests.benchmarks.feed import ENVELOPE_KEY, QUIET_S

TABLE: Final = "zones"


class Crossings(TypedDict):
    """What is used of an envelope's crossings."""

    event_ms: list[int]
    direction: list[int]


class Envelope(TypedDict):
    """What is used of an envelope."""

    camera_id: str
    boot_id: str
    zone_id: str
    seq: int
    crossings: Crossings | None


def count(settings: Settings) -> None:
    """The balance of each zone."""
    app = make_app("faust", settings)
    zones = app.Table(TABLE, default=int, partitions=settings.partitions)

    async def take(stream: AsyncIterable[Envelope]) -> None:
        async for envelope in stream:
            crossings = envelope["crossings"]
            zones[envelope["zone_id"]] += sum(crossings["direction"]) if crossings else 0

    run(app, settings, take)


def watch(settings: Settings) -> None:
    """An alert at a crossing the wrong way, once for each that comes after `QUIET_S` without any."""
    app = make_app("faust_alerts", settings)
    last_ms = app.Table(TABLE, default=int, partitions=settings.partitions)
    alerts = app.topic(topic_name(ALERTS, settings), value_serializer="json", key_serializer="raw")

    async def take(stream: AsyncIterable[Envelope]) -> None:
        async for envelope in stream:
            zone_id, before_ms = envelope["zone_id"], last_ms[envelope["zone_id"]]
            wrong_ms = _wrong_ms(envelope["crossings"])
            last_ms[zone_id] = wrong_ms or before_ms
            if wrong_ms - before_ms > QUIET_S * 1000:
                evidence = "/".join(str(envelope[key]) for key in ENVELOPE_KEY)
                await alerts.send(
                    key=zone_id.encode(), value={"status": "opened", "zone_id": zone_id, "evidence": [evidence]}
                )

    run(app, settings, take)


def _wrong_ms(crossings: Crossings | None) -> int:
    """When a line was last crossed the wrong way; 0: not at all."""
    if not crossings:
        return 0
    told = zip(crossings["event_ms"], crossings["direction"], strict=True)
    return max((event_ms for event_ms, direction in told if direction < 0), default=0)


def keep(settings: Settings) -> None:
    """A text for each zone; it writes how many zones there are."""
    app = make_app("faust_keys", settings)
    zones = app.Table(TABLE, default=str, partitions=settings.partitions)

    async def take(stream: AsyncIterable[Envelope]) -> None:
        async for envelope in stream:
            zones[envelope["zone_id"]] = str(len(zones))

    run(app, settings, take)


def make_app(name: str, settings: Settings) -> faust.App:
    """An app with the broker settings of our own."""
    return faust.App(
        worker.group(name, settings),
        broker=f"kafka://{settings.kafka_address()}",
        store="memory://",
        datadir=str((settings.home / "faust" / name).absolute()),
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication_factor,
        topic_disable_leader=True,
        web_enabled=False,
        table_standby_replicas=0,
        stream_buffer_maxsize=4096,
        broker_commit_interval=1.0,
        broker_max_poll_records=worker.POLL_RECORDS,
        consumer_max_fetch_size=worker.FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        producer_linger_ms=5,
        producer_max_batch_size=262_144,
        producer_compression_type="lz4",
    )


def run(app: faust.App, settings: Settings, take: Callable[[AsyncIterable[Envelope]], Awaitable[None]]) -> None:
    """Run `take` on the envelopes until stopped."""
    topic = app.topic(topic_name(DETECTIONS, settings), key_serializer="raw", value_serializer="json")
    app.agent(topic, name="take")(take)
    worker.run(app)
