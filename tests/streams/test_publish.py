"""What is handed over together arrives as it was, in order, whatever its size."""

import asyncio

import pytest

from infra.settings import Settings
from infra.topics import DEAD_LETTERS, OCCUPANCY, create_topics, topic_name
from streams import worker
from streams.publish import Output, hand_over
from tests.kafka_helpers import read_all

pytestmark = pytest.mark.stack
LARGE = 300_000  # more than a record batch of our producer holds


def outputs(settings: Settings) -> list[Output]:
    """Some thousand messages for two partitions by turns, a few of them large; every hundredth is a dead letter."""
    rows, letters = topic_name(OCCUPANCY, settings), topic_name(DEAD_LETTERS, settings)
    made = []
    for number in range(3000):
        value = b"%06d" % number + b"." * (LARGE if number % 700 == 0 else number % 997)
        headers = [("reason", b"%d" % number)] if number % 3 else []
        if number % 100 == 0:
            made.append(Output(letters, 2, b"key", value, 1_716_768_000_123 + number, headers))
        else:
            made.append(Output(rows, number % 2, b"zone", value, 1_716_768_000_123 + number, headers))
    return made


async def send(settings: Settings, parts: list[list[Output]]) -> None:
    """Hand over one part after the other, without waiting between them for the broker to have it."""
    app = worker.make_app("publish", settings, [])
    await app.producer.start()
    waiting = [one for part in parts for one in await hand_over(app, part)]
    await asyncio.gather(*waiting)
    await app.producer.stop()


def test_all_of_it_arrives_in_order_and_unchanged(fresh: Settings) -> None:
    create_topics(fresh)
    sent = outputs(fresh)
    asyncio.run(send(fresh, [sent[:1000], sent[1000:1001], [], sent[1001:]]))
    for topic in (OCCUPANCY, DEAD_LETTERS):
        arrived = sorted(read_all(fresh, topic), key=lambda message: (message.partition(), message.offset()))
        told = [(m.partition(), m.key(), m.value(), m.timestamp()[1], list(m.headers() or [])) for m in arrived]
        mine = [one for one in sent if one.topic == topic_name(topic, fresh)]
        expected = [(o.partition, o.key, o.value, o.timestamp_ms, o.headers) for o in mine]
        assert told == sorted(expected, key=lambda one: one[0])
