"""How every Faust app here is set up: one table, coalesced inputs, one agent per topic (see `docs/developer.md`)."""

import time
from collections.abc import AsyncIterable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import faust
from confluent_kafka import KafkaException
from faust.streams import Stream
from faust.tables.manager import TableManager
from faust.types import EventT, StreamT

from infra import metrics
from infra.lag import Place, uncommitted
from infra.settings import Settings
from infra.topics import MAX_MESSAGE_BYTES, Topic, topic_name
from streams.coalescing import CoalescingConsumer, CoalescingTransport, Record, coalesce
from streams.durable import DurableZones, S, Taken, ZoneValue, stop_process
from streams.fence import FencedTable
from streams.poison import PoisonWatch
from streams.watchdog import Watchdog

FETCH_BYTES = 8_000_000
POLL_RECORDS = 20_000
METADATA_AGE_MS = 10_000
"""A broker that has just started may tell a group of no topics: it has nothing to do until one asks again."""

Take = Callable[[Sequence[Record]], Taken[S]]


def make_app(name: str, settings: Settings, topics: Sequence[Topic]) -> faust.App:
    """A Faust app that consumes `topics` in coalesced form and serves nothing by itself."""
    app = faust.App(
        group(name, settings),
        broker=f"kafka://{settings.kafka_address()}",
        store="memory://",
        datadir=str((settings.home / "faust" / name).absolute()),
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication_factor,
        topic_disable_leader=True,
        web_enabled=False,
        table_standby_replicas=0,
        stream_buffer_maxsize=1,  # fetches; what waits at the broker comes as one more, and costs no more
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        consumer_group_instance_id=settings.worker or None,
        Table=FencedTable,
        broker_max_poll_records=POLL_RECORDS,
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_metadata_max_age_ms=METADATA_AGE_MS,
        consumer_auto_offset_reset="earliest",
        producer_linger_ms=5,
        producer_max_batch_size=262_144,
        producer_max_request_size=MAX_MESSAGE_BYTES + 100_000,
        producer_compression_type="lz4",
    )
    coalesce(app, frozenset(topic_name(topic, settings) for topic in topics))
    return app


def make_zones(
    app: faust.App, settings: Settings, value_type: type[ZoneValue[S]], empty: Callable[[], S]
) -> DurableZones[S]:
    """The app's one table and the durable zones on it; outboxes are sent again after each recovery.

    A watchdog ends the process when it is behind and nothing moves.
    """
    table = cast(
        FencedTable,
        app.Table(
            "zones",
            partitions=settings.partitions,
            key_type=bytes,
            value_type=bytes,
            recovery_buffer_size=2,  # of fetches; with 1 Faust goes on reading the changelog after recovery
        ),
    )
    watch(app, settings)
    poison = PoisonWatch(settings.poison_limit)
    zones = DurableZones(app, table, value_type, empty, poison=poison)

    began = time.monotonic()

    async def on_assigned(*_assigned: object, **_more: object) -> None:
        nonlocal began
        began = time.monotonic()

    async def on_recover() -> None:
        assignments = await _recovered_for(app)
        if assignments is None:
            return
        await zones.recover()
        cast(CoalescingConsumer, app.consumer).note_recovered(assignments)
        metrics.RECOVERY_SECONDS.set(time.monotonic() - began)

    app.on_partitions_assigned.connect(on_assigned)
    table.on_recover(on_recover)
    return zones


async def _recovered_for(app: faust.App) -> int | None:
    """Of which assignment the changelogs have been read; None where another rebalance came before their ends.

    Faust then recovers anew, and tells of that again. Without one the process ends.
    """
    consumer, recovery = cast(CoalescingConsumer, app.consumer), cast(TableManager, app.tables).recovery
    assignments, started_at = consumer.assignments, recovery._recovery_started_at

    def cut_short() -> bool:
        anew = consumer.assignments != assignments or recovery._recovery_started_at != started_at
        return anew or recovery.signal_recovery_start.is_set()

    if cut_short():
        return None
    try:
        recovery.flush_buffers()
        unread = await consumer.unread_changelogs()
    except Exception as error:  # Faust would go on
        stop_process(f"whether changelogs were read to their ends could not be found out: {error!r}")
    if cut_short():
        return None
    if unread:
        stop_process(f"recovery ended before the ends of changelogs: {unread}")
    return assignments


def watch(app: faust.App, settings: Settings) -> None:
    """End this process when it has been asleep, or is behind and nothing moves."""
    watchdog = Watchdog(partial(_behind, app, settings), stop_process, settings.session_timeout_s)

    async def on_assigned(*_assigned: object, **_more: object) -> None:
        watchdog.watch()

    app.on_partitions_assigned.connect(on_assigned)


def _behind(app: faust.App, settings: Settings) -> dict[Place, int]:
    """Where each partition of this worker stands that has more to take; none when Kafka does not answer."""
    inputs = cast(CoalescingTransport, app.transport).coalesced_topics
    try:
        own = [(tp.topic, tp.partition) for tp in app.consumer.assignment() if tp.topic in inputs]
        left = uncommitted(settings, str(app.conf.id), own)
    except KafkaException:
        return {}
    return {place: start for place, (start, _end) in left.items()}


def add_agent(app: faust.App, topic: str, zones: DurableZones[S], take: Take[S]) -> None:
    """Run `take` on every fetch of `topic`, one at a time, acknowledged when durable."""

    async def agent(stream: StreamT[object]) -> None:
        assert isinstance(stream, Stream)
        events: AsyncIterable[EventT[object]] = stream.noack().events()
        await zones.run(events, take)

    app.agent(app.topic(topic), name=f"take-{topic}", concurrency=1)(agent)


def run(app: faust.App, metrics_port: int | None = None) -> None:
    """Run the worker in this process until it is told to stop (SIGINT, SIGTERM); metrics on `metrics_port`, if any."""
    if metrics_port is not None:
        metrics.serve(metrics_port)
    Path(app.conf.datadir).mkdir(parents=True, exist_ok=True)
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


def group(name: str, settings: Settings) -> str:
    """The consumer group of the app `name`."""
    return f"{settings.topic_prefix}anfang-{name}"
