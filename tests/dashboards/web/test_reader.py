"""What the page's reader takes from Kafka; a broker is put in its place that holds a few passages."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from dashboards.web import reader as room
from dashboards.web.live import Live
from infra.clock import DAY_MS, MINUTE_MS, FakeClock
from infra.events import GatePassage, encoder
from infra.settings import Settings
from infra.topics import GATE_PASSAGES, topic_name
from tests.dashboards.web.messages import NOON, SITE, passage

GATE = SITE.gates[0].id
SETTINGS = Settings(kafka="127.0.0.1:9")


class Broker:
    """Takes the place of Kafka's consumer: every topic has one partition, that of passages holds `held`."""

    held: Sequence[tuple[GatePassage, int]] = ()

    def __init__(self, _config: Mapping[str, object]) -> None:
        self._assigned: list[TopicPartition] = []

    def list_topics(self, timeout: float) -> SimpleNamespace:
        names = [topic_name(topic, SETTINGS) for topic in room.KINDS]
        return SimpleNamespace(topics={name: SimpleNamespace(partitions=[0]) for name in names})

    def offsets_for_times(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return places

    def assign(self, places: list[TopicPartition]) -> None:
        self._assigned = places

    def consume(self, _most: int, _timeout: float) -> list[Message]:
        told = []
        for place in self._assigned:
            if place.topic == topic_name(GATE_PASSAGES, SETTINGS):
                told += [
                    Message(topic=place.topic, partition=0, offset=n, value=encoder.encode(one), timestamp=(1, sent_ms))
                    for n, (one, sent_ms) in enumerate(self.held)
                ]
            error = KafkaError(KafkaError._PARTITION_EOF)
            told.append(Message(topic=place.topic, partition=0, offset=len(self.held), error=error))
        return told


@pytest.mark.parametrize("sent_ms", [NOON, NOON + 3 * DAY_MS])
def test_a_passage_from_the_future_does_not_hide_the_gates_good_ones(
    monkeypatch: pytest.MonkeyPatch, sent_ms: int
) -> None:
    """Its controller's clock is three days ahead, and perhaps its sender's, too."""
    ahead = passage(GATE, NOON + 3 * DAY_MS)
    good = passage(GATE, NOON - MINUTE_MS)
    monkeypatch.setattr(Broker, "held", [(good, good.event_ms), (ahead, sent_ms)])
    monkeypatch.setattr(room, "Consumer", Broker)
    monkeypatch.setattr(room, "create_topics", lambda settings: None)
    live = Live(SITE)
    room.Reader(SETTINGS, [live], FakeClock(NOON)).catch_up()
    assert live.facts is not None
    fact = live.facts.gates[GATE]
    assert (fact.state, fact.minute_ms) == ("ok", NOON - MINUTE_MS)
