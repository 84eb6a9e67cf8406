"""Dead letters: a refused message goes to its own topic with its bytes untouched; headers say where and why."""

from infra.topics import (
    HEADER_DETAIL,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_TIMESTAMP,
    HEADER_TOPIC,
)
from infra.validate import Refusal
from streams.coalescing import Record
from streams.publish import Output

MAX_DETAIL_CHARACTERS = 500


def dead_letter(topic: str, record: Record, refusal: Refusal) -> Output:
    """The dead letter of `record` for the dead-letter topic `topic`; sending it twice is seen by its coordinates.

    It goes to the partition that the record was in (all topics have as many), so that a fetch's letters go together.
    """
    headers = {
        HEADER_REASON: refusal.reason,
        HEADER_DETAIL: refusal.detail[:MAX_DETAIL_CHARACTERS],
        HEADER_TOPIC: record.topic,
        HEADER_PARTITION: str(record.partition),
        HEADER_OFFSET: str(record.offset),
        HEADER_TIMESTAMP: str(record.timestamp),
    }
    encoded = [(name, text.encode()) for name, text in headers.items()]
    return Output(topic, record.partition, record.key, record.value, record.timestamp, encoded)
