"""The load test's feed: each second's envelopes are new ones, valid, and told at that second."""

from typing import cast

from infra.topics import Topic
from infra.validate import Refusal, judge
from producers.sink import KafkaSink
from tests.benchmarks.district import FROM_S, _send
from tests.benchmarks.feed import START_MS, a_second, synthetic_site


class _Kept:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, int]] = []

    def send(self, _topic: Topic, _key: bytes, value: bytes, timestamp_ms: int) -> None:
        self.sent.append((value, timestamp_ms))

    def flush(self) -> None:
        pass


def test_each_second_is_new_and_valid() -> None:
    site, kept, crossings, seqs = synthetic_site(40), _Kept(), set[str](), set[tuple[str, int]]()
    for second in range(12):
        _send(cast(KafkaSink, kept), a_second(40), second)
    for value, sent_ms in kept.sent:
        envelope = judge(value, sent_ms, site)
        assert not isinstance(envelope, Refusal)
        assert envelope.start_ms == sent_ms == START_MS + (FROM_S + envelope.seq) * 1000
        assert envelope.detections is not None
        assert all(0 <= at_ms - sent_ms < 1000 for at_ms in envelope.detections.event_ms)
        seqs.add((envelope.camera_id, envelope.seq))
        crossings |= set(envelope.crossings.crossing_id if envelope.crossings else ())
    first = [judge(value, START_MS, site) for _, value, _ in a_second(40)]
    assert len(seqs) == 12 * 40
    assert len(crossings) == 12 * sum(not isinstance(one, Refusal) and one.crossings is not None for one in first) > 0
