"""Messages into Kafka, those of one topic and partition together as one record batch.

Sent by itself, each message costs Faust and aiokafka about a tenth of a millisecond of Python: futures, callbacks,
queues. A batch that is built here costs that once.
"""

from collections.abc import Awaitable, Sequence
from typing import TypeAlias, cast

import faust
from aiokafka import AIOKafkaProducer
from faust.transport.drivers.aiokafka import Producer as AiokafkaProducer
from msgspec import Struct


class Output(Struct, frozen=True, array_like=True):
    """A message to send: topic, partition, key, value, Kafka timestamp, headers."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: list[tuple[str, bytes]] = []


Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


async def hand_over(app: faust.App, outputs: Sequence[Output]) -> list[Awaitable[object]]:
    """Give `outputs` to the app's producer; what is returned is done when the broker has them.

    Order is kept within a partition, also that between this call and the next, if that is made when this has returned.
    """
    waiting: list[Awaitable[object]] = []
    together: dict[Place, list[Output]] = {}
    for output in outputs:
        together.setdefault((output.topic, output.partition), []).append(output)
    producer: AIOKafkaProducer = cast(AiokafkaProducer, app.producer)._ensure_producer()
    for place, alike in together.items():
        waiting += await _send_together(producer, place, alike)
    return waiting


async def _send_together(
    producer: AIOKafkaProducer, place: Place, outputs: Sequence[Output]
) -> list[Awaitable[object]]:
    """In as few record batches as `producer_max_batch_size` allows; one holds at least one message."""
    topic, partition = place
    waiting: list[Awaitable[object]] = []
    batch = producer.create_batch()
    for output in outputs:
        message = {
            "timestamp": output.timestamp_ms,
            "key": output.key,
            "value": output.value,
            "headers": output.headers,
        }
        if batch.append(**message) is None:
            batch.close()  # what is not closed lingers
            waiting.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(**message)
    batch.close()
    waiting.append(await producer.send_batch(batch, topic, partition=partition))
    return waiting
