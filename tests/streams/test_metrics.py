"""Metrics: each says what it means and what to do, the documents name each, and a real worker tells the truth."""

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra import metrics
from infra.errors import UserError
from infra.events import encoder
from infra.lag import lag
from infra.local.ports import free_port
from infra.local.process import wait_until
from infra.local.registry import start_process, stop_process
from infra.settings import Settings
from infra.topics import DEAD_LETTERS, DETECTIONS, OCCUPANCY, topic_name
from streams.durable import Taken, count_taken
from streams.publish import Output
from streams.worker import group
from tests.kafka_helpers import produce, read_all
from tests.streams.test_zone import START_MS, Passing, _stream

OPERATOR = (Path(__file__).parents[2] / "docs" / "operator.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", [family for metric in metrics.METRICS for family in metric.collect()])
def test_every_metric_says_what_to_do_and_is_documented(family: object) -> None:
    assert "Do: " in getattr(family, "documentation", "")
    assert f"`{getattr(family, 'name', '')}" in OPERATOR


def test_nothing_is_in_the_registry_that_is_not_listed() -> None:
    assert len(list(metrics.REGISTRY.collect())) == len(metrics.METRICS)


def test_a_batch_is_counted() -> None:
    letter = Output("dead_letters", 0, None, b"x", 0, [("reason", b"test_reason")])
    taken = Taken[int](dead_letters=[letter, letter], envelopes=5, duplicates=2, watermarks_ms={"test_zone": 1_000})
    before = metrics.REGISTRY.get_sample_value("anfang_duplicates_total") or 0.0
    try:
        count_taken(taken)
        assert metrics.REGISTRY.get_sample_value("anfang_duplicates_total") == before + 2
        assert metrics.REGISTRY.get_sample_value("anfang_dead_letters_total", {"reason": "test_reason"}) == 2
        assert (metrics.REGISTRY.get_sample_value("anfang_watermark_age_seconds", {"zone": "oldest"}) or 0) > 1e9
    finally:
        metrics.watermarks_ms.clear()
    age = metrics.REGISTRY.get_sample_value("anfang_watermark_age_seconds", {"zone": "oldest"})
    assert age is not None
    assert math.isnan(age)


@pytest.fixture
def served(fresh: Settings) -> Iterator[tuple[Settings, int]]:
    """Settings and the metrics port of a running occupancy worker."""
    port, name = free_port(set()), f"{fresh.topic_prefix}occupancy"
    argv = [sys.executable, "-m", "anfang", "stream", "occupancy", "--metrics-port", str(port)]
    start_process(fresh, name, argv, fresh.as_environment())
    yield fresh, port
    stop_process(fresh, name)


def _scrape(port: int) -> dict[str, float]:
    """Samples by name with its labels' values, histograms by their count."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            ".".join([sample.name, *sample.labels.values()]): sample.value
            for family in families
            for sample in family.samples
            if not sample.name.endswith(("_bucket", "_created"))
        }


@pytest.mark.stack
def test_a_worker_tells_what_it_did(served: tuple[Settings, int]) -> None:
    settings, port = served
    story = _stream([Passing(START_MS + 5_000, "north", 1)], 20)
    late = msgspec.structs.replace(next(one for one in story if one.crossings), seq=900)
    good = [(e.zone_id.encode(), encoder.encode(e), e.start_ms) for e in [*story, *story[:7], late]]
    produce(settings, DETECTIONS, [*good, (b"estate", b"{", START_MS), (b"estate", b"", START_MS)])
    wait_until(lambda: lag(settings, group("occupancy", settings), (DETECTIONS,)) == 0, 90, "caught up")

    told = _scrape(port)
    assert told["anfang_envelopes_total"] == len(story) + 8
    assert told["anfang_duplicates_total"] == 7
    assert told["anfang_late_crossings_total"] == 1
    before_late = [e.seq for e in story if (e.camera_id, e.zone_id) == (late.camera_id, late.zone_id)]
    assert told["anfang_missing_envelopes"] == 900 - 1 - max(before_late)
    assert told["anfang_dead_letters_total.malformed_json"] == len(read_all(settings, DEAD_LETTERS)) == 2
    topic = topic_name(OCCUPANCY, settings)
    rows = len(read_all(settings, OCCUPANCY))
    assert told[f"anfang_outputs_total.{topic}"] == told[f"anfang_output_age_seconds_count.{topic}"] == rows > 0
    assert told["anfang_batch_seconds_count"] >= 1
    assert 0 < told["anfang_recovery_seconds"] < 60
    assert all(value == 0 for name, value in told.items() if name.startswith("anfang_lag_records"))
    expected_s = time.time() - max(envelope.end_ms for envelope in story if envelope.crossings is None) / 1000
    for zone in ("oldest", "newest"):
        assert told[f"anfang_watermark_age_seconds.{zone}"] == pytest.approx(expected_s, abs=30)
    with pytest.raises(UserError, match="--metrics-port"):
        metrics.serve(port)
