"""A source that is mostly poison stops the worker, with a message, after all of it lies in dead letters."""

import sys

import pytest

from infra.lag import end_offsets, lag
from infra.local.files import log_file
from infra.local.process import alive, wait_until
from infra.local.registry import read_process, start_process, stop_process
from infra.settings import Settings
from infra.topics import DEAD_LETTERS, DETECTIONS
from streams.poison import PoisonWatch
from streams.worker import group
from tests.kafka_helpers import produce
from tests.streams.test_zone import START_MS


def _stops(batches: list[tuple[int, int]], limit: float = 0.5) -> int | None:
    """The number of the batch that stops the worker, given (records, refused) of each."""
    watch = PoisonWatch(limit)
    return next((n for n, (all_, bad) in enumerate(batches) if watch.note(all_, ["malformed_json"] * bad)), None)


def test_a_source_that_is_mostly_poison_stops_the_worker() -> None:
    assert _stops([(400, 400), (400, 400), (200, 200)]) == 2
    assert _stops([(1000, 500), (1000, 501)]) == 1
    assert _stops([(5000, 1000), (200, 200), (300, 300), (300, 300), (300, 300)]) == 4


def test_few_records_little_poison_or_no_limit_do_not() -> None:
    assert _stops([(999, 999)]) is None
    assert _stops([(1000, 500)] * 50) is None
    assert _stops([(100, 100), (1000, 10)] * 20) is None
    assert _stops([(5000, 5000)], limit=1.0) is None


def test_batches_without_records_are_not_kept() -> None:
    watch = PoisonWatch(0.5)
    for _ in range(10_000):
        watch.note(0, [])
    assert watch == PoisonWatch(0.5)


def test_the_message_says_how_much_why_and_what_to_do() -> None:
    told = PoisonWatch(0.5).note(2000, ["unknown_camera"] * 1500 + ["too_large"] * 10)
    assert told is not None
    for part in (
        "1510 of the last 2000",
        "unknown_camera 1500, too_large 10",
        "dead-letters list",
        "ANFANG_POISON_LIMIT",
    ):
        assert part in told


@pytest.mark.stack
def test_the_worker_stops_and_goes_on_when_told_to(fresh: Settings) -> None:
    name = f"{fresh.topic_prefix}occupancy"
    argv = [sys.executable, "-m", "anfang", "stream", "occupancy"]
    produce(fresh, DETECTIONS, [(b"estate", b"{", START_MS)] * 1_500)
    start_process(fresh, name, argv, fresh.as_environment())
    process = read_process(fresh, name)
    assert process is not None
    try:
        wait_until(lambda: not alive(process), 90, "the worker stopped")
        assert "malformed_json" in log_file(fresh, name).read_text()
        assert sum(end_offsets(fresh, DEAD_LETTERS)) >= 1_000
        stop_process(fresh, name)
        produce(fresh, DETECTIONS, [(b"estate", b"{", START_MS)] * 1_500)
        start_process(fresh, name, argv, fresh.as_environment() | {"ANFANG_POISON_LIMIT": "1"})
        wait_until(lambda: lag(fresh, group("occupancy", fresh), (DETECTIONS,)) == 0, 90, "all taken")
        assert sum(end_offsets(fresh, DEAD_LETTERS)) >= 3_000
    finally:
        stop_process(fresh, name)
