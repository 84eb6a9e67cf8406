"""The programs that the benchmarks of the streams compare, each a process: `python -m tests.benchmarks.workers NAME`.

`occupancy` and `alerts` are the apps themselves. `faust` and `faust_*` are what the documents of Faust show
(`plain_faust.py`). `bare` is occupancy's own arithmetic with nothing but confluent_kafka around it: durable before it
commits, yet it could not go on after a crash, for it neither reads its changelog back nor keeps an outbox.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, Producer

from infra.events import encoder
from infra.settings import Settings, load_settings
from infra.topics import DETECTIONS, MAX_MESSAGE_BYTES, OCCUPANCY, PARTITIONER, topic_name
from infra.validate import Refusal, judge
from streams import alerts, occupancy, worker
from streams.durable import ZoneValue
from streams.zone import ZoneState, apply
from streams.zone_rules import ZoneRules
from tests.benchmarks import plain_faust
from tests.benchmarks.feed import one_way_site, synthetic_site
from tests.benchmarks.plain_faust import TABLE

BATCH: Final = 5_000
Zones = dict[str, ZoneValue[ZoneState]]


def changelog(name: str, settings: Settings) -> str:
    """The changelog topic of the program `name`, as Faust calls it."""
    return f"{worker.group(name, settings)}-{TABLE}-changelog"


def run_occupancy(settings: Settings) -> None:
    """Our app as `anfang stream occupancy` runs it, on the made-up site."""
    worker.run(occupancy.make_app(settings, synthetic_site()))


def run_alerts(settings: Settings) -> None:
    """Our app as `anfang stream alerts` runs it, on the made-up site whose lines may be crossed one way only."""
    worker.run(alerts.make_app(settings, one_way_site()))


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
    alerts.NAME: run_alerts,
    "bare": run_bare,
    "faust": plain_faust.count,
    "faust_alerts": plain_faust.watch,
    "faust_keys": plain_faust.keep,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](load_settings())
