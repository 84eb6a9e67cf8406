"""The three programs that the occupancy benchmark compares, each a process: `python -m … {occupancy|faust|bare}`.

`occupancy` is the app itself. `faust` is what the documents of Faust show. `bare` is the app's own arithmetic with
nothing but confluent_kafka around it: durable before it commits, yet it could not go on after a crash, for it neither
reads its changelog back nor keeps an outbox.
"""

import sys
from collections.abc import AsyncIterable, Callable, Sequence
from typing import Final

import faust
import msgspec
from confluent_kafka import Consumer, KafkaException, Message, Producer

from infra.events import encoder
from infra.settings import Settings, load_settings
from infra.topics import DETECTIONS, MAX_MESSAGE_BYTES, OCCUPANCY, PARTITIONER, topic_name
from infra.validate import Refusal, judge
from streams import occupancy, worker
from streams.durable import ZoneValue
from streams.zone import ZoneRules, ZoneState, apply
from tests.benchmarks.feed import synthetic_site

TABLE: Final = "zones"
BATCH: Final = 5_000
Zones = dict[str, ZoneValue[ZoneState]]


def changelog(name: str, settings: Settings) -> str:
    """The changelog topic of the program `name`, as Faust calls it."""
    return f"{worker.group(name, settings)}-{TABLE}-changelog"


def run_occupancy(settings: Settings) -> None:
    """Our app as `anfang stream occupancy` runs it, on the made-up site."""
    worker.run(occupancy.make_app(settings, synthetic_site()))


def run_faust(settings: Settings) -> None:
    """Plain Faust: one JSON document and one table write a message; broker settings as in our own apps."""
    app = faust.App(
        worker.group("faust", settings),
        broker=f"kafka://{settings.kafka_address()}",
        store="memory://",
        datadir=str((settings.home / "faust" / "plain").absolute()),
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
    zones = app.Table(TABLE, default=int, partitions=settings.partitions)

    async def count(stream: AsyncIterable[dict[str, dict[str, list[int]]]]) -> None:
        async for envelope in stream:
            crossings = envelope["crossings"]
            zones[envelope["zone_id"]] += sum(crossings["direction"]) if crossings else 0

    topic = app.topic(topic_name(DETECTIONS, settings), key_serializer="raw", value_serializer="json")
    app.agent(topic, name="count")(count)
    worker.run(app)


def run_bare(settings: Settings) -> None:
    """The same arithmetic in a loop: take a batch, write changelog and rows, flush, commit."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_address(),
            "group.id": worker.group("bare", settings),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.max.bytes": worker.FETCH_BYTES * settings.partitions,
            "max.partition.fetch.bytes": worker.FETCH_BYTES,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_address(),
            "partitioner": PARTITIONER,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.size": 262_144,
            "message.max.bytes": MAX_MESSAGE_BYTES,
        }
    )
    consumer.subscribe([topic_name(DETECTIONS, settings)])
    take = _taker(settings, producer)
    while True:
        batch = consumer.consume(BATCH, timeout=0.05)
        if batch:
            take(batch)
            producer.flush()
            consumer.commit(asynchronous=False)


def _taker(settings: Settings, producer: Producer) -> Callable[[Sequence[Message]], None]:
    """A function that counts a batch, and queues its rows and each touched zone once."""
    site = synthetic_site()
    rules = {zone.id: ZoneRules(site, zone.id, settings.grace_minutes * 60_000) for zone in site.zones}
    zones: Zones = {}
    rows_topic, log_topic = topic_name(OCCUPANCY, settings), changelog("bare", settings)
    pack = msgspec.msgpack.Encoder().encode

    def take(batch: Sequence[Message]) -> None:
        touched: Zones = {}
        for message in batch:
            if message.error():
                raise KafkaException(message.error())
            topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
            sent_ms = message.timestamp()[1]
            envelope = judge(message.value(), sent_ms, site)
            assert not isinstance(envelope, Refusal), envelope
            zone_id = envelope.zone_id
            value = zones.setdefault(zone_id, ZoneValue(partition, ZoneState(), {}, []))
            if value.advance(topic, offset):
                touched[zone_id] = value
                for row in apply(value.state, envelope, rules[zone_id]):
                    producer.produce(rows_topic, encoder.encode(row), zone_id.encode(), partition, timestamp=sent_ms)
        for zone_id, value in touched.items():
            producer.produce(log_topic, pack(value), zone_id.encode(), value.partition)

    return take


PROGRAMS: Final[dict[str, Callable[[Settings], None]]] = {
    occupancy.NAME: run_occupancy,
    "faust": run_faust,
    "bare": run_bare,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](load_settings())
