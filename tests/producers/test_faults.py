"""Faults on demand: repeated, late, missed and poisoned messages, each as promised and counted."""

from collections import Counter
from datetime import date

import msgspec
import pytest

from infra.clock import MINUTE_MS
from infra.errors import UserError
from infra.events import MAX_CLOCK_ERROR_MS, MAX_ENVELOPE_BYTES, Envelope
from infra.topics import MAX_MESSAGE_BYTES
from producers.simulate.faults import POISONS, Faults
from producers.simulate.run import Plan, run
from tests.producers.helpers import SMALL, MemorySink, Sent

MONDAY = date(2024, 5, 27)


def refusal(message: Sent) -> str | None:
    """Why the house must refuse a message, or None."""
    if len(message.value) > MAX_ENVELOPE_BYTES:
        return "too_large"
    try:
        envelope = msgspec.json.decode(message.value, type=Envelope)
    except msgspec.ValidationError:
        return "wrong_version"
    except msgspec.DecodeError:
        return "nan" if b"NaN" in message.value else "malformed"
    if envelope.camera_id not in SMALL.camera:
        return "unknown_camera"
    return "years_off" if abs(message.timestamp_ms - envelope.start_ms) > MAX_CLOCK_ERROR_MS else None


def test_each_kind_of_poison_must_be_refused_and_nothing_else() -> None:
    sink = MemorySink()
    produced = run(SMALL, Plan(MONDAY, days=2, faults=Faults(poison=13, duplicates=0.01)), sink)
    refused = Counter(refusal(message) for message in sink.detections())
    valid = refused.pop(None)
    assert refused == produced.poison
    assert set(refused) == set(POISONS)
    assert sum(refused.values()) == 13
    assert valid == produced.valid_unique + produced.duplicates
    assert produced.messages == len(sink.detections())


def test_poison_is_keyed_by_a_zone_and_fits_into_kafka() -> None:
    sink = MemorySink()
    run(SMALL, Plan(MONDAY, faults=Faults(poison=6)), sink)
    bad = [message for message in sink.detections() if refusal(message)]
    times = [message.timestamp_ms for message in sink.detections()]
    assert times == sorted(times)
    for message in bad:
        assert message.key.decode() in SMALL.zone
        assert len(message.value) < MAX_MESSAGE_BYTES
    assert max(len(message.value) for message in bad) == 5_000_000


def test_duplicates_are_the_same_bytes_shortly_after() -> None:
    sink = MemorySink()
    produced = run(SMALL, Plan(MONDAY, faults=Faults(duplicates=0.05)), sink)
    copies = Counter(message for message in [(m.key, m.value, m.timestamp_ms) for m in sink.detections()])
    assert set(copies.values()) == {1, 2}
    assert sum(count == 2 for count in copies.values()) == produced.duplicates
    assert len(copies) == produced.valid_unique
    assert 0.04 < produced.duplicates / produced.valid_unique < 0.06


def test_late_envelopes_come_late_but_not_later_than_said() -> None:
    sink = MemorySink()
    produced = run(SMALL, Plan(MONDAY, faults=Faults(late=0.05, late_minutes=4)), sink)
    newest, late = 0, 0
    for message in sink.detections():
        behind = newest - message.timestamp_ms
        assert behind <= 4 * MINUTE_MS
        if behind > 15_000:
            assert b'"crossing_id"' in message.value
            late += 1
        newest = max(newest, message.timestamp_ms)
    assert 0.9 * produced.late <= late <= produced.late
    assert produced.late > 100


def test_missed_crossings_are_missing_everywhere() -> None:
    sink, whole = MemorySink(), MemorySink()
    produced = run(SMALL, Plan(MONDAY, faults=Faults(missed=0.05)), sink)
    complete = run(SMALL, Plan(MONDAY), whole)
    assert produced.crossings_true == complete.crossings_sent == produced.crossings_sent + produced.missed
    assert 0.04 < produced.missed / produced.crossings_true < 0.06
    told = {name for e in sink.with_crossings() if e.crossings for name in e.crossings.crossing_id}
    assert len(told) == produced.crossings_sent


@pytest.mark.parametrize("faults", [{"missed": 1.0}, {"duplicates": -0.1}, {"late": 2.0}, {"late_minutes": 0.0}])
def test_shares_out_of_range_are_refused(faults: dict[str, float]) -> None:
    with pytest.raises(UserError, match="--"):
        Faults(
            missed=faults.get("missed", 0.0),
            duplicates=faults.get("duplicates", 0.0),
            late=faults.get("late", 0.0),
            late_minutes=faults.get("late_minutes", 1.0),
        )
