"""What the documents of Faust show, killed as often as ours: `table[key] += 1` over `take`. `python -m … ` runs it."""

from collections.abc import AsyncIterable, Sequence

import faust
from faust.streams import Stream
from faust.types import StreamT

from infra.settings import Settings, load_settings
from infra.topics import DETECTIONS, topic_name
from streams import worker

NAME = "plain"


def run(settings: Settings) -> None:
    """Count the messages of each zone, a thousand at a time, until stopped."""
    app = faust.App(
        worker.group(NAME, settings),
        broker=f"kafka://{settings.kafka_address()}",
        store="memory://",
        datadir=str((settings.home / "faust" / NAME).absolute()),
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        web_enabled=False,
        table_standby_replicas=0,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.worker or None,
    )
    counts = app.Table("counts", default=int, partitions=settings.partitions, use_partitioner=True)

    async def count(stream: StreamT[dict[str, str]]) -> None:
        assert isinstance(stream, Stream)
        batches: AsyncIterable[Sequence[dict[str, str]]] = stream.take(1000, within=1)
        async for envelopes in batches:
            for envelope in envelopes:
                counts[envelope["zone_id"]] += 1

    topic = app.topic(topic_name(DETECTIONS, settings), key_serializer="raw", value_serializer="json")
    app.agent(topic, name="count")(count)
    worker.run(app)


if __name__ == "__main__":
    run(load_settings())
