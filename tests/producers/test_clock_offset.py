"""The offset of a camera's clock, from readings of a made-up clock whose truth is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.clock_offset import Offset, Readings, asked, estimate, take

T0 = 1_700_000_000_123
MINUTE = 60_000
DELAYS = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=1, max_size=40)


def asked_each_minute(
    offset_ms: float,
    delays: list[tuple[int, int]],
    *,
    ppm: float = 0,
    known: Readings | None = None,
    from_minute: int = 0,
) -> Readings:
    """A clock in whole seconds, asked each minute, with such delays there and back."""
    readings = known or Readings()
    for n, (there, back) in enumerate(delays):
        sent = T0 + (from_minute + n) * 60_618
        truth = sent + there + offset_ms + ppm * 1e-6 * (sent - T0)
        readings = take(readings, asked(int(truth // 1000) * 1000, sent, sent + there + back, 1000))
    return readings


def known(readings: Readings) -> Offset:
    offset = estimate(readings)
    assert offset is not None
    return offset


@given(st.integers(-86_400_000, 86_400_000), DELAYS)
def test_the_truth_lies_within_the_bounds_and_more_answers_narrow_them(
    offset_ms: int, delays: list[tuple[int, int]]
) -> None:
    first, all_of_them = (known(asked_each_minute(offset_ms, some)) for some in (delays[:1], delays))
    assert all_of_them.low_ms <= offset_ms <= all_of_them.high_ms
    assert all_of_them.high_ms - all_of_them.low_ms <= first.high_ms - first.low_ms + 0.2 * MINUTE * len(delays) / 1000
    assert all_of_them.offset_ms == pytest.approx(offset_ms, abs=(all_of_them.high_ms - all_of_them.low_ms) / 2)


def test_whole_seconds_are_seen_through_by_many_answers() -> None:
    offset = known(asked_each_minute(2_345, [(5, 5)] * 40))
    assert offset.offset_ms == pytest.approx(2_345, abs=150)
    assert offset.high_ms - offset.low_ms < 400 < known(asked_each_minute(2_345, [(5, 5)])).high_ms


def test_an_answer_that_contradicts_the_others_is_left_out() -> None:
    before = asked_each_minute(100, [(20, 20)] * 10)
    once = asked_each_minute(9_000, [(20, 20)], known=before, from_minute=10)
    after = asked_each_minute(100, [(20, 20)], known=once, from_minute=11)
    assert known(once).offset_ms == known(before).offset_ms
    assert (known(after).jumps, after.astray) == (0, ())


@pytest.mark.parametrize("known_before", [0, 10])
def test_an_answer_during_which_our_clock_was_set_back_is_passed_over(known_before: int) -> None:
    before = asked_each_minute(100, [(20, 20)] * known_before)
    set_back = asked(T0, sent_ms=T0 + 8 * 3_600_000, received_ms=T0 + 20, resolution_ms=1000)
    assert take(before, set_back) == before


@pytest.mark.parametrize("jump_ms", [-3_600_000, -5_000, 5_000, 3_600_000])
def test_a_clock_that_is_set_is_believed_after_three_answers(jump_ms: int) -> None:
    before = asked_each_minute(100, [(20, 20)] * 10)
    two = asked_each_minute(100 + jump_ms, [(20, 20)] * 2, known=before, from_minute=10)
    three = asked_each_minute(100 + jump_ms, [(20, 20)] * 3, known=before, from_minute=10)
    assert (known(two).jumps, known(three).jumps) == (0, 1)
    assert known(two).offset_ms == pytest.approx(100, abs=600)
    assert known(three).offset_ms == pytest.approx(100 + jump_ms, abs=600)


def test_drift_is_told_when_it_shows_beyond_doubt() -> None:
    assert known(asked_each_minute(0, [(5, 5)] * 55, ppm=0)).drift_ppm is None
    fast = Readings()
    for n in range(50):
        sent = T0 + n * MINUTE
        fast = take(fast, asked(sent + 2 + round(80e-6 * n * MINUTE), sent, sent + 4))
    assert known(fast).drift_ppm == pytest.approx(80, abs=15)
